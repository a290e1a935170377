"""Keys: whatever decides what a teacher says is in them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.teacher_cache.key import BOXES, SampleKey, teacher_identity
from tests.distill.teacher_cache.worlds import batch, mirror
from tests.distill.toys import ToyTeacher

READS = ('img', 'points', BOXES)


def key(data: dict, reads: tuple[str, ...] = READS) -> SampleKey:
    return SampleKey.of(DistillBatch(**data), reads)


def test_a_key_is_the_same_each_time_and_names_a_file():
    first, again = key(batch(2)), key(batch(2))
    assert first == again and not first.augmented and first.name == 'v1.0-toy-train/token2.pt'


@pytest.mark.parametrize(('what', 'change'), [
    ('points', lambda data: data['inputs']['points'][0].__setitem__((3, 4), 0.25)),
    ('order of points', lambda data: data['inputs'].update(points=[data['inputs']['points'][0].flip(0)])),
    ('number of points', lambda data: data['inputs'].update(points=[data['inputs']['points'][0][:-1]])),
    ('precision', lambda data: data['inputs'].update(img=[data['inputs']['img'][0].double()])),
    ('boxes', lambda data: data['data_samples'][0].gt_instances_3d.bboxes_3d.__setitem__((0, 0), 7.0)),
    ('labels', lambda data: data['data_samples'][0].gt_instances_3d.labels_3d.__setitem__(0, 5)),
    ('annotation', lambda data: data['data_samples'][0].set_metainfo(dict(annotated=False))),
])  # fmt: skip
def test_whatever_the_teacher_reads_changes_the_digest(what, change):
    data = batch(2)
    before = key(data)
    change(data)
    assert key(data).digest != before.digest, what


def test_what_it_does_not_read_does_not():
    data = batch(2)
    before = key(data, ('img',))
    data['inputs']['radar'][0] += 1
    assert key(data, ('img',)) == before


def test_states_and_stamps_are_apart():
    plain, moved = key(batch(2)), key(batch(2, t2=mirror()))
    assert moved.augmented and moved.name != plain.name and moved.digest == plain.digest
    data = batch(2)
    data['data_samples'][0].set_metainfo(dict(stamp=dict(version='v2', split='train')))
    assert key(data).stamp != plain.stamp and key(data).name.startswith('v2-train/')


def test_what_is_missing_is_said():
    for name, value in (('token', None), ('stamp', None), ('stamp', dict(version='v'))):
        data = batch(2)
        data['data_samples'][0].set_metainfo({name: value})
        with pytest.raises(ValueError, match='needs token and stamp'):
            key(data)
    with pytest.raises(ValueError, match='needs depth in the inputs'):
        key(batch(2), ('img', 'depth'))
    data = batch(2)
    del data['inputs']['lidar_aug_matrix']
    with pytest.raises(ValueError, match='needs lidar_aug_matrix'):
        key(data)


def test_a_teacher_is_its_weights_and_settings(tmp_path):
    model = ToyTeacher()
    one, moved, other = (tmp_path / name for name in ('a.pth', 'b.pth', 'c.pth'))
    torch.save(model.state_dict(), one)
    moved.write_bytes(one.read_bytes())
    torch.save(ToyTeacher().state_dict(), other)
    settings = dict(model=dict(type='T', widths=(1, 2)), checkpoint=str(one))
    own = teacher_identity(settings, None)
    assert own == teacher_identity({**settings, 'checkpoint': str(moved), 'name': 'x'}, None)
    assert own == teacher_identity({**settings, 'model': dict(widths=[1, 2], type='T')}, None)
    assert own['checkpoint'] != teacher_identity({**settings, 'checkpoint': str(other)}, None)['checkpoint']
    for change in (dict(dtype='bfloat16'), dict(prefix='student.'), dict(model=dict(type='T', widths=(1, 3)))):
        assert own['config'] != teacher_identity({**settings, **change}, None)['config']
    for one, two in ((torch.zeros(2), torch.ones(2)), (SimpleNamespace(a=1), SimpleNamespace(a=2))):
        assert teacher_identity(dict(part=one), None) != teacher_identity(dict(part=two), None)
    random = teacher_identity({}, model)
    assert random == teacher_identity({}, model)
    with torch.no_grad():
        model.first[0].bias[0] += 1
    assert random['checkpoint'] != teacher_identity({}, model)['checkpoint']
