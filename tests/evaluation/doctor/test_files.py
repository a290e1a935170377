"""The doctor on files: other key frames, summaries alone, labels against points, command lines."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.stamp import load_plain_pickle
from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.doctor import examine_infos, examine_summary
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.frames import split_tokens
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.submission import TokenMismatchError
from perception_kd.evaluation.token_owner import naming_owner, token_owner
from tests.evaluation.doctor.spoil import Rig, good, spoils
from tests.evaluation.helpers import perfect_results, save
from tests.tiny_world import VERSION as TINY

VERSION, SPLIT = 'v1.0-sim', 'sim_val'


@pytest.fixture(scope='module')
def healthy(sim_root: Path) -> dict:
    return good(perfect_results(sim_root, VERSION, SPLIT)['results'])


@pytest.fixture(scope='module')
def mistakes(sim_root: Path) -> dict:
    return spoils(Rig(sim_root, VERSION))


@pytest.fixture(scope='module')
def infos(sim_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    job = InfoJob(root=sim_root, version=VERSION, out=tmp_path_factory.mktemp('infos'))
    create_infos(job, splits=[SPLIT], echo=lambda line: None)
    return load_plain_pickle(job.info_file(SPLIT))['data_list']


def test_a_wrong_split_is_named(tiny_root: Path, tmp_path: Path) -> None:
    train = {token: [] for token in split_tokens(tiny_root, TINY, 'tiny_train')}
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': train})
    with pytest.raises(ValueError, match=r"answers for all key frames of split 'tiny_train' of v1\.0-tiny") as caught:
        evaluate_devkit(path, tiny_root, TINY, 'tiny_val')
    assert isinstance(caught.value, TokenMismatchError) and '3 are expected: 3 missing' in str(caught.value)


def test_owners_of_key_frames(tiny_root: Path) -> None:
    train, val = (split_tokens(tiny_root, TINY, f'tiny_{part}') for part in ('train', 'val'))
    both = token_owner([*train, *val], tiny_root)
    assert "split 'tiny_train' and all key frames of split 'tiny_val'" in both
    assert f'2 of the {len(train)} key frames' in token_owner([*train[:2], 'other'], tiny_root)
    assert 'and 1 that it does not have' in token_owner([*train[:2], 'other'], tiny_root)
    assert 'all of v1.0-mini' in token_owner([str(place) for place in range(404)], tiny_root)
    assert 'No version' in token_owner(['other'], tiny_root) and 'no key frame at all' in token_owner([], tiny_root)
    with pytest.raises(ValueError, match=r'^plain$'), naming_owner(tiny_root):
        raise ValueError('plain')


@pytest.mark.parametrize(('name', 'codes'), [
    (None, []), ('old convention', ['old_convention']), ('w and l swapped', ['size_swapped']),
    ('yaw + pi', ['yaw_reversed']), ('no attributes', ['attributes_missing']), ('nothing', ['no_predictions'])])
def test_signatures_in_a_summary_alone(sim_root: Path, healthy: dict, mistakes: dict, name: str | None,
                                       codes: list[str], tmp_path: Path) -> None:
    results = mistakes[name][1](healthy) if name else healthy
    summary = evaluate_devkit(save(tmp_path / 'r.json', {'meta': {}, 'results': results}), sim_root, VERSION, SPLIT)
    findings = examine_summary(json.loads(json.dumps(summary)))
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity == 'warning' and 'looks as if' in finding.cause for finding in findings)


def test_something_else_is_no_summary() -> None:
    for content in ({}, [], {'mean_dist_aps': {'car': 1.0}, 'label_tp_errors': {}}):
        with pytest.raises(ValueError, match='not a metrics_summary'):
            examine_summary(content)


def relabelled(infos: list[dict], change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> list[dict]:
    changed = copy.deepcopy(infos)
    for info in changed:
        for one in info['instances']:
            one['bbox_3d'] = change(np.array(one['bbox_3d']), np.array(info['lidar_points']['lidar2ego'])).tolist()
    return changed


def into_ego(box: np.ndarray, lidar2ego: np.ndarray) -> np.ndarray:
    place = lidar2ego[:3, :3] @ box[:3] + lidar2ego[:3, 3]
    return np.array([*place, *box[3:6], box[6] + np.arctan2(lidar2ego[1, 0], lidar2ego[0, 0])])


SWAP = [0, 1, 2, 4, 3, 5, 6]
LABELS = {
    'labels_old_convention': lambda box, _: box[SWAP] * [1, 1, 1, 1, 1, 1, -1] - [0, 0, 0, 0, 0, 0, np.pi / 2],
    'labels_swapped': lambda box, _: box[SWAP],
    'labels_yaw': lambda box, _: box - [0, 0, 0, 0, 0, 0, 2 * box[6] + np.pi / 2],
    'labels_frame': into_ego,
    'labels_bottom': lambda box, _: box - [0, 0, box[5] / 2, 0, 0, 0, 0],
    'labels_mirrored': lambda box, _: box * [1, -1, 1, 1, 1, 1, -1],
    'labels_scale': lambda box, _: box * [1, 1, 1, 0.5, 0.5, 0.5, 1],
    'labels_elsewhere': lambda box, _: box + [7, 3, 0, 0, 0, 0, 0],
}


def test_labels_are_held_against_points(sim_root: Path, infos: list[dict]) -> None:
    assert examine_infos(infos, sim_root) == [] and examine_infos([], sim_root) == []
    for code, change in LABELS.items():
        assert [finding.code for finding in examine_infos(relabelled(infos, change), sim_root)] == [code]
    with pytest.raises(ValueError, match="no entry 'instances'"):
        examine_infos([{key: value for key, value in infos[0].items() if key != 'instances'}], sim_root)


@pytest.mark.real_data
def test_labels_of_a_real_frame(real_data: Path, tmp_path: Path) -> None:
    root = real_data / 'nuscenes' / 'frame_scene0061_s0'
    written = create_infos(InfoJob(root=root, version='v1.0-oneframe', out=tmp_path), echo=lambda line: None)
    infos = load_plain_pickle(next(iter(written.values())))['data_list']
    assert examine_infos(infos, root) == []
    for code in ('labels_old_convention', 'labels_swapped', 'labels_frame', 'labels_bottom'):
        assert [finding.code for finding in examine_infos(relabelled(infos, LABELS[code]), root)] == [code]


def run(*arguments: object) -> int:
    args = build_parser('').parse_args([str(one) for one in arguments])
    return args.run(args)


def test_command_line(sim_root: Path, healthy: dict, mistakes: dict, infos: list[dict], tmp_path: Path,
                      capsys: pytest.CaptureFixture) -> None:
    data = ('--root', sim_root, '--version', VERSION, '--split', SPLIT)
    good_file = save(tmp_path / 'good.json', {'meta': {}, 'results': healthy})
    bad_file = save(tmp_path / 'bad.json', {'meta': {}, 'results': mistakes['old convention'][1](healthy)})
    assert run('doctor', good_file, *data) == 0
    assert capsys.readouterr().out == 'doctor: no known mistake recognised\n'
    assert run('doctor', bad_file, *data, '--json', tmp_path / 'findings.json') == 1
    assert 'cure: ' in capsys.readouterr().out
    assert [row['code'] for row in json.loads((tmp_path / 'findings.json').read_text())] == ['old_convention']
    assert run('nuscenes', bad_file, *data, '--engine', 'fast', '--out', tmp_path) == 0
    assert '[old_convention]' in capsys.readouterr().out
    assert run('nuscenes', good_file, *data, '--engine', 'fast') == 0 and 'doctor' not in capsys.readouterr().out
    assert run('nuscenes', bad_file, *data, '--engine', 'fast', '--no-doctor') == 0
    assert 'doctor' not in capsys.readouterr().out
    assert run('doctor', tmp_path / 'metrics_summary.json') == 0, 'warnings only'
    with pytest.raises(ValueError, match='needs --root, --version, --split too'):
        run('doctor', bad_file)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        run('doctor', tmp_path / 'nowhere.json', *data)


def test_the_doctor_reads_nothing_again(sim_root: Path, healthy: dict, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    from perception_kd.evaluation.fast import evaluate

    calls = []
    monkeypatch.setattr(evaluate, 'load_truth', lambda *args: calls.append(args) or load_truth(*args))
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': healthy})
    assert run('nuscenes', path, '--root', sim_root, '--version', VERSION, '--split', SPLIT, '--engine', 'fast') == 0
    assert len(calls) == 1


def test_command_line_on_labels(sim_root: Path, infos: list[dict], tmp_path: Path) -> None:
    import pickle

    path = tmp_path / 'infos.pkl'
    path.write_bytes(pickle.dumps({'metainfo': {}, 'data_list': relabelled(infos, LABELS['labels_swapped'])}))
    assert run('doctor', path, '--root', sim_root) == 1
    with pytest.raises(ValueError, match='needs --root too'):
        run('doctor', path)
    path.write_bytes(pickle.dumps([]))
    with pytest.raises(ValueError, match='no data_list'):
        run('doctor', path, '--root', sim_root)
