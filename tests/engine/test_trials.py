"""The trials themselves, small: a teacher overfits a few frames; a pair alone moves the student, or does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import ConfigDict

from perception_kd.engine.pair_trial import _try, table, try_pairs
from perception_kd.engine.trials import overfit
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher
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


def test_every_pair_of_a_config_is_tried(options: dict) -> None:
    left_out = {'model.pairs.lidar_to_radar': None, 'model.pairs.lidar_to_fused': None}
    results = try_pairs('configs/demo/sim_imkd.py', steps=8, batches=2, options={**options, **TEACHER, **left_out})
    assert list(results) == ['lidar_response']
    assert len(table(results).splitlines()) == 2
    found = results['lidar_response']  # it has no parts of its own: with a frozen student nothing changes
    assert len(found['losses']) == len(found['frozen_losses']) == 8
    assert found['frozen_losses'][:2] == pytest.approx(found['frozen_losses'][2:4])
    assert found['fall'] > 0.1 and found['gain'] > 0.1
    assert found['gradient'] > 0 and found['weights_moved'] > 0.005 and found['tap_moved'] > 0.005


class Deaf(ToyStudent):
    """Its map can hardly be changed by what it learns."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.stem.register_forward_hook(lambda stem, inputs, output: output.detach() + 1e-12 * output)


@pytest.mark.parametrize('student', [ToyStudent(dropout=0.0), Deaf()], ids=['learns', 'deaf'])
def test_a_pair_that_only_its_adaptor_learns_is_exposed(student: ToyStudent) -> None:
    model = ConfigDict(type='Distiller', student=student, teachers=dict(lidar=toy_teacher()),
                       pairs=dict(map=feature_pair(weight=0.5)))
    cfg = SimpleNamespace(model=model, randomness=SimpleNamespace(seed=0))
    found = _try(cfg, 'map', [toy_batch(1, 2), toy_batch(3, 4)], steps=40, learning_rate=0.01)
    assert found['fall'] > 0.1 and found['frozen_fall'] > 0.05 and found['weight'] == 0.5
    if isinstance(student, Deaf):
        assert found['losses'] == pytest.approx(found['frozen_losses'], rel=1e-3)
        assert max(abs(found[key]) for key in ('gain', 'gradient', 'weights_moved', 'tap_moved')) < 1e-3
    else:
        assert min(found[key] for key in ('gain', 'gradient', 'weights_moved', 'tap_moved')) > 0.02


@pytest.mark.parametrize(('work', 'name'), [
    (lambda out: overfit('configs/demo/sim_teacher.py', out, frames=0), 'frames'),
    (lambda out: overfit('configs/demo/sim_teacher.py', out, steps=0), 'steps'),
    (lambda out: try_pairs('configs/demo/sim_imkd.py', 'lidar_to_radar', steps=0), 'steps'),
    (lambda out: try_pairs('configs/demo/sim_imkd.py', batches=0), 'batches'),
])
def test_nothing_to_train_on(tmp_path: Path, work: Callable, name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} must be at least 1, got 0'):
        work(tmp_path)


def test_bad_requests(options: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='7 frames asked for, the training split has 6'):
        overfit('configs/demo/sim_teacher.py', tmp_path, frames=7, options=options)
    with pytest.raises(ValueError, match=r"no pair 'x'; it has lidar_to_radar"):
        try_pairs('configs/demo/sim_imkd.py', 'x', options=options)
