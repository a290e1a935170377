"""Environment checks, on packages as they might be installed."""

import sys
from pathlib import Path

import pytest

from perception_kd.compat import versions
from perception_kd.compat.versions import MMCV, OPENCV, PACKAGES, Package
from perception_kd.doctor import Check, Level, check_machine, environment, format_checks, is_healthy

ROOT = Path(__file__).resolve().parents[2]


def pretend(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> None:
    monkeypatch.setattr(environment, 'installed_version', installed.get)


def pins(name: str) -> list[tuple[str, str]]:
    lines = (ROOT / name).read_text().splitlines()
    return [tuple(line.split(';')[0].split('==')) for line in lines if line and not line.startswith('#')]


def test_table_of_versions_agrees_with_the_constraints() -> None:
    known = {package.name: package for package in (*PACKAGES, *MMCV, *OPENCV) if package.name != 'mmcv'}
    assert dict(pins('constraints.txt')) == {name: package.tested for name, package in known.items()}
    laid_over = pins('constraints-numpy2.txt')
    assert laid_over and all(version in known[name].also for name, version in laid_over)


@pytest.mark.parametrize(('one', 'other', 'newer'), [
    ('2.2.0', '2.2', True), ('2.10.1', '2.2', True), ('2.1.9+cu118', '2.2', False), ('2.2.0rc1', '2.2', True),
    ('1.26.4', '2', False), ('80.9.0', '81', False),
])
def test_comparison_of_versions(one: str, other: str, newer: bool) -> None:
    assert versions.is_refused(Package('p', '', True, '', below=other), one) is newer


@pytest.mark.parametrize(('version', 'level', 'words'), [
    ((3, 9, 1), Level.BROKEN, 'too old'), ((3, 10, 0), Level.FINE, 'virtual environment'),
    ((3, 13, 0), Level.FINE, 'tested: 3.10 to 3.12'),
])
def test_python(monkeypatch, version: tuple, level: Level, words: str) -> None:
    monkeypatch.setattr(sys, 'version_info', version)
    check = environment.check_python()
    assert check.level is level and words in check.found


@pytest.mark.parametrize(('installed', 'level', 'words'), [
    ({}, Level.BROKEN, ('missing (everything)', 'make setup')),
    ({'numpy': '1.25.0'}, Level.FINE, ('1.25.0 (tested: 1.26.4, 2.4.6',)),
    ({'numpy': '2.4.6'}, Level.FINE, ('2.4.6',)),
    ({'mmengine': '0.11.0'}, Level.BROKEN, ('0.11.0: the safe Runner', 'pip install "mmengine==0.10.7"')),
])
def test_packages(monkeypatch, installed: dict, level: Level, words: tuple) -> None:
    pretend(monkeypatch, installed)
    name = next(iter(installed), 'numpy')
    check = environment.check_package(next(package for package in PACKAGES if package.name == name))
    assert check.level is level and all(word in format_checks([check]) for word in words)


@pytest.mark.parametrize(('installed', 'level', 'word'), [
    ({}, Level.BROKEN, 'missing'),
    ({'mmcv': '2.1.0', 'mmcv-lite': '2.1.0'}, Level.BROKEN, 'pip uninstall -y mmcv mmcv-lite'),
    ({'mmcv': '2.2.0'}, Level.BROKEN, 'mmdet 3.3 refuses mmcv 2.2'),
    ({'mmcv-lite': '2.1.0'}, Level.FINE, 'portable ops are used'),
])
def test_mmcv(monkeypatch, installed: dict, level: Level, word: str) -> None:
    pretend(monkeypatch, installed)
    monkeypatch.setattr(environment, 'compiled_mmcv_available', lambda: False)
    check = environment.check_mmcv()
    assert check.level is level and word in format_checks([check])


def test_compiled_mmcv_that_does_not_load_is_broken(monkeypatch) -> None:
    pretend(monkeypatch, {'mmcv': '2.1.0', 'torch': '2.13.0'})
    monkeypatch.setattr(environment, 'compiled_mmcv_available', lambda: True)
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    check = environment.check_mmcv()
    assert check.level is Level.BROKEN and 'built for torch 2.13.0' in check.advice


def test_import_that_fails_or_crashes() -> None:
    check = environment.check_import('x', 'import not_there_at_all', 'do this')
    assert check.level is Level.BROKEN and "No module named 'not_there_at_all'" in check.found
    crash = environment.check_import('x', 'import os; os.abort()', 'do this', required=False)
    assert crash.level is Level.NOTE and 'status -6' in crash.found
    assert environment.check_import('x', 'import json', '').level is Level.FINE


def test_this_environment_is_healthy() -> None:
    checks = environment.check_environment(short=True) + check_machine()
    assert is_healthy(checks), format_checks(checks)
    assert {'Python', 'torch', 'mmcv', 'device', 'font', 'memory', 'disk'} <= {check.name for check in checks}


def test_one_line_a_finding() -> None:
    checks = [Check('a', Level.FINE, 'x'), Check('longer', Level.BROKEN, 'y', 'do z')]
    assert format_checks(checks) == 'fine    a       x\nBROKEN  longer  y -> do z'
    assert not is_healthy(checks) and is_healthy(checks[:1])
