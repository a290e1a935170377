"""Training of many candidates of one block against one forward pass of the frozen teacher."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import Tensor, nn

from perception_kd.compress.search.block_taps import BlockCall, record_call
from perception_kd.compress.search.space import SearchSpace, Spec, candidate_id
from perception_kd.distill.rng import private_rng
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.distill.weights import load_strictly
from perception_kd.registry import MODELS, SEARCH_SPACES

WARM_UP = 0.05  # share of the iterations in which the learning rate rises


@MODELS.register_module()
class BlockDistillModel(BaseModel):
    """Candidates of one block, each taught by the teacher's block on the teacher's own inputs to it.

    All candidates read one forward pass of the teacher, which ends behind the block. No parameter belongs to two of
    them, so one optimiser trains each as if it were alone, as long as gradients are not clipped by a common norm.
    The graphs of all are in memory at once. A checkpoint holds ``candidates.<name>.*``; the teacher is absent.

    Args:
        teacher: ``FrozenTeacher`` or its arguments; its model reads ``inputs`` and ``data_samples`` of the loader
            through its own preprocessor.
        space: ``SearchSpace`` or its config.
        block: Name of a block of the space.
        candidates: Designs by name (:func:`~perception_kd.compress.search.space.candidate_id`).
        data_preprocessor, init_cfg: As in mmengine.

    Raises:
        ValueError: no such block, no candidate, or one that does not fit.
    """

    def __init__(self, *, teacher: FrozenTeacher | Mapping[str, Any], space: SearchSpace | Mapping[str, Any],
                 block: str, candidates: Mapping[str, Spec], data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor or BaseDataPreprocessor(), init_cfg)  # its name would import all models
        if not candidates:
            raise ValueError(f'block {block}: no candidate to train')
        self.teacher = FrozenTeacher(**teacher) if isinstance(teacher, Mapping) else teacher
        self.space = SEARCH_SPACES.build(space) if isinstance(space, Mapping) else space
        self.block, self.path = block, self.space.path(block)
        self.candidates = nn.ModuleDict({name: build_candidate(self.space, block, spec, self.teacher.model)
                                         for name, spec in candidates.items()})
        self._called_once = False

    def forward(self, inputs: Any, data_samples: list | None = None, mode: str = 'loss') -> dict[str, Tensor]:
        """``loss_<name>`` of each candidate.

        Raises:
            ValueError: another mode; the teacher calls the block more than once; a candidate writes other shapes.
        """
        if mode != 'loss':
            raise ValueError(f'candidates of a block are trained, mode {mode!r} has no meaning: put one into the model')
        call, samples = self._teach(inputs, data_samples)
        return {f'loss_{name}': self._compare(name, candidate, call, samples)
                for name, candidate in self.candidates.items()}

    @torch.no_grad()
    def _teach(self, inputs: Any, data_samples: list | None) -> tuple[BlockCall, list]:
        model = self.teacher.model.eval()
        inputs = dict(inputs) if isinstance(inputs, Mapping) else inputs
        data = model.data_preprocessor(dict(inputs=inputs, data_samples=data_samples), False)
        call = record_call(model, self.path, lambda: model(**data, mode='tensor'), stop=self._called_once)
        self._called_once = True  # the first pass ran to its end, so a second call of the block would have been seen
        return call, data['data_samples']

    def _compare(self, name: str, candidate: nn.Module, call: BlockCall, samples: list) -> Tensor:
        made, taught = call.repeat(candidate), call.written
        shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (made, taught)]
        if shapes[0] != shapes[1]:
            raise ValueError(f'candidate {name} of block {self.block} writes {shapes[0]}, the teacher {shapes[1]}')
        return self.space.loss(self.block, made, taught, samples, self.teacher.model)

    def _apply(self, fn: Any, recurse: bool = True) -> BlockDistillModel:
        """The teacher follows to a device, never to a dtype."""
        super()._apply(fn, recurse)
        self.teacher.to(next(self.parameters()).device)
        return self


def build_candidate(space: SearchSpace, block: str, spec: Spec, teacher: nn.Module) -> nn.Module:
    """A candidate whose first weights depend on the run's seed and the design, not on what is built beside it."""
    with private_rng('candidate', block, candidate_id(spec)):
        return space.build(block, spec, teacher)


