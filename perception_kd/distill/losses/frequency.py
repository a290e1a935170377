"""Distances between the low frequencies of feature maps."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, no_mask, normaliser
from perception_kd.distill.losses.feature import rms_normalised
from perception_kd.distill.losses.numerics import scaled
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec


def low_frequencies(value: Tensor, size: int | None, low: int | None) -> Tensor:
    """The ``low`` x ``low`` lowest frequencies of a map, complex ``(B, C, k, k)``, centre first negative, as after an
    ``fftshift``: -k/2 ... k/2 - 1 for an even k, -(k-1)/2 ... (k-1)/2 for an odd one, so that all of them are an
    orthonormal transform.

    Args:
        value: Real ``(B, C, H, W)``, averaged over blocks to ``size`` x ``size`` first (a smaller side stays).
        size: None: the map's own size.
        low: None, or more than there are: all.
    """
    rows, columns = (min(size or side, side) for side in value.shape[-2:])
    if (rows, columns) != tuple(value.shape[-2:]):
        value = functional.adaptive_avg_pool2d(value, (rows, columns))
    spectrum = torch.fft.fft2(value, norm='ortho')
    return spectrum.index_select(-2, _lowest(rows, low, value)).index_select(-1, _lowest(columns, low, value))


def _lowest(side: int, low: int | None, like: Tensor) -> Tensor:
    """Places of the lowest frequencies in the order of an FFT: 0, 1, ... , -2, -1."""
    kept = min(low or side, side)
    return torch.arange(-(kept // 2), (kept + 1) // 2, device=like.device) % side


@DISTILL_LOSSES.register_module()
class FrequencyMSE(DistillLoss):
    """``1 / (B k^2 C) sum |A(Z_S) - Z_T|^2``, ``Z = crop_k FFT2(pool(F))``: features that need not align in space.

    After UHKD (frequency-domain heterogeneous distillation, arXiv 2510.24116, 2025): published are a Fourier transform
    of the teacher's features to a compact form, a learnt projection of the student's into it, and their MSE at several
    levels beside the label loss and a KL divergence of logits. Which frequencies, levels and weights it takes was not
    to be read; averaging to 16 x 16, the 8 x 8 lowest frequencies, the projection's layers (1x1 convolution, batch
    norm, 1x1 convolution on real and imaginary channels) and a weight that makes the term 10 to 30 % of the task loss
    are our reading.

    Normalised per sample, kept frequency and channel over the batch of all processes (``normaliser``). With all
    frequencies of the map's own size it is the plain ``MSE`` (Parseval). Low frequencies hold most of a map's energy:
    the fewer are kept, the larger the mean.

    Known minimum: 0 at student = teacher (not with ``project``). Invariances: whatever the student holds at
    frequencies that are left out; shifting both maps around by whole blocks; ``amplitude``: shifting either alone,
    which makes it blind to where something is: right for classes, not alone for dense tasks. A mask has no meaning in
    the frequency domain and is refused, a connector that covers only a part of the grid with it. A target scale
    multiplies the teacher's map before the transform.

    Args:
        size: Side P that both maps are averaged to, None: their own.
        low: Side k of the block of lowest frequencies, None: all.
        parts: ``complex``: real and imaginary part; ``amplitude``: the modulus.
        log: Compare ``log(1 + amplitude)``.
        normalise: ``rms``, ``channel_rms`` or None: of the teacher's map before the transform, see
            :func:`~perception_kd.distill.losses.feature.rms_normalised`.
        project: Learn A, also between different channel counts; False: channels are made equal by the connector (a
            1x1 convolution commutes with the transform).
        student_channels, teacher_channels: For ``project``.
    """

    kinds = ('bev', 'image')

    def __init__(
        self,
        *,
        size: int | None = 16,
        low: int | None = 8,
        parts: Literal['complex', 'amplitude'] = 'complex',
        log: bool = False,
        normalise: Literal['rms', 'channel_rms'] | None = None,
        project: bool = False,
        student_channels: int | None = None,
        teacher_channels: int | None = None,
    ) -> None:
        super().__init__()
        if parts not in ('complex', 'amplitude') or normalise not in (None, 'rms', 'channel_rms'):
            raise ValueError(f"FrequencyMSE: unknown parts '{parts}' or normalise '{normalise}'")
        if any(side is not None and side < 2 for side in (size, low)):
            raise ValueError(f'FrequencyMSE: size and low are at least 2, or None for all, got {size} and {low}')
        if log and parts == 'complex':
            raise ValueError("FrequencyMSE: log is of amplitudes; set parts='amplitude'")
        self.size, self.low, self.parts, self.log, self.normalise = size, low, parts, log, normalise
        self.projection, self.same_channels = None, not project
        if project:
            if student_channels is None or teacher_channels is None:
                raise ValueError('FrequencyMSE: project needs two maps with declared channels')
            per = 2 if parts == 'complex' else 1
            self.projection = _projection(per * student_channels, per * teacher_channels)

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Both channel counts."""
        return dict(student_channels=source.channels, teacher_channels=target.channels)

    def spectrum(self, value: Tensor) -> Tensor:
        """What is compared: real ``(B, 2C or C, k, k)``, real parts before imaginary ones."""
        value = low_frequencies(value, self.size, self.low)
        if self.parts == 'complex':
            return torch.cat([value.real, value.imag], dim=1)
        return torch.log1p(value.abs()) if self.log else value.abs()

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        no_mask(self, weight)
        target = self.spectrum(scaled(rms_normalised(teacher.detach(), self.normalise), scale))
        ours = self.spectrum(student)
        if self.projection is not None:
            ours = self.projection(ours)
        gap = (ours - target).square().sum(dim=1) / teacher.shape[1]
        return gap.sum() / normaliser(gap.new_tensor(float(gap.numel())))

    def sides(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The maps before the transform, the teacher's normalised and scaled."""
        return super().sides(student, rms_normalised(teacher, self.normalise), weight=weight, scale=scale)

    def __str__(self) -> str:
        return f'FrequencyMSE({self.parts}, {self.low or "all"} of {self.size or "own size"})'


def _projection(inputs: int, outputs: int) -> nn.Sequential:
    """No ReLU: spectra have both signs."""
    first, second = nn.Conv2d(inputs, outputs, 1, bias=False), nn.Conv2d(outputs, outputs, 1)
    return nn.Sequential(first, nn.BatchNorm2d(outputs), second)
