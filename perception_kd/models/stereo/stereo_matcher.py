"""Teacher and student of stereo: one matcher, whose config says how large every part is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.taps import tap
from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.registry import MODELS
from perception_kd.stages import stage
from perception_kd.structures import TapSpec
from perception_kd.structures.stereo_sample import StereoDataSample

STRIDES = (4, 8, 16, 32)
COARSEST = STRIDES[-1]


@dataclass(frozen=True)
class Matched:
    """What one pass makes of a batch.

    Attributes:
        initial: ``(B, 1, H/4, W/4)`` expected disparity of the filtered volume, in quarter-size px.
        refined: Disparities ``(B, 1, H, W)`` of the iterations, in full-size px, made one by one as they are taken.
    """

    initial: Tensor
    refined: Iterator[Tensor]


@MODELS.register_module()
class StereoMatcher(BaseModel):
    """Feature net, hybrid cost volume, cost filter, context net, recurrent refinement, convex up-sampling.

    The graph of FoundationStereo (Wen et al., CVPR 2025) and of Fast-FoundationStereo (Wen et al., CVPR 2026), which
    are two settings of it. Widths are written once: every part is told those of the parts before it.

    Args:
        feature: Config of ``StereoFeatureNet``.
        cost_volume: Config of ``HybridCostVolume``.
        cost_filter: Config of ``CostFilter``.
        context: Config of ``ContextNet`` or ``ContextHeads``.
        refiner: Config of ``SelectiveRefiner``.
        upsampler: Config of ``ConvexUpsampler``, whose widths are the refiner's unless it says otherwise.
        loss: Config of ``StereoSequenceLoss``; None: the matcher cannot be trained.
        prior: Config of a frozen monocular net, which features and context are tuned beside; None: without.
        max_disp: Disparities that are looked for, px; a multiple of 32.
        iterations: Of the refinement, in use.
        train_iterations: The same in training; None: as in use.
        stop_after: ``features``: ``loss`` runs the feature net alone and gives no loss of its own: what distillation
            asks for that trains nothing else, without any truth; all else is frozen, since parallel training waits for
            the gradient of every weight that is not. ``disparity``: it runs everything and gives no loss either.
        frozen: Paths of parts that are not trained: no gradient, and statistics of normalisations stay.
        released_layout: Also hold the layers that released checkpoints hold and their forward pass never runs, frozen:
            for loading those strictly, and for counts that equal the published ones.
        data_preprocessor, init_cfg: As in mmengine.
    """

    def __init__(self, *, feature: dict, cost_volume: dict, cost_filter: dict, context: dict, refiner: dict,
                 upsampler: dict, loss: dict | None = None, prior: dict | None = None, max_disp: int = 192,
                 iterations: int = 8, train_iterations: int | None = None,
                 stop_after: Literal['features', 'disparity'] | None = None, frozen: Sequence[str] = (),
                 released_layout: bool = False,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor or dict(type='perception_kd.StereoPreprocessor'), init_cfg)
        if stop_after not in (None, 'features', 'disparity'):
            raise ValueError(f"stop_after is None, 'features' or 'disparity', got {stop_after!r}")
        self.max_disp, self.iterations, self.stop_after = max_disp, iterations, stop_after
        self.train_iterations = iterations if train_iterations is None else train_iterations
        self.prior = MODELS.build(prior) if prior else None
        mono = self.prior.out_channels if prior else 0
        self.feature = MODELS.build({**feature, 'mono_channels': mono})
        widths = self.feature.out_channels
        self.cost_volume = MODELS.build({**cost_volume, 'in_channels': widths[0]})
        self.cost_filter = MODELS.build({**cost_filter, 'volume_channels': self.cost_volume.out_channels,
                                         'feature_channels': widths})
        self.refiner = MODELS.build({**refiner, 'volume_channels': self.cost_filter.out_channels})
        self.context = MODELS.build({**context, 'in_channels': widths[0], 'mono_channels': mono,
                                     'hidden_channels': self.refiner.hidden, 'context_channels': self.refiner.context})
        self.upsampler = MODELS.build({'widths': refiner.get('widths'), **upsampler})
        self.loss_function = MODELS.build(loss) if loss else None
        self.unused = _never_run(self.refiner) if released_layout else None
        _check_disparities(max_disp)
        self.frozen = _parts(self, frozen)
        for part in self.frozen:
            self.get_submodule(part).requires_grad_(False)
        if stop_after == 'features':
            for part in set(self.children()) - {self.feature}:
                part.requires_grad_(False)

    def train(self, mode: bool = True) -> StereoMatcher:
        """As of every module; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self.frozen:
            self.get_submodule(part).eval()
        return self

    def tap_specs(self) -> dict[str, TapSpec]:
        """The taps by name, of what runs. Features hold the left pictures, then the right ones."""
        specs = [TapSpec(f'feature_s{stride}', 'image', width, f'features at 1/{stride}, left and right', stride=stride,
                         call='first') for stride, width in zip(STRIDES, self.feature.out_channels)]
        if self.stop_after != 'features':
            specs += [TapSpec('volume', 'volume', self.cost_volume.out_channels, 'hybrid cost volume', call='first'),
                      TapSpec('filtered_volume', 'volume', self.cost_filter.out_channels, 'filtered cost volume',
                              call='first'),
                      TapSpec('initial', 'image', 1, 'disparity before refinement, quarter-size px', stride=4,
                              call='first'),
                      *self.refiner.tap_specs(),
                      TapSpec('disparity', 'image', 1, 'disparity of each iteration, full-size px', stride=1,
                              call='all')]
        return {spec.name: spec for spec in specs}

    def forward(self, inputs: dict[str, Tensor], data_samples: Sequence[StereoDataSample] | None = None,
                mode: str = 'tensor') -> Any:
        """As mmengine's models. ``tensor`` gives ``(B, 1, H, W)``, padding included."""
        if mode == 'loss':
            return self.loss(inputs, list(data_samples or ()))
        disparity = self.disparity(**inputs)
        if mode == 'tensor':
            return disparity
        if mode != 'predict':
            raise ValueError(f'mode {mode!r}: loss, predict or tensor')
        for sample, one in zip(data_samples, disparity[:, 0]):
            sample.pred_disp = Padding(*sample.pad).remove(one)
        return list(data_samples)

    def loss(self, inputs: dict[str, Tensor], data_samples: list[StereoDataSample]) -> dict[str, Tensor]:
        """Losses of a batch with truth; none with ``stop_after``, which needs no truth."""
        if self.stop_after == 'features':
            self._features(**inputs)
            return {}
        if self.stop_after == 'disparity':
            list(self.match(**inputs, iterations=self.train_iterations).refined)
            return {}
        if self.loss_function is None:
            raise ValueError('this matcher was built without loss, so it cannot be trained')
        truth, valid = padded_truth(data_samples)
        matched = self.match(**inputs, iterations=self.train_iterations)
        return self.loss_function(matched.initial, list(matched.refined), truth, valid & (truth < self.max_disp))

    def disparity(self, left: Tensor, right: Tensor, *, max_disp: int | None = None, iterations: int | None = None,
                  init: Tensor | None = None) -> Tensor:
        """Disparity of the left pictures after the last iteration: ``(B, 1, H, W)`` in px.

        Args:
            left, right: ``(B, 3, H, W)``, normalised; H and W multiples of 32.
            max_disp: Other than the matcher's own: a wider range costs time in proportion.
            iterations: Other than the matcher's own.
            init: ``(B, 1, H/4, W/4)`` in quarter-size px to refine, instead of what the volume says.
        """
        steps = self.match(left, right, max_disp=max_disp, iterations=iterations, init=init, last_only=True).refined
        (disparity,) = steps
        return disparity

    def match(self, left: Tensor, right: Tensor, *, max_disp: int | None = None, iterations: int | None = None,
              init: Tensor | None = None, last_only: bool = False) -> Matched:
        """One pass; arguments as of :meth:`disparity`. ``last_only`` up-samples the last iteration alone."""
        max_disp = self.max_disp if max_disp is None else max_disp
        _check_disparities(max_disp)
        iterations = self.iterations if iterations is None else iterations
        if iterations < 1:
            raise ValueError(f'iterations is 1 or more, got {iterations}')
        _check_start(init, left)
        features, prior = self._features(left, right)
        ours, theirs = zip(*(level.chunk(2) for level in features))
        with stage('volume'):
            volume = tap('volume', self.cost_volume(ours[0], theirs[0], max_disp // STRIDES[0]))
        with stage('filter'):
            filtered, logits = self.cost_filter(volume, ours)
            filtered = tap('filtered_volume', filtered)
            initial = tap('initial', self.cost_filter.expected(logits))
        with stage('context'):
            context = self.context(left, ours[0], None if prior is None else prior.chunk(2)[0])
            stem = self.upsampler.stem(left)
        lookup = self.refiner.lookup(filtered, ours[0], theirs[0])
        steps = self.refiner(lookup, context, initial if init is None else init, iterations,
                             skip=iterations - 1 if last_only else 0)
        return Matched(initial, self._upsampled(steps, stem))

    def _upsampled(self, steps: Iterator[tuple[Tensor, Tensor]], stem: Tensor) -> Iterator[Tensor]:
        with stage('refine'):
            kept = list(steps)
        with stage('upsample'):
            for disparity, mask in kept:
                yield tap('disparity', self.upsampler(disparity, mask, stem))

    def _features(self, left: Tensor, right: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Features of left and right pictures, ``(2B, C, H/s, W/s)`` for each stride, and the prior's map."""
        pictures = torch.cat([left, right])
        with stage('features'):
            prior = None if self.prior is None else self.prior(pictures)
            levels = self.feature(pictures, prior)
        return [tap(f'feature_s{stride}', level) for stride, level in zip(STRIDES, levels)], prior


def padded_truth(data_samples: Sequence[StereoDataSample]) -> tuple[Tensor, Tensor]:
    """True disparity, px, and where it holds, ``(B, 1, H, W)`` both, padded as the pictures of the batch are.

    Raises:
        ValueError: a sample has no truth.
    """
    truth, valid = (torch.stack(parts) for parts in zip(*(sample.known for sample in data_samples)))
    return tuple(functional.pad(part[:, None], data_samples[0].pad) for part in (truth, valid))


def _never_run(refiner: nn.Module) -> nn.Module:
    """Layers of the public code that nothing calls: gates of the context, and a stem at quarter size."""
    stem = nn.Sequential(nn.Conv2d(32, 48, 3, 2, 1, bias=False), nn.Conv2d(48, 48, 3, 1, 1, bias=False))
    gates = (nn.Conv2d(refiner.context, 3 * refiner.hidden, 3, padding=1) for _ in refiner.grus)
    return nn.ModuleDict(dict(context_gates=nn.ModuleList(gates), stem_4=stem)).requires_grad_(False)


def _parts(model: nn.Module, paths: Sequence[str]) -> tuple[str, ...]:
    paths = [paths] if isinstance(paths, str) else paths
    there = {path for path, _ in model.named_modules() if path}
    unknown = [path or "''" for path in paths if path not in there]
    if unknown:
        raise ValueError(f'frozen: {type(model).__name__} has no {", ".join(unknown)}; it has '
                         f'{", ".join(name for name, _ in model.named_children())}')
    return tuple(paths)


def _check_start(init: Tensor | None, left: Tensor) -> None:
    wanted = (len(left), 1, left.shape[-2] // STRIDES[0], left.shape[-1] // STRIDES[0])
    if init is not None and tuple(init.shape) != wanted:
        raise ValueError(f'init is a map of {wanted} for these pictures, got {tuple(init.shape)}')


def _check_disparities(max_disp: int) -> None:
    if max_disp < COARSEST or max_disp % COARSEST:
        raise ValueError(f'max_disp is a multiple of {COARSEST}, got {max_disp}')
