"""Pictures while training: what they show, where they go, and that training does not notice."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.structures import InstanceData
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.engine.hooks import StudentEMAHook, VisualizeHook
from perception_kd.engine.runner import BriefRunner
from perception_kd.engine.undisturbed import undisturbed
from perception_kd.visualization import scene, training
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.sources import InfoFile
from tests.distill.toys import Stack, ToyStudent, feature_pair, toy_batch, toy_teacher
from tests.engine.hooks.test_hooks import ToyData

RUNS = itertools.count()


class Anything(Stack):
    """Samples without a map, as those of the validation set are here, have one of zeros."""

    def forward(self, data: dict, training: bool = False) -> dict:
        if 'img' not in data['inputs']:
            data['inputs'] = dict(img=[torch.zeros(3, 8, 8) for _ in data['data_samples']])
        return super().forward(data, training)


class Detector(ToyStudent):
    """Finds what is true, draws from every generator, and notes the weights and modes that it predicts with."""

    def __init__(self) -> None:
        super().__init__()
        self.data_preprocessor = Anything()
        self.seen: list[tuple[Tensor, bool]] = []

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        if mode != 'predict':
            return super().forward(inputs, data_samples, mode)
        torch.rand(1), np.random.rand(), random.random()
        self.stem.norm.num_batches_tracked += 1
        self.seen.append((self.stem.conv.weight.clone(), self.training or self.stem.training))
        for sample in data_samples:
            truth = sample.gt_instances_3d
            sample.pred_instances_3d = InstanceData(
                bboxes_3d=truth.bboxes_3d, labels_3d=truth.labels_3d, scores_3d=torch.full((len(truth),), 0.9))
        return data_samples


def build(folder: Path, root: Path, hook: VisualizeHook | None, **settings) -> BriefRunner:
    """A distiller with a moving average, not yet trained; 4 iterations an epoch."""
    torch.manual_seed(0)
    model = Distiller(student=Detector(), teachers=dict(lidar=toy_teacher()), pairs=dict(
        feature=feature_pair(connector=dict(type='DistillAdaptor'), mask=dict(type='ActiveCells'))))
    kind = dict(type='NuScenesRadarDataset', ann_file=next(root.glob('*infos*val*.pkl')).name, data_root=str(root),
                test_mode=True, pipeline=[dict(type='LoadBoxes3D'),
                                          dict(type='PackInputs', keys=('lidar_aug_matrix',))])
    load = dict(num_workers=0, collate_fn=dict(type='pseudo_collate'))
    return BriefRunner(
        model=model, work_dir=str(folder), experiment_name=f'visualize-{next(RUNS)}',
        train_dataloader=dict(load, batch_size=2, dataset=ToyData(), sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(load, batch_size=1, dataset=kind, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=2, val_begin=9), val_cfg={}, val_evaluator=[],
        custom_hooks=[StudentEMAHook(gamma=5.0), *([hook] if hook else [])],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05)), randomness=dict(seed=1), log_level='ERROR',
        default_scope='perception_kd', **settings)


def blank(*args, **kwargs) -> Sheet:
    return Sheet(width=100, height=50)


def look_at_toys(hook: VisualizeHook, runner: BriefRunner) -> SimpleNamespace:
    """In place of a sample with LiDAR for the teachers."""
    return SimpleNamespace(data=toy_batch(1), grid2ego=np.eye(4), outlines=np.zeros((0, 4, 2)),
                           frame=SimpleNamespace(scene='toys'))


def test_pictures_go_where_the_run_logs_and_show_what_is_predicted(tiny_root: Path, tmp_path: Path,
                                                                    monkeypatch) -> None:
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    drawn = []
    real = scene.draw_scene
    monkeypatch.setattr(scene, 'draw_scene', lambda frame, boxes, *more, **named: (
        drawn.append((frame, boxes)), real(frame, boxes, *more, **named))[1])
    monkeypatch.setattr(VisualizeHook, '_sample_of_maps', look_at_toys)
    hook = VisualizeHook(interval=2, samples=(-1,), max_width=400, look=dict(score=0.5))
    runner = build(tmp_path, tiny_root, hook, visualizer=dict(type='RunVisualizer', vis_backends=dict(
        local=dict(type='LocalVisBackend'), tensorboard=dict(type='GroupedTensorboard'), other=None)))
    runner.train()
    runner.visualizer.close()
    folder = Path(runner.log_dir) / 'vis_data'
    pictures = {path.name: cv2.imread(str(path)) for path in (folder / 'vis_image').iterdir()}
    assert pictures.keys() == {'scene.-1_8.png', 'maps.-1_8.png'}, 'after the second epoch of four iterations'
    assert all(picture.shape[1] == 400 and picture.std() > 5 for picture in pictures.values())
    (frame, boxes), = drawn
    infos = InfoFile(next(tiny_root.glob('*infos*val*.pkl')), tiny_root)
    assert frame.token == infos.data_list[-1]['token'] and len(boxes) and set(boxes.scores.round(5)) == {0.9}
    where = [int(np.linalg.norm(frame.truth.centres - centre, axis=1).argmin()) for centre in boxes.centres]
    assert np.allclose(boxes.centres, frame.truth.centres[where], atol=1e-4), 'centres of gravity, LiDAR frame'
    assert np.allclose(boxes.yaws, frame.truth.yaws[where], atol=1e-4)
    log = events.EventAccumulator(str(folder))
    log.Reload()
    assert set(log.Tags()['images']) == {'scene/-1', 'maps/-1'}
    assert [image.step for image in log.Images('scene/-1')] == [8]


def test_training_is_the_same_bit_for_bit_and_the_average_is_drawn(tiny_root: Path, tmp_path: Path,
                                                                   monkeypatch) -> None:
    monkeypatch.setattr(scene, 'draw_scene', blank)
    monkeypatch.setattr(training, 'draw_pairs', blank)
    monkeypatch.setattr(VisualizeHook, '_sample_of_maps', look_at_toys)
    runners = []
    for name, hook in dict(without=None, with_it=VisualizeHook(interval=1, by_epoch=False, samples=(0, 1))).items():
        runners.append(build(tmp_path / name, tiny_root, hook))
        runners[-1].register_hook(Watch())
        runners[-1].train()
    for one, two in zip(*(list(states(runner)) for runner in runners), strict=True):
        assert one.keys() == two.keys() and not [name for name in one if not torch.equal(one[name], two[name])]
    seen, last = runners[1].model.student.seen, runners[1].model.student.stem.conv.weight
    assert len(seen) == 2 * 8 and not any(training for _, training in seen)
    averages = next(hook for hook in runners[1].hooks if isinstance(hook, Watch)).averages
    assert all(torch.equal(seen[2 * step][0], average) for step, average in enumerate(averages))
    assert not torch.equal(seen[-1][0], last), 'the average, not the last weights'
    assert len(list(Path(runners[1].log_dir).rglob('maps.0_*.png'))) == 8


class Watch(Hook):
    """Keeps an averaged weight after each step."""

    priority = 'BELOW_NORMAL'  # after the average, before the pictures

    def __init__(self) -> None:
        self.averages: list[Tensor] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.averages.append(average_of(runner)['stem.conv.weight'].clone())


def average_of(runner: BriefRunner) -> dict[str, Tensor]:
    return next(hook for hook in runner.hooks if isinstance(hook, StudentEMAHook)).average


def states(runner: BriefRunner) -> Iterator[dict[str, Tensor]]:
    """All that training has made."""
    yield runner.model.state_dict()
    yield average_of(runner)


def test_a_block_leaves_modes_buffers_and_generators() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    model[0].eval()
    model[0].running_mean[0] = float('nan')
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    with undisturbed(model):
        assert not model[1].training and not torch.is_grad_enabled()
        model[0].running_mean.add_(1)
        torch.rand(5)
    assert torch.equal(torch.rand(3), expected) and [part.training for part in model] == [False, True]
    assert all(torch.equal(value.nan_to_num(9.0), before[name].nan_to_num(9.0))
               for name, value in model.state_dict().items())


def test_a_picture_that_fails_stops_nothing(tiny_root: Path, tmp_path: Path, monkeypatch, caplog) -> None:
    def broken(*args, **kwargs):
        raise ValueError('x.jpg: truncated JPEG')

    monkeypatch.setattr(scene, 'draw_scene', broken)
    runner = build(tmp_path, tiny_root, VisualizeHook(interval=2, maps=False))
    said = []
    monkeypatch.setattr(runner.logger, 'warning', said.append)
    runner.train()
    assert 'picture scene.0 of iteration 8 is left out: x.jpg: truncated JPEG' in said


@pytest.mark.parametrize(('settings', 'match'), [
    (dict(interval=0), 'interval must be at least 1'),
    (dict(samples=()), 'samples name one'),
    (dict(look=dict(scores=0.3)), "unexpected keyword argument 'scores'"),
    (dict(look=dict(score=3.0)), r'must lie in 0\.\.1'),
])
def test_bad_settings(settings: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        VisualizeHook(**settings)


def test_no_such_sample(tiny_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no sample 99 in the validation set of'):
        build(tmp_path, tiny_root, VisualizeHook(samples=(99,))).train()