def training_config(cfg: Config, *, checkpoint: str | Path, block: str, candidates: Mapping[str, Spec]) -> Config:
    """Config that trains candidates: the search's own, with the teacher frozen inside of a :class:`BlockDistillModel`.

    Learning rate, batch and data are those of the config; it rises for a twentieth of ``search.iterations``, then
    falls as a cosine. Gradients are not clipped by a norm that candidates would share.

    Args:
        cfg: Of the search; ``model`` is the teacher, ``search`` has ``space`` and ``iterations``.
        checkpoint: The teacher's weights.
        block: Name of the block.
        candidates: Designs by name.
    """
    cfg = copy.deepcopy(cfg)
    iterations = cfg.search.iterations
    rise = max(1, round(WARM_UP * iterations))
    cfg.model = dict(type='BlockDistillModel', teacher=dict(model=cfg.model, checkpoint=str(checkpoint)),
                     space=cfg.search.space, block=block, candidates=dict(candidates))
    cfg.train_cfg = dict(by_epoch=False, max_iters=iterations)
    cfg.param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=rise, by_epoch=False),
                           dict(type='CosineAnnealingLR', eta_min=0, begin=rise, end=iterations, by_epoch=False)]
    clip = cfg.optim_wrapper.get('clip_grad')
    if clip and clip.get('type', 'norm') == 'norm':
        cfg.optim_wrapper.clip_grad = None
    for name in ('val', 'test'):
        cfg.update({f'{name}_dataloader': None, f'{name}_cfg': None, f'{name}_evaluator': None})
    cfg.default_hooks.checkpoint = dict(type='SafeCheckpointHook', by_epoch=False, interval=max(1, iterations // 4),
                                        max_keep_ckpts=1)
    cfg.load_from, cfg.work_dir = None, None
    return cfg


def train_block(cfg: Config, *, checkpoint: str | Path, block: str, candidates: Mapping[str, Spec],
                work_dir: str | Path, **switches: Any) -> Path:
    """Train the candidates of a block; goes on from the newest checkpoint of the folder, if any.

    Args:
        cfg, checkpoint, block, candidates: As for :func:`training_config`.
        work_dir: Of checkpoints and logs, of these candidates alone.
        switches: Of :func:`~perception_kd.engine.build.build_runner` (``amp``, ``launcher``).

    Returns:
        The last checkpoint.
    """
    from perception_kd.engine.stages import train_to_end

    settings = training_config(cfg, checkpoint=checkpoint, block=block, candidates=candidates)
    return train_to_end(settings, work_dir, what=f'block {block}', **switches)


def load_candidate(path: str | Path, *, space: SearchSpace, block: str, spec: Spec, name: str,
                   teacher: nn.Module) -> nn.Module:
    """A trained candidate, in eval mode on the teacher's device.

    Args:
        path: Checkpoint of :func:`train_block`.
        space, block, spec, teacher: As for :meth:`SearchSpace.build`.
        name: Of the candidate in the checkpoint.

    Raises:
        ValueError: the checkpoint has no such candidate, or one of another design.
    """
    from perception_kd.engine.foreign_checkpoint import load_model_file

    module = build_candidate(space, block, spec, teacher)
    weights, _ = load_model_file(path, trust=False, prefix=f'candidates.{name}.')
    load_strictly(module, weights, who=f'candidate {name} of block {block} from {path}')
    device = next((weight.device for weight in teacher.parameters()), torch.device('cpu'))
    return module.to(device).eval()
