"""Pruning of the groups of a table by first-order importance, and the retraining beside the unpruned model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from perception_kd.compress.prune.groups import ChannelGroup, ChannelTable, check_groups, outside
from perception_kd.compress.prune.pruner import Pruned, Pruner, counted_batches, training_batches
from perception_kd.compress.prune.rank import rank_channels
from perception_kd.compress.prune.slim import mask, slim
from perception_kd.compress.prune.taylor import collect_gradients, taylor_importance
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.export.student import PREFIX, student_config
from perception_kd.registry import MODELS, PRUNERS

TEACHER = 'unpruned'
TOLERANCE = 1e-3  # of the largest value; two sums of the same numbers in another order differ by far less


@PRUNERS.register_module()
class TaylorPruning(Pruner):
    """Removes the channels that matter least to the training loss, in one shot over all groups of a table.

    Fast-FoundationStereo (Wen et al., CVPR 2026): importance of first order, through the iterations, global ranking,
    then retraining with ``L = sum_k gamma^(K-k) |d_k - d| + lambda sum_l |x_l - X_l|^2``, where the rest of the model
    is frozen and X_l are the features of the unpruned model in the channels that stayed.

    Args:
        groups: Config (registry ``PRUNERS``) or object of the channel groups, a
            :class:`~perception_kd.compress.prune.groups.ChannelTable`.
        ratio: Part of the channels of all groups to remove.
        round_to, min_keep: As of :func:`~perception_kd.compress.prune.rank.rank_channels`.
        batches: Of the training data that tell importance.
        normalise: As of :func:`~perception_kd.compress.prune.taylor.taylor_importance`.
        features: Pair (without its taps) for every tap of the table, for the retraining; None: features are not
            compared.
        retraining: Its other parts: ``student``, changes of the slimmed model's config, and ``pairs`` with the teacher
            ``unpruned``.
        freeze_rest: Whether the retraining leaves everything outside of the groups as it is; the model then takes
            ``frozen``.
    """

    def __init__(self, *, groups: Mapping[str, Any] | ChannelTable, ratio: float = 0.6, round_to: int = 4,
                 min_keep: int = 8, batches: int = 16, normalise: bool = True,
                 features: Mapping[str, Any] | None = None, retraining: Mapping[str, Any] | None = None,
                 freeze_rest: bool = True) -> None:
        super().__init__(ratio=ratio)
        if not isinstance(batches, int) or batches < 1:
            raise ValueError(f'prune.batches is a whole number, 1 or more, got {batches!r}')
        self.table = PRUNERS.build(groups) if isinstance(groups, Mapping) else groups
        self.round_to, self.min_keep, self.batches, self.normalise = round_to, min_keep, batches, normalise
        self.features, self.retraining, self.freeze_rest = features, dict(retraining or {}), freeze_rest

    def prune(self, model: nn.Module, cfg: Config, checkpoint: Path) -> Pruned:
        """As the base class says. The record holds ``widths``, ``kept`` indices and ``importance`` by group."""
        groups = self.table.groups(model)
        check_groups(model, groups)
        importance = self.importance(model, cfg, groups)
        kept = rank_channels(importance, self.ratio, round_to=self.round_to, min_keep=self.min_keep)
        state = {name: value for name, value in model.state_dict().items()
                 if not name.startswith(self.table.never_run)}
        weights = slim(state, groups, kept)
        whole, widths = student_config(cfg).to_dict(), {name: len(stays) for name, stays in kept.items()}
        config = self.table.slimmed_config(whole, widths)
        record = dict(
            widths=widths, widths_before={group.name: group.size for group in groups},
            difference=self._difference(model, mask(state, groups, kept), config, weights, cfg),
            kept={name: stays.tolist() for name, stays in kept.items()},
            importance={name: [float(f'{value:.6g}') for value in values] for name, values in importance.items()})
        return Pruned(config, weights, record, self._retraining(model, cfg, checkpoint, config, groups, kept))

    def importance(self, model: nn.Module, cfg: Config, groups: Sequence[ChannelGroup]) -> dict[str, Tensor]:
        """Of every channel by group, on the config's training data."""
        gradients = collect_gradients(model, counted_batches(model, cfg, self.batches), groups)
        return taylor_importance(model.state_dict(), gradients, groups, normalise=self.normalise)

    def _difference(self, model: nn.Module, masked: Mapping[str, Tensor], config: dict[str, Any],
                    weights: Mapping[str, Tensor], cfg: Config) -> float:
        """Largest difference between the slimmed and the masked model on a training batch.

        Raises:
            ValueError: it is more than rounding.
        """
        whole, slimmed = copy.deepcopy(model), MODELS.build(config)
        whole.load_state_dict(masked, strict=False)  # what never runs is not in it
        load_strictly(slimmed, dict(weights), who='the slimmed model')
        slimmed.to(next(model.parameters()).device)
        with torch.no_grad():
            (batch,) = training_batches(model, cfg, 1)
            theirs, ours = (tensors_of(net.eval()(batch['inputs'], mode='tensor')) for net in (whole, slimmed))
        difference = max(float((own - other).abs().max()) for own, other in zip(ours, theirs, strict=True))
        if not difference <= TOLERANCE * max(float(other.abs().max()) for other in theirs):
            raise ValueError(f'prune: the slimmed model differs by {difference:.2g} from the masked one: the channel '
                             f'groups of {type(self.table).__name__} miss a layer of {type(model).__name__}')
        return difference

    def _retraining(self, model: nn.Module, cfg: Config, checkpoint: Path, config: dict[str, Any],
                    groups: Sequence[ChannelGroup], kept: Mapping[str, Tensor]) -> dict[str, Any]:
        """Settings of the distillation of the slimmed model by the unpruned one."""
        taps = {tap: kept[name].tolist() for tap, name in self.table.taps.items()
                if self.features and tap in model.tap_specs()}
        pairs = {tap: dict(student=tap, teacher=f'{TEACHER}.{tap}', **self.features) for tap in taps}
        frozen = dict(frozen=outside(model, groups)) if self.freeze_rest else {}
        teacher = dict(
            type='FrozenTeacher', model=self.table.teaching_config(student_config(cfg).to_dict()),
            checkpoint=str(checkpoint), prefix=_prefix(checkpoint), adapter=dict(type='KeptChannelsAdapter', kept=taps))
        hooks = [hook for hook in cfg.to_dict().get('custom_hooks') or [] if hook['type'] != 'KDLogHook']
        student = {**config, **frozen, **self.retraining.get('student', {})}
        return dict(
            model=dict(type='Distiller', student=student, teachers={TEACHER: teacher},
                       pairs={**pairs, **self.retraining.get('pairs', {})}),
            custom_hooks=[*hooks, dict(type='KDLogHook')])


def _prefix(checkpoint: Path) -> str:
    """Of the student in a file of a distiller or of a bare student."""
    return PREFIX if any(name.startswith(PREFIX) for name in load_weights(checkpoint)) else ''
