"""A short run of the fuzzer over all readers, and proof that its alarms ring."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.guard import Guard, Violation
from tests.fuzz.hostile import hostile_pickles
from tests.fuzz.targets import Target


@pytest.mark.skipif(importlib.util.find_spec('atheris') is None, reason='atheris has no wheel for this Python')
def test_readers_survive(tmp_path: Path) -> None:
    found = fuzz('all', tmp_path, runs=6000, seed=int(os.environ.get('PKD_FUZZ_SEED', '7')))
    assert found['outcome'] == 'nothing found', (tmp_path / 'log.txt').read_text()[-3000:]
    assert found['runs'] >= 6000 and found['coverage'] > 300


def read_carelessly(path: Path) -> None:
    import pickle

    pickle.loads(path.read_bytes())


@pytest.fixture(scope='module')
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    return Guard(str(tmp_path_factory.mktemp('scratch')))


def test_guard_sees_hostile_pickles(guard: Guard, tmp_path: Path) -> None:
    target = Target('careless', ('.pkl',), {'.pkl': []}, read_carelessly)
    seen = 0
    for content in hostile_pickles():
        try:
            with guard.watching():
                target.try_input(b'\0' + content, tmp_path)
        except Violation:
            seen += 1
        except Exception:
            continue  # a call that fails by itself, such as of a module that is not there
    assert seen >= 12


def test_guard_lets_reading_pass(guard: Guard, tmp_path: Path) -> None:
    (tmp_path / 'x').write_bytes(b'1')
    with guard.watching():
        assert (tmp_path / 'x').read_bytes() == b'1'
    with pytest.raises(Violation, match='open'), guard.watching():
        (tmp_path / 'y').write_bytes(b'1')
    assert not (tmp_path / 'y').exists()


@pytest.mark.parametrize('message', ['no name of the file', 'input.txt' + 'x' * 5000])
def test_unclear_errors_are_findings(tmp_path: Path, message: str) -> None:
    def read(path: Path) -> None:
        raise ValueError(message)

    with pytest.raises(AssertionError):
        Target('unclear', ('.txt',), {'.txt': []}, read).try_input(b'\0abc', tmp_path)


def test_clear_refusal_is_none(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        raise ValueError(f'{path}: truncated; fetch the file again')

    assert not Target('clear', ('.txt',), {'.txt': []}, read).try_input(b'\0abc', tmp_path)
