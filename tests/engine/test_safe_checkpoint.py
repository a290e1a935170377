"""Files: plain, atomic, and never able to run code."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from torch import nn

from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.engine.safe_checkpoint import (
    find_newest_checkpoint,
    read_checkpoint,
    to_plain,
    write_checkpoint,
)
from tests.engine.tiny_run import TinyModel, build

ROOT = Path(__file__).resolve().parents[2]


def test_round_trip_of_everything_a_run_holds(tmp_path: Path) -> None:
    history = HistoryBuffer([1.0, 2.0], [1, 3], max_length=10)
    content = {
        'numbers': [1, 2.5, True, None, 1 + 2j, np.float32(0.5), np.int64(3)],
        'arrays': {'f': np.eye(2), 'u': np.arange(3, dtype=np.uint8), 's': np.array(['a', 'bc'])},
        'tuple': (1, (2, 'x')), 'set': {1, 2}, 'bytes': b'ab', 'path': Path('a/b'),
        'config': ConfigDict(a=dict(b=[1])), 'counter': Counter([1, 1]), 'history': history,
        'weights': nn.BatchNorm1d(2).state_dict(), 'bf16': torch.ones(2, dtype=torch.bfloat16),
        'dtype': torch.float16, 3: 'integer key',
    }
    write_checkpoint(tmp_path / 'a.pth', content)
    got = read_checkpoint(tmp_path / 'a.pth')
    assert got['numbers'] == [1, 2.5, True, None, 1 + 2j, 0.5, 3]
    for key, value in content['arrays'].items():
        assert got['arrays'][key].dtype == value.dtype and np.array_equal(got['arrays'][key], value)
    assert got['tuple'] == (1, (2, 'x')) and got['set'] == {1, 2} and got['path'] == 'a/b'
    assert got['config'] == {'a': {'b': [1]}} and got['counter'] == {1: 2} and got[3] == 'integer key'
    assert isinstance(got['history'], HistoryBuffer) and got['history'].mean() == history.mean()
    assert isinstance(got['weights'], OrderedDict) and got['weights']._metadata[''] == {'version': 2}
    assert got['bf16'].dtype == torch.bfloat16 and got['dtype'] is torch.float16


def test_object_that_is_not_plain_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r'checkpoint\.a\[1\]\.b holds a torch\.nn\.modules\.linear\.Linear'):
        write_checkpoint(tmp_path / 'a.pth', {'a': [0, {'b': nn.Linear(1, 1)}]})
    with pytest.raises(TypeError, match='dtype object'):
        to_plain(np.array([object()]))
    assert not list(tmp_path.iterdir())


def test_checkpoint_of_a_run_is_plain_and_mmengine_reads_it(tmp_path: Path) -> None:
    runner = build(tmp_path, epochs=1)
    runner.message_hub.update_info('odd', nn.Linear(1, 1))  # left out with a warning
    runner.train()
    raw = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    assert raw['message_hub']['log_scalars']['train/loss']['log'].shape == (3,)
    assert 'odd' not in raw['message_hub']['runtime_info']
    model = TinyModel()
    load_checkpoint(model, str(tmp_path / 'epoch_1.pth'), strict=True)
    weights = load_weights(tmp_path / 'epoch_1.pth', prefix='layers.')
    assert torch.equal(model.layers[0].weight, weights['0.weight'])


class Evil:
    def __reduce__(self):
        return os.system, ('touch evil_was_here',)


def test_refusal_stays_one_bearable_line(tmp_path: Path) -> None:
    file = tmp_path / 'odd.pth'
    torch.save({'w': torch.ones(1), 'meta': Evil()}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes().replace(b'posix', b'c' * 5000, 1))
    with pytest.raises(ValueError, match=r'odd\.pth is refused: it asks for c+\. Loading') as caught:
        read_checkpoint(file)
    assert len(str(caught.value)) < len(str(file)) + 300


@pytest.mark.parametrize('zipped', [True, False])
def test_malicious_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / 'evil.pth'
    content = {'state_dict': {'w': torch.ones(1)}, 'meta': Evil()}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    for read in (read_checkpoint, load_weights):
        with pytest.raises(ValueError, match=r'evil\.pth is refused: it asks for (posix|nt)\.system'):
            read(file)
    assert not (tmp_path / 'evil_was_here').exists()
    assert load_weights(file, trust=True)['w'] == 1
    assert (tmp_path / 'evil_was_here').exists()


class EvilGetattr:
    """getattr and known libraries are inert: they lead nowhere."""

    def __reduce__(self):
        return getattr, ('text', 'upper')


def test_getattr_in_a_file_does_nothing(tmp_path: Path) -> None:
    torch.save({'state_dict': {'w': torch.ones(1)}, 'hub': [EvilGetattr(), HistoryBuffer([1], [1])]},
               tmp_path / 'a.pth')
    assert load_weights(tmp_path / 'a.pth').keys() == {'w'}
    got = read_checkpoint(tmp_path / 'a.pth')['hub']
    assert {type(one).__name__ for one in got} == {'Inert'}


@pytest.mark.parametrize('zipped', [True, False])
def test_weights_of_other_tools(tmp_path: Path, zipped: bool) -> None:
    weights = nn.Linear(2, 1).state_dict()
    parallel = OrderedDict((f'module.{name}', nn.Parameter(value)) for name, value in weights.items())
    for content in (weights, {'state_dict': parallel, 'epoch': 3}, {'model': weights, 'x': np.ones(2)}):
        torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
        got = load_weights(tmp_path / 'a.pth')
        assert got.keys() == weights.keys() and torch.equal(got['weight'], weights['weight'])


@pytest.mark.parametrize('read', [read_checkpoint, load_weights])
def test_bad_files(tmp_path: Path, read) -> None:
    with pytest.raises(FileNotFoundError, match=r'gone\.pth does not exist'):
        read(tmp_path / 'gone.pth')
    good = tmp_path / 'good.pth'
    torch.save({'w': torch.ones(1000)}, good)
    (tmp_path / 'half.pth').write_bytes(good.read_bytes()[:1500])
    (tmp_path / 'empty.pth').write_bytes(b'')
    (tmp_path / 'text.pth').write_text('version https://example.org/large-file-pointer\n')
    for name in ('half', 'empty', 'text'):
        with pytest.raises(ValueError, match=rf'{name}\.pth is (damaged|refused)'):
            read(tmp_path / f'{name}.pth')
    torch.save([1, 2], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match=r'list\.pth (is no checkpoint|holds no weights)'):
        read(tmp_path / 'list.pth')


KILLED = """
import os, signal, sys, torch
from perception_kd.engine.safe_checkpoint import write_checkpoint
write_checkpoint(sys.argv[1], {'w': torch.full((1000,), 1.0)})
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
write_checkpoint(sys.argv[1], {'w': torch.full((1000,), 2.0)})
"""


def test_kill_during_save_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / 'epoch_1.pth'
    done = subprocess.run([sys.executable, '-c', KILLED, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # and the half-written one beside it
    assert torch.equal(read_checkpoint(file)['w'], torch.full((1000,), 1.0))
    write_checkpoint(file, {'w': torch.zeros(1)})
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture(scope='module')
def kill_reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """Trainings killed at random moments of saving: fifty times ours, then a control that saves in place."""
    command = [sys.executable, '-m', 'tests.engine.kill_saves', str(tmp_path_factory.mktemp('kills')), '50', '30']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr[-2000:]
    safe, naive = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    return safe, naive


def test_fifty_kills_while_saving_always_leave_a_checkpoint(kill_reports: tuple[dict, dict]) -> None:
    report = kill_reports[0]
    assert report['kills'] == 50 and report['broken'] == []
    assert report['inside'] >= 5, 'kills have to hit the writing itself'
    assert len(report['steps']) == 50 and report['steps'] == sorted(set(report['steps'])), 'each child went on'
    checkpoints, partials = report['most_files']
    assert checkpoints <= 4 and partials <= 2, 'two kept, one new, one not yet removed; nothing piles up'


def test_the_same_kills_break_files_that_are_written_in_place(kill_reports: tuple[dict, dict]) -> None:
    assert len(kill_reports[1]['broken']) == 1


def test_leftovers_of_a_kill_go_when_training_goes_on(tmp_path: Path) -> None:
    hook = dict(type='CheckpointHook', interval=1, max_keep_ckpts=1)
    build(tmp_path, epochs=2, hook=hook).train()
    before = sorted(path.name for path in tmp_path.glob('*.pth'))
    for name in ('.epoch_9.123.partial.pth', '.best_m_epoch_1.123.partial.pth', '.last_checkpoint.123.partial'):
        (tmp_path / name).write_bytes(b'half')
    (tmp_path / '.results.123.partial.json').touch()  # of another program that may be writing
    (tmp_path / 'epoch_1.pth').write_bytes(b'expired; the run was killed before it could remove it')
    build(tmp_path, epochs=2, hook=hook, resume=True).train()
    assert before == ['epoch_2.pth'] == sorted(path.name for path in tmp_path.glob('*.pth'))
    assert [path.name for path in tmp_path.glob('.*.partial*')] == ['.results.123.partial.json']


def test_pointer(tmp_path: Path) -> None:
    assert find_newest_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('')
    assert find_newest_checkpoint(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('elsewhere/epoch_3.pth')
    with pytest.raises(FileNotFoundError, match=r'names elsewhere/epoch_3\.pth, which is gone'):
        find_newest_checkpoint(tmp_path)
    (tmp_path / 'epoch_3.pth').write_bytes(b'x')
    assert find_newest_checkpoint(tmp_path) == tmp_path / 'epoch_3.pth'


def test_remote_folders_are_refused(tmp_path: Path) -> None:
    runner = build(tmp_path, epochs=1)
    with pytest.raises(ValueError, match='local folders only, not to s3://bucket'):
        runner.save_checkpoint('s3://bucket', 'a.pth')


@pytest.mark.parametrize('marked', [
    {}, {'data': [1]}, {'data': [1], 'dtype': 'O'}, {'data': ['a'], 'dtype': '<U2000000000'},
    {'data': 1, 'dtype': [1]}])
def test_marked_values_of_another_form(tmp_path: Path, marked: dict) -> None:
    path = tmp_path / 'x.pth'
    torch.save({'meta': {'seed': {'__perception_kd__': 'ndarray', **marked}}}, path)
    with pytest.raises(ValueError, match=r'x\.pth is damaged'):
        read_checkpoint(path)
    torch.save({'meta': {'__perception_kd__': 'history', 'log': 1}}, path)
    with pytest.raises(ValueError, match=r'x\.pth is damaged'):
        read_checkpoint(path)
