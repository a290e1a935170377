"""What a run tells cached teachers and its log; and that their check is one of the network."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from perception_kd.distill import TeacherGroup
from perception_kd.engine.hooks.teacher_cache import TeacherCacheHook, cached_teachers
from perception_kd.engine.hooks.teacher_check import predictor
from tests.distill.teacher_cache.worlds import batch, cached, distiller, step
from tests.distill.toys import ToyTeacher, toy_batch, toy_teacher


def test_a_run_plans_releases_and_logs(tmp_path):
    path, lines = tmp_path / 'w.pth', []
    torch.save(ToyTeacher().state_dict(), path)
    model = distiller(dict(cached(tmp_path), checkpoint=str(path), allow_random=False))
    teacher = model.teachers['lidar']
    assert teacher.live.source == teacher.source == str(path)
    runner = SimpleNamespace(model=model, logger=SimpleNamespace(info=lines.append),
                             train_dataloader=SimpleNamespace(dataset=range(42)))
    hook = TeacherCacheHook()
    hook.before_train(runner)
    assert teacher.samples == 42 and not teacher.is_loaded
    step(model, batch(0, 1))
    hook.after_train_epoch(runner)
    hook.after_train(runner)
    assert lines == ["teacher 'lidar': 0 samples from the cache, 2 computed"]


def test_models_without_a_cache_are_left_alone():
    assert cached_teachers(nn.Linear(1, 1)) == cached_teachers(distiller(toy_teacher())) == {}


def test_the_check_of_a_cached_teacher_asks_its_network(tmp_path):
    """The samples of the check have no stamp and come from another split."""
    lidar = SimpleNamespace(functions=lambda: dict(neck_head=lambda stages: stages, decode=lambda maps, samples: maps))
    teachers = TeacherGroup.build(dict(lidar=lidar, label=cached(tmp_path)))
    maps = predictor(teachers, 'label', 'lidar')(**toy_batch(0, 1))
    assert [tuple(one.shape) for one in maps] == [(2, 6, 8, 8), (2, 6, 4, 4)] and not any(tmp_path.iterdir())
