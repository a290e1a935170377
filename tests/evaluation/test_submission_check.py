"""What the server would refuse is refused here: every kind of failure by itself, and anything the devkit refuses."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.constants import ATTRIBUTE_NAMES, DETECTION_NAMES
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.eval.detection.utils import detection_name_to_rel_attributes

from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.submission_check import CLASS_ATTRIBUTES, check_inputs, check_submission
from tests.evaluation.helpers import perfect_results, save
from tests.tiny_world import VERSION

META = dict(use_camera=True, use_lidar=False, use_radar=True, use_map=False, use_external=False)
BOX = dict(sample_token='a', translation=[1.0, 2.0, 0.5], size=[2.0, 4.5, 1.6], rotation=[0.6, 0.0, 0.0, -0.8],
           velocity=[0.1, 0.0], detection_name='car', detection_score=0.5, attribute_name='vehicle.moving')
GOOD = {'meta': META, 'results': {'a': [BOX, dict(BOX, detection_name='barrier', attribute_name='')], 'b': []}}
TOKENS = ['a', 'b']


def test_a_good_file_and_the_devkit_s_attributes():
    assert check_submission(GOOD, TOKENS) == [] == check_submission(GOOD, TOKENS, modality=META)
    assert CLASS_ATTRIBUTES.keys() == set(DETECTION_NAMES)
    for name in DETECTION_NAMES:
        assert sorted(CLASS_ATTRIBUTES[name]) == sorted(detection_name_to_rel_attributes(name))


def changed(*path_and_value) -> dict:
    *path, value = path_and_value
    content = copy.deepcopy(GOOD)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def box(field, value) -> dict:
    return changed('results', 'a', 0, field, value)


HERE = 'the first is box 0 of sample a'


@pytest.mark.parametrize(('content', 'line'), [
    ([], 'a result file has the two entries "meta" and "results"'),
    (changed('meta', []), 'a result file has the two entries "meta" and "results"'),
    (changed('meta', 'use_map', 0), 'entries of meta that are not true or false: 1, the first is use_map: 0'),
    (changed('meta', dict.fromkeys(META, False)), 'entries of meta that are true: 1, the first is missing: the model '
                                                  'uses something'),
    (changed('results', {'a': []}), 'samples of the split that are missing: 1, the first is b'),
    (changed('results', 'c', []), 'samples that are not in the split: 1, the first is c'),
    (changed('results', 'b', {}), 'samples that hold no list of boxes: 1, the first is b'),
    (changed('results', 'a', [BOX] * 501), 'samples with more than 500 boxes: 1, the first is a with 501'),
    (changed('results', 'a', 0, 7), f'boxes without a field: 1, {HERE}: translation'),
    (box('sample_token', 'b'), f'boxes whose sample_token is not the sample they stand in: 1, {HERE}: b'),
    (box('size', [1, 0.0, 1]), f'boxes whose size is not positive: 1, {HERE}: [1, 0.0, 1]'),
    (box('size', [1, 1]), f'boxes whose size is no list of 3 finite numbers: 1, {HERE}: [1, 1]'),
    (box('translation', [1, float('nan'), 2]),
     f'boxes whose translation is no list of 3 finite numbers: 1, {HERE}: [1, nan, 2]'),
    (box('translation', [True, 1, 2]), f'boxes whose translation is no list of 3 finite numbers: 1, {HERE}: '
                                       '[True, 1, 2]'),
    (box('rotation', [1, 1, 0, 0]), f'boxes whose rotation is no unit quaternion: 1, {HERE}: [1, 1, 0, 0]'),
    (box('velocity', [0, 0, 0]), f'boxes whose velocity is no list of 2 finite numbers: 1, {HERE}: [0, 0, 0]'),
    (box('detection_score', 1.5), f'boxes whose detection_score is no number from 0 to 1: 1, {HERE}: 1.5'),
    (box('detection_score', '0.5'), f'boxes whose detection_score is no number from 0 to 1: 1, {HERE}: 0.5'),
    (box('detection_name', 'tram'), f'boxes of an unknown detection_name: 1, {HERE}: tram'),
    (box('attribute_name', 'cycle.with_rider'),
     f'boxes whose attribute_name their class does not have: 1, {HERE}: car cycle.with_rider'),
    (box('ego_translation', [0, 0]), f'boxes whose ego_translation is no list of 3 finite numbers: 1, {HERE}: [0, 0]'),
    (box('num_pts', 1.5), f'boxes whose num_pts is no whole number: 1, {HERE}: 1.5'),
])
def test_every_failure_is_one_line(content, line):
    assert check_submission(content, TOKENS) == [line]


def test_failures_are_counted_by_kind():
    content = changed('results', 'a', [dict(BOX, size=[1, 1, 0], detection_score=2)] * 3)
    assert check_submission(content, TOKENS) == [
        f'boxes whose size is not positive: 3, {HERE}: [1, 1, 0]',
        f'boxes whose detection_score is no number from 0 to 1: 3, {HERE}: 2']


def test_meta_has_to_tell_what_the_model_uses():
    lidar = {**META, 'use_lidar': True}
    assert check_submission(GOOD, TOKENS, modality=lidar) == [
        'entries of meta that do not tell what the model uses: 1, the first is use_lidar: false']
    assert check_inputs(META, {'img', 'radar', 'cam2img'}) == []
    assert check_inputs(lidar, {'img', 'radar'}) == ['meta says use_lidar: true, but the model was given no points']
    assert check_inputs(META, {'img', 'radar', 'points'}) == [
        'meta says use_lidar: false, but the model was given points']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    | st.sampled_from([*DETECTION_NAMES, *ATTRIBUTE_NAMES, '', 'a', 2**63, 2**64, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=4)
FIELDS = st.sampled_from([*BOX, 'ego_translation', 'num_pts'])


def refused_by_devkit(content) -> bool:
    try:
        boxes = EvalBoxes.deserialize(content['results'], DetectionBox)
    except Exception:  # whatever it is, the file is not taken
        return True
    return set(boxes.sample_tokens) != set(TOKENS)


@settings(max_examples=200, deadline=None)
@given(field=FIELDS, value=JSON, element=st.none() | st.integers(0, 3), drop=st.booleans())
def test_whatever_the_devkit_refuses_is_refused(field, value, element, drop):
    content = copy.deepcopy(GOOD)
    mutated = content['results']['a'][0]
    if drop:
        mutated.pop(field, None)
    elif element is not None and isinstance(mutated.get(field), list):
        mutated[field][element:element + 1] = [value]
    else:
        mutated[field] = value
    if refused_by_devkit(content):
        assert check_submission(content, TOKENS)


@settings(max_examples=100, deadline=None)
@given(key=st.sampled_from(['a', 'b', 'c']), value=JSON)
def test_whatever_samples_the_devkit_refuses_are_refused(key, value):
    content = copy.deepcopy(GOOD)
    content['results'][key] = value
    if refused_by_devkit(content):
        assert check_submission(content, TOKENS)


def test_command(tiny_root, tmp_path, capsys):
    content = perfect_results(tiny_root, VERSION, 'tiny_val')
    content['meta'] = META
    path = save(tmp_path / 'r.json', content)
    options = [str(path), '--root', str(tiny_root), '--version', VERSION, '--split', 'tiny_val']
    run = build_parser('').parse_args
    args = run(['check', *options])
    assert args.run(args) == 0 and 'fine' in capsys.readouterr().out
    args = run(['check', *options, '--uses', 'camera', 'lidar'])
    assert args.run(args) == 1
    assert capsys.readouterr().out == (f'{path}: entries of meta that do not tell what the model uses: 2, the first is '
                                       'use_lidar: false\n')
    broken = json.loads(path.read_text())
    broken['results'].popitem()
    save(path, broken)
    args = run(['check', *options])
    assert args.run(args) == 1 and 'missing: 1' in capsys.readouterr().out
