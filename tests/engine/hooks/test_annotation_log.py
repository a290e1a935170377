"""The log says how much of the data is annotated, and how much a pair had to leave out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub

from perception_kd.distill import Distiller
from perception_kd.engine.hooks import AnnotationLogHook
from perception_kd.engine.hooks.annotation_log import annotation_text
from perception_kd.engine.runner import BriefRunner
from tests.distill.test_unannotated import hide
from tests.distill.toys import ToyStudent, feature_pair, toy_sample, toy_teacher


class PartlyAnnotated(torch.utils.data.Dataset):
    """Eight samples, of which some are annotated."""

    metainfo = {}

    def __init__(self, annotated: tuple[int, ...]) -> None:
        self.annotated, self.annotated_samples = annotated, len(annotated)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict:
        inputs, sample = toy_sample(index, boxes=2)
        if index not in self.annotated:
            sample = hide(dict(data_samples=[sample]), 0)['data_samples'][0]
        return dict(inputs=inputs, data_samples=sample)


def scalars(folder: Path, annotated: tuple[int, ...]) -> dict[str, list[float]]:
    """What four steps of two samples have logged."""
    torch.manual_seed(0)
    pairs = dict(boxes=feature_pair(mask=dict(type='GaussianMask')), plain=feature_pair())
    runner = BriefRunner(
        model=Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs), work_dir=str(folder),
        experiment_name=f'annotated-{folder.name}', default_scope='perception_kd',
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=PartlyAnnotated(annotated),
                              sampler=dict(type='DefaultSampler', shuffle=False),
                              collate_fn=dict(type='pseudo_collate')),
        train_cfg=dict(by_epoch=True, max_epochs=1), custom_hooks=[dict(type='KDLogHook', interval=2)],
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01)))
    runner.train()
    logged = MessageHub.get_current_instance().log_scalars
    return {name: list(logged[f'train/{name}']._log_history) for name in ('annotated', 'skipped.boxes')
            if f'train/{name}' in logged} | {'other': [name for name in logged if 'skipped.plain' in name]}


def test_part_of_the_samples(tmp_path: Path) -> None:
    found = scalars(tmp_path, (0, 1, 2))
    assert found['annotated'] == pytest.approx([1, 3 / 4, 3 / 6, 3 / 8])
    assert found['skipped.boxes'] == [1, 4] and not found['other']


def test_nothing_is_logged_where_all_are_annotated(tmp_path: Path) -> None:
    assert scalars(tmp_path, tuple(range(8))) == dict(other=[])


def test_what_is_said() -> None:
    assert annotation_text(PartlyAnnotated((0, 5))) == '2 of 8 training samples annotated'
    assert annotation_text([1, 2]) is None
    with pytest.raises(ValueError, match='window must be at least 1, got 0'):
        AnnotationLogHook(window=0)
