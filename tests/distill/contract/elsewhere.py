"""Cases of the losses in the frequency domain and of teacher views."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.losses import AngularViews, FrequencyMSE
from tests.distill.contract import LossCase, two_maps

SCALE = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(6))
CHECKERS = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1


def around(rows: int, columns: int, *, both: bool):
    """Shift the student's map, or both, around by cells."""

    def shift(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        student, moved = (value.roll((rows, columns), (2, 3)) for value in (student, teacher))
        return student, moved if both else teacher

    return shift


def with_checkers(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """The highest frequency, in the student alone."""
    return student + 3 * CHECKERS, teacher


def other_widths(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(3, 4, 8, 8, generator=generator), torch.randn(3, 6, 8, 8, generator=generator)


def views(imitate: str) -> AngularViews:
    return AngularViews(channels=4, imitate=imitate, places=40)


def seeded_views(imitate: str, teacher: Tensor) -> tuple[AngularViews, Tensor]:
    """Loss and views as the contract draws them."""
    torch.manual_seed(0)
    loss = views(imitate)
    torch.manual_seed(1)
    return loss, loss.heads(teacher)


def ensemble(imitate: str):
    def at(teacher: Tensor) -> Tensor:
        loss, seen = seeded_views(imitate, teacher)
        return loss.ensemble(teacher, seen)

    return at


def views_alone(imitate: str):
    def value(teacher: Tensor) -> float:
        loss, seen = seeded_views(imitate, teacher)
        return float(loss.views_loss(teacher, seen, None))

    return value


def channels_change(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    gain = torch.tensor([0.5, 2.0, 3.0, 10.0]).view(1, 4, 1, 1)
    return student * gain - gain, teacher


OWN = dict(size=None, low=4)
CASES = [
    LossCase('frequency', lambda: FrequencyMSE(**OWN), two_maps(),
             keeps=dict(both_around=around(2, 3, both=True), above_the_kept=with_checkers),
             changes=dict(student_around=around(0, 1, both=False),
                          negated=lambda student, teacher: (-student, teacher))),
    LossCase('frequency_pooled', lambda: FrequencyMSE(size=4, low=3, normalise='rms'), two_maps(), scale=SCALE,
             best=lambda teacher: SCALE * teacher / teacher.square().mean((1, 2, 3), keepdim=True).sqrt(),
             keeps=dict(teacher_grows=lambda student, teacher: (student, 7 * teacher))),
    LossCase('amplitude', lambda: FrequencyMSE(parts='amplitude', **OWN), two_maps(),
             best=lambda teacher: teacher.roll((3, -1), (2, 3)),
             keeps=dict(student_around=around(5, 2, both=False)),
             changes=dict(transposed=lambda student, teacher: (student.transpose(2, 3), teacher))),
    LossCase('amplitude_log', lambda: FrequencyMSE(size=4, low=3, parts='amplitude', log=True), two_maps(),
             keeps=dict(by_whole_blocks=around(2, 4, both=False)), changes=dict(by_half=around(1, 0, both=False))),
    LossCase('frequency_projected',
             lambda: FrequencyMSE(project=True, student_channels=4, teacher_channels=6, **OWN), other_widths,
             minimum=None, why='the projection is learnt', learns=True,
             keeps=dict(above_the_kept=with_checkers), changes=dict(student_around=around(0, 1, both=False))),
    LossCase('views_pkd', lambda: views('PKD'), two_maps(), best=ensemble('PKD'), minimum=views_alone('PKD'),
             learns=True, rtol=2e-5, keeps=dict(student_channels=channels_change),
             changes=dict(negated=lambda student, teacher: (-student, teacher))),
    LossCase('views_mse', lambda: views('MSE'), two_maps(relu=True), best=ensemble('MSE'), minimum=views_alone('MSE'),
             learns=True, changes=dict(student_channels=channels_change)),
]
