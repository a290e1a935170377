"""Result files as arrays: as written, and refused with the words of ``read_results``."""

import json

import numpy as np
import pytest

from perception_kd.benchmark.nds_tables import VERSION, KeyFrame, TrueBox, write_tables
from perception_kd.evaluation.fast.predictions import load_predictions, load_results, predictions_from_rows
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.submission import read_results
from perception_kd.structures.classes import NUSCENES_CLASSES


@pytest.fixture(scope='module')
def truth(tmp_path_factory):
    root = tmp_path_factory.mktemp('root')
    car = TrueBox('vehicle.car', '0', (0, 0, 0), (1, 2, 3), (1, 0, 0, 0))
    write_tables(root, [KeyFrame(name, 's', place, (place, 0, 0), [car]) for place, name in enumerate('ab')],
                 {'all': ['s']})
    return load_truth(root, VERSION, 'all')


def row(token: str, **changed) -> dict:
    return {**dict(sample_token=token, translation=[1, 2.5, 3], size=[1, 2, 3], rotation=[1, 0, 0, 0],
                   velocity=[0, -1], detection_name='bus', detection_score=0.25, attribute_name=''), **changed}


def write(path, results: dict) -> None:
    path.write_text(json.dumps({'meta': {'use_lidar': True}, 'results': results}))


def test_fields_and_order(truth, tmp_path):
    results = {'b': [row('b', detection_score=1), row('b', num_pts=0, attribute_name='vehicle.stopped')],
               'a': [row('a', detection_name='car')]}
    write(tmp_path / 'r.json', results)
    meta, found = load_results(tmp_path / 'r.json', truth)
    assert meta == {'use_lidar': True}
    assert found.frame.tolist() == [0, 1, 1] and found.score.tolist() == [0.25, 1, 0.25]
    assert [NUSCENES_CLASSES[label] for label in found.label] == ['car', 'bus', 'bus']
    assert found.attribute.tolist() == [-1, -1, 1] and found.num_pts.tolist() == [-1, -1, 0]
    assert found.ego_translation[1].tolist() == [0, 2.5, 3] and found.rotation.shape == (3, 4)
    again = predictions_from_rows(results, truth)
    for name in vars(found):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert len(predictions_from_rows({'a': [], 'b': []}, truth)) == 0


def test_what_only_the_standard_library_reads(truth, tmp_path):
    """Scores as words or truth values are not what msgspec takes for numbers; ``read_results`` does."""
    write(tmp_path / 'r.json', {'a': [row('a', detection_score=True)], 'b': [row('b', extra=[1])]})
    assert load_predictions(tmp_path / 'r.json', truth).score.tolist() == [1, 0.25]


@pytest.mark.parametrize('rows', [
    [row('a', detection_score=float('nan'))], [row('a', size=[1, 2])], [row('a', velocity=[0, 'fast'])],
    [row('b')], [row('a')] * 501, 'none', [{}], [row('a', translation=None)],
])
def test_refused_in_the_same_words(truth, tmp_path, rows):
    write(tmp_path / 'r.json', {'a': rows, 'b': []})
    with pytest.raises(ValueError) as theirs:
        read_results(tmp_path / 'r.json', truth.tokens)
    with pytest.raises(ValueError) as ours:
        load_predictions(tmp_path / 'r.json', truth)
    assert str(ours.value) == str(theirs.value)


def test_refused_files(truth, tmp_path):
    path = tmp_path / 'r.json'
    for content, message in (('[]', 'two entries'), ('{"meta": {}', 'not valid JSON'), (b'\xff', 'not valid JSON')):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ValueError, match=message):
            load_predictions(path, truth)
    write(path, {'a': [row('a', detection_name='tram')], 'b': []})
    with pytest.raises(ValueError, match=r"r\.json: sample a: unknown class 'tram'"):
        load_predictions(path, truth)
    write(path, {'a': [], 'c': []})
    with pytest.raises(ValueError, match='1 missing, 1 foreign'):
        load_predictions(path, truth)
    write(path, {'a': [], 'b': [], 'c': [row('c')]})
    assert len(load_predictions(path, truth, version_tokens='abc')) == 0
    with pytest.raises(FileNotFoundError, match='result file'):
        load_predictions(tmp_path / 'none.json', truth)
