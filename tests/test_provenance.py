"""The commit that numbers were made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perception_kd import provenance

OWN = Path('perception_kd') / 'provenance.py'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the file of the project in it."""
    monkeypatch.setattr(provenance, 'ROOT', tmp_path)
    (tmp_path / OWN).parent.mkdir()
    (tmp_path / OWN).write_text('a = 1')
    git(tmp_path, 'init', '-q')
    git(tmp_path, 'add', OWN)
    git(tmp_path, '-c', 'user.name=n', '-c', 'user.email=n@example.org', 'commit', '-q', '-m', 'Begin')
    return tmp_path


def git(root: Path, *words: object) -> str:
    done = subprocess.run(['git', *map(str, words)], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_and_whether_files_were_changed(root: Path) -> None:
    assert provenance.commit() == git(root, 'rev-parse', '--short', 'HEAD') != ''
    (root / OWN).write_text('a = 2')
    assert provenance.commit() == git(root, 'rev-parse', '--short', 'HEAD') + '+'


def test_the_repository_of_another_project_is_not_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = root / 'env' / 'site-packages'
    (installed / OWN).parent.mkdir(parents=True)
    (installed / OWN).write_text('a = 1')
    monkeypatch.setattr(provenance, 'ROOT', installed)
    assert provenance.commit() == ''


def test_without_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', str(root))
    assert provenance.commit() == ''
