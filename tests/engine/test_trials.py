"""The trials themselves, small: a teacher overfits a few frames; one pair alone makes its loss fall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perception_kd.engine.trials import overfit, pair_alone
from tests.smoke.conftest import OPTIONS

TEACHER = {'model.teachers.lidar.allow_random': True}


@pytest.fixture(scope='module')
def options(tiny_root: Path) -> dict[str, object]:
    """Overrides that put the demo's configs on the generated root."""
    pairs = (option.split('=') for option in OPTIONS)
    return {'data_root': str(tiny_root), **{key: int(value) if value.isdigit() else value for key, value in pairs}}


def test_a_teacher_overfits_a_few_frames(options: dict, tmp_path: Path) -> None:
    summary = overfit('configs/demo/sim_teacher.py', tmp_path, frames=4, steps=80, reach=25, options=options)
    assert summary['num_gt']['car'] > 0
    assert summary['mean_dist_aps']['car'] > 0.9


@pytest.mark.parametrize('pair', ['lidar_to_radar', 'lidar_to_fused', 'lidar_response'])
def test_a_pair_alone_makes_its_loss_fall(options: dict, pair: str) -> None:
    result = pair_alone('configs/demo/sim_imkd.py', pair, steps=50, options={**options, **TEACHER})
    assert len(result['losses']) == 50
    assert result['fall'] > 0.3


@pytest.mark.parametrize(('work', 'name'), [
    (lambda out: overfit('configs/demo/sim_teacher.py', out, frames=0), 'frames'),
    (lambda out: overfit('configs/demo/sim_teacher.py', out, steps=0), 'steps'),
    (lambda out: pair_alone('configs/demo/sim_imkd.py', 'lidar_to_radar', steps=0), 'steps'),
])
def test_nothing_to_train_on(tmp_path: Path, work: Callable, name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} must be at least 1, got 0'):
        work(tmp_path)


def test_bad_requests(options: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='7 frames asked for, the training split has 6'):
        overfit('configs/demo/sim_teacher.py', tmp_path, frames=7, options=options)
    with pytest.raises(ValueError, match=r"no pair 'x'; it has lidar_to_radar"):
        pair_alone('configs/demo/sim_imkd.py', 'x', options=options)
