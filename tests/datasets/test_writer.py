"""The nuScenes writer: what the devkit reads back, chains, determinism, refusals."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.loaders import get_samples_of_custom_split

from perception_kd.datasets.nuscenes.formats import write_lidar_bin
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES, TABLES
from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from tests.tiny_world import KEY_FRAMES, SENSORS, SPLITS, SWEEPS_BETWEEN, VERSION

UNTURNED = (1.0, 0.0, 0.0, 0.0)


def scene_rows(root: Path, name: str, frames: int = 3, salt: str = '') -> SceneRows:
    """A scene with a LiDAR and one car that drives 2 m a frame; files are written too."""
    rows = SceneRows(salt=salt)
    rows.add_sensor(channel='LIDAR_TOP', modality='lidar')
    scene = rows.add_scene(name=name, description='one car', split=['a', 'b'], location='nowhere')
    lidar = rows.add_calibrated_sensor(channel='LIDAR_TOP', translation=(0, 0, 1.8), rotation=UNTURNED)
    car = rows.add_instance(category_name='vehicle.car', key=f'{name}/car')
    for frame in reversed(range(frames)):  # time order is the writer's work
        stamp = 500_000 * frame
        sample = rows.add_sample(scene=scene, timestamp_us=stamp)
        pose = rows.add_ego_pose(timestamp_us=stamp, translation=(frame, 0, 0), rotation=UNTURNED)
        file = f'samples/LIDAR_TOP/{name}_{frame}.pcd.bin'
        write_lidar_bin(root / file, np.ones((4, 5)))
        rows.add_sample_data(sample=sample, channel='LIDAR_TOP', calibrated_sensor=lidar, ego_pose=pose,
                             timestamp_us=stamp, filename=file, is_key_frame=True)
        rows.add_annotation(sample=sample, instance=car, translation=(10 + 2 * frame, 0, 1), size=(2, 4, 1.5),
                            rotation=UNTURNED, attribute_names=['vehicle.moving'], num_lidar_pts=1)
    return rows


def write_scenes(root: Path, names: list[str], **options) -> Path:
    writer = NuScenesWriter(root, 'v1.0-test-scenes', **options)
    for name in names:
        writer.add(scene_rows(root, name))
    return writer.finish()


def test_devkit_reads_the_tiny_world(tiny_root):
    nusc = NuScenes(VERSION, str(tiny_root), verbose=False)
    assert {row['name'] for row in nusc.category} == set(CATEGORIES)
    assert {row['name'] for row in nusc.attribute} == set(ATTRIBUTES)
    assert [row['token'] for row in nusc.visibility] == ['1', '2', '3', '4']
    assert all((tiny_root / VERSION / f'{table}.json').is_file() for table in TABLES)
    assert len(nusc.sample) == KEY_FRAMES * 3
    assert len(get_samples_of_custom_split('tiny_val', nusc)) == KEY_FRAMES
    assert not nusc.map[0]['mask'].is_on_mask(1.0, 1.0)[0]
    for scene in nusc.scene:
        follow_chains(nusc, scene)
    for name, scenes in json.loads((tiny_root / VERSION / 'splits.json').read_text()).items():
        assert scenes == SPLITS[name]


def follow_chains(nusc: NuScenes, scene: dict) -> None:
    samples, token = [], scene['first_sample_token']
    while token:
        samples.append(nusc.get('sample', token))
        token = samples[-1]['next']
    assert samples[-1]['token'] == scene['last_sample_token'] and len(samples) == scene['nbr_samples']
    assert [row['prev'] for row in samples] == ['', *(row['token'] for row in samples[:-1])]
    assert set(samples[0]['data']) == set(SENSORS)
    measurements = [nusc.get('sample_data', samples[0]['data']['RADAR_FRONT'])]
    while measurements[-1]['next']:
        measurements.append(nusc.get('sample_data', measurements[-1]['next']))
    times = [row['timestamp'] for row in measurements]
    assert times == sorted(times) and len(times) == KEY_FRAMES + (KEY_FRAMES - 1) * SWEEPS_BETWEEN


def test_velocity_from_the_annotation_chain(tmp_path):
    write_scenes(tmp_path, ['s'])
    nusc = NuScenes('v1.0-test-scenes', str(tmp_path), verbose=False)
    instance = nusc.instance[0]
    assert instance['nbr_annotations'] == 3
    first = nusc.get('sample_annotation', instance['first_annotation_token'])
    assert first['translation'] == [10, 0, 1]
    np.testing.assert_allclose(nusc.box_velocity(first['token']), [4, 0, 0])


def test_order_of_the_scenes_and_pickling_change_no_token(tmp_path):
    names = ['s0', 's1', 's2']
    folders = [write_scenes(tmp_path / 'one', names), write_scenes(tmp_path / 'two', names[::-1])]
    for table in TABLES:
        rows = [json.loads((folder / f'{table}.json').read_text()) for folder in folders]
        tokens = [sorted(row['token'] for row in side) for side in rows]
        assert tokens[0] == tokens[1]
    rows = scene_rows(tmp_path / 'three', 's0')
    assert pickle.loads(pickle.dumps(rows)).tables == rows.tables


def test_salt_tells_two_data_sets_apart(tmp_path):
    one, other = (scene_rows(tmp_path, 's', salt=salt) for salt in ('seed 0', 'seed 1'))
    for table in ('scene', 'sample', 'sample_data', 'sample_annotation', 'instance', 'ego_pose'):
        assert not set(one.tables[table]) & set(other.tables[table])
    with pytest.raises(ValueError, match='salt'):
        one.merge(other)


def test_no_overwrite_without_force(tmp_path):
    folder = write_scenes(tmp_path, ['s0', 's1'])
    with pytest.raises(FileExistsError, match='--force'):
        NuScenesWriter(tmp_path, 'v1.0-test-scenes')
    write_scenes(tmp_path, ['s0'], force=True)
    assert len(json.loads((folder / 'scene.json').read_text())) == 1


def test_a_failed_finish_keeps_the_old_tables(tmp_path):
    folder = write_scenes(tmp_path, ['s0'])
    before = (folder / 'sample.json').read_text()
    writer = NuScenesWriter(tmp_path, 'v1.0-test-scenes', force=True)
    writer.add_scene(name='empty', description='', split='a')
    with pytest.raises(ValueError, match='scene empty has no key frame'):
        writer.finish()
    assert (folder / 'sample.json').read_text() == before


def broken(kind: str, rows: SceneRows, root: Path) -> None:
    some = {table: next(iter(content.values())) for table, content in rows.tables.items() if content}
    if kind == 'file':
        (root / some['sample_data']['filename']).unlink()
    elif kind == 'no LiDAR':
        some['sample_data']['is_key_frame'] = False
    elif kind == 'pose':
        del rows.tables['ego_pose'][some['ego_pose']['token']]
    elif kind == 'two scenes':
        rows.merge(scene_rows(root, 'other'))
        token = some['instance']['token']
        for row in rows.tables['sample_annotation'].values():
            row['instance_token'] = token
    elif kind == 'twice':
        row = dict(some['sample_data'], token='0' * 32)
        rows.tables['sample_data'][row['token']] = row


@pytest.mark.parametrize(('kind', 'message'), [
    ('file', 'was not written'), ('no LiDAR', 'has no LIDAR_TOP'), ('pose', 'in no row of ego_pose'),
    ('two scenes', 'more than one scene'), ('twice', 'another file of LIDAR_TOP'),
])
def test_inconsistent_rows_are_refused(tmp_path, kind, message):
    rows = scene_rows(tmp_path, 's')
    broken(kind, rows, tmp_path)
    writer = NuScenesWriter(tmp_path, 'v1.0-test-scenes')
    writer.add(rows)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        writer.finish()
    assert not (tmp_path / 'v1.0-test-scenes').exists()


ANNOTATION = dict(sample='s', instance='i', translation=(0, 0, 0), size=(1, 1, 1), rotation=UNTURNED)


@pytest.mark.parametrize(('change', 'message'), [
    ({'size': (1, 0, 1)}, 'positive'),
    ({'size': (1, 1)}, 'shape'),
    ({'translation': (0, float('nan'), 0)}, 'finite'),
    ({'rotation': (1, 1, 0, 0)}, 'unit quaternion'),
    ({'attribute_names': ['vehicle.flying']}, 'attribute'),
    ({'attribute_names': ['vehicle.moving', 'vehicle.parked']}, 'attribute'),
    ({'visibility_level': 5}, 'visibility'),
])
def test_bad_annotations(change, message):
    with pytest.raises(ValueError, match=message):
        SceneRows().add_annotation(**{**ANNOTATION, **change})


def test_other_bad_rows():
    rows = SceneRows()
    with pytest.raises(ValueError, match='unknown category'):
        rows.add_instance(category_name='vehicle.boat', key='a')
    with pytest.raises(ValueError, match='modality'):
        rows.add_sensor(channel='CAM', modality='sonar')
    rows.add_annotation(**ANNOTATION)
    rows.add_annotation(**ANNOTATION)  # the same again is harmless
    with pytest.raises(ValueError, match='two different rows'):
        rows.add_annotation(**{**ANNOTATION, 'num_lidar_pts': 3})
    with pytest.raises(ValueError, match='uint8'):
        NuScenesWriter('nowhere', 'v').set_map_mask(np.zeros((3, 3)))
