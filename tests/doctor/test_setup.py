"""tools/setup.sh and the target ``setup``, with a pip that writes down what it is asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = '.'.join(map(str, sys.version_info[:2]))
HIDDEN = ('PYTHON', 'TORCH', 'SYSTEM_SITE', 'OPENCV', 'NUMPY', 'MMCV', 'VENV', 'MAKEFLAGS', 'MAKELEVEL', 'MFLAGS')
WANTED = {'all': 'opencv-python opencv-python-headless numpy', 'lite': 'mmcv-lite'}
# Installs names as empty packages with metadata; `bad` cannot be installed, `stop` is interrupted half-way.
FAKE_PIP = f'''
import re, sys, pathlib, shutil
site = pathlib.Path(__file__).parents[1]
words = [word for word in sys.argv[1:] if not word.startswith('-') or word in ('-r', '-c')]
with (site / 'pip.log').open('a') as log:
    print(*words, file=log)

def infos(name):
    return list(site.glob(name.replace('-', '_') + '-*.dist-info'))

def install(requirement):
    name, _, version = requirement.partition('==')
    if name == 'bad':
        sys.exit('ERROR: No matching distribution found for bad')
    for old in infos(name):
        shutil.rmtree(old)
    info = site / f'{{name.replace("-", "_")}}-{{version or "1.0"}}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version or "1.0"}}\\n')
    if name == 'torch':
        (site / 'torch.py').write_text(f'__version__ = {{version or "2.13.0"!r}}\\n')
    if name == 'mmcv':
        (site / 'mmcv').mkdir(exist_ok=True)
        (site / 'mmcv' / '_ext.py').write_text('')
    if (site / 'stop').exists():
        sys.exit('ERROR: interrupted')
    (info / 'RECORD').write_text('')

command, *rest = words or ['version']
if command == 'uninstall':
    for name in rest:
        for info in infos(name):
            shutil.rmtree(info)
elif command == 'install':
    pins = {{}}
    for flag, value in zip(rest, rest[1:]):
        if flag in ('-c', '-r'):
            lines = pathlib.Path(value).read_text().splitlines()
            pins = dict(line.split(';')[0].split('==') for line in lines if '==' in line and line[0] != '#')
            rest = [word for word in rest if word not in (flag, value)] + (list(pins) if flag == '-r' else [])
    for requirement in rest:
        extras = re.findall(r'\\w+', requirement) if requirement[0] == '.' else []
        for extra in extras:
            for name in {WANTED!r}.get(extra, '').split():
                install(name + '==' + pins.get(name, '1.0'))
        if not extras:
            install(requirement + ('==' + pins[requirement] if requirement in pins else ''))
'''


class Machine:
    """A checkout with the scripts alone, an environment with the fake pip, and no system packages to install."""

    def __init__(self, root: Path) -> None:
        self.root, self.venv = root, root / '.venv'
        for name in ('Makefile', 'setup.py', 'constraints.txt', 'constraints-numpy2.txt', 'tools/setup.sh'):
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        (root / 'tools' / 'doctor.py').write_text('print("doctor")\n')
        apt = root / 'bin' / 'apt-get'
        apt.parent.mkdir()
        apt.write_text('#!/bin/sh\n')
        apt.chmod(0o755)
        subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(self.venv)], check=True)
        self.site = next((self.venv / 'lib').glob('python3*/site-packages'))
        (self.site / 'pip').mkdir()
        (self.site / 'pip' / '__init__.py').touch()
        (self.site / 'pip' / '__main__.py').write_text(FAKE_PIP)

    def setup(self, *settings: str, ok: bool = True) -> str:
        """Run ``make setup``, which leaves a stamp if it succeeds; its words, those of stderr if it should fail."""
        variables = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        variables['PATH'] = f'{self.root / "bin"}:{variables["PATH"]}'
        done = subprocess.run(['make', 'setup', *settings], cwd=self.root, env=variables, check=False,
                              capture_output=True, text=True)
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        assert self.stamp.exists() is ok
        return done.stdout if ok else done.stderr

    @property
    def stamp(self) -> Path:
        return self.venv / '.perception_kd-setup'

    @property
    def asked(self) -> str:
        """What pip was asked for since the last look."""
        log = self.site / 'pip.log'
        words = log.read_text() if log.exists() else ''
        log.write_text('')
        return words

    def there(self, name: str) -> list[str]:
        infos = self.site.glob('*.dist-info')
        return sorted(info.name.removesuffix('.dist-info') for info in infos if info.name.startswith(name))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_default_then_nothing_to_do_then_changed_files(machine) -> None:
    assert machine.setup().endswith('doctor\n')
    asked = machine.asked
    assert asked.index('install torch==2.13.0') < asked.index('install -c') and '.[all,dev,lite]' in asked
    assert machine.there('torch') == ['torch-2.13.0'] and machine.there('numpy') == ['numpy-1.26.4']
    assert len(machine.there('opencv')) == 1 and machine.stamp.exists()
    machine.setup()
    assert machine.asked == ''
    os.utime(machine.root / 'constraints.txt', (2**32, 2**32))
    machine.setup()
    assert 'install torch' not in (asked := machine.asked) and '.[all,dev,lite]' in asked


def test_opencv_holds_until_another_is_chosen(machine) -> None:
    machine.setup('OPENCV=headless')
    assert machine.there('opencv') == ['opencv_python_headless-4.11.0.86']
    machine.stamp.unlink()
    machine.setup()
    assert machine.there('opencv') == ['opencv_python_headless-4.11.0.86']
    machine.setup('OPENCV=plain')
    assert machine.there('opencv') == ['opencv_python-4.11.0.86']


def test_numpy_2_is_laid_over_at_the_end_and_holds(machine) -> None:
    machine.setup('NUMPY=2')
    assert machine.there('numpy')[0].startswith('numpy-2.')
    machine.stamp.unlink()
    machine.setup()
    assert machine.there('numpy')[0].startswith('numpy-2.')
    machine.setup('NUMPY=1')
    assert machine.there('numpy') == ['numpy-1.26.4']


def test_torch_of_ones_own(machine) -> None:
    assert 'TORCH= keeps the torch that is there, and there is none' in machine.setup('TORCH=', ok=False)
    machine.setup('TORCH=torch==2.9.1')
    assert 'torch==2.9.1' in (machine.venv / 'constraints.txt').read_text()
    machine.setup('TORCH=', 'SYSTEM_SITE=1')
    machine.setup()
    assert machine.there('torch') == ['torch-2.9.1']
    assert 'include-system-site-packages = true' in (machine.venv / 'pyvenv.cfg').read_text()
    machine.setup('TORCH=torch==2.13.0')
    assert machine.there('torch') == ['torch-2.13.0']


@pytest.mark.parametrize(('setting', 'line'), [
    ('TORCH=bad', "pip cannot install TORCH='bad'"),
    ('TORCH=torch==2.3.1', 'torch 2.3.1 does not load or is older than 2.4: pass TORCH=torch==2.13.0'),
    ('TORCH=numpy', 'torch is missing, does not load'),
    ('MMCV=bad', "pip cannot install MMCV='bad'"),
    ('OPENCV=third', 'OPENCV=third: take auto, plain or headless'),
    ('NUMPY=3', "NUMPY=3: take 1 (the devkit's own pin) or 2"),
    ('PYTHON=no-such-python', 'no interpreter no-such-python: pass PYTHON=/path/to/python3'),
])
def test_one_line_and_no_stamp(machine, setting: str, line: str) -> None:
    errors = machine.setup(setting, ok=False)
    assert sum(row.startswith('setup: ') and line in row for row in errors.splitlines()) == 1, errors


def test_failed_change_is_no_success(machine) -> None:
    machine.setup()
    machine.setup('TORCH=bad', ok=False)
    machine.setup('TORCH=bad', ok=False)
    machine.setup()
    assert machine.there('torch') == ['torch-2.13.0']


def test_interrupted_setup_goes_on(machine) -> None:
    (machine.site / 'stop').touch()
    machine.setup(ok=False)
    assert machine.there('torch') and not machine.stamp.exists()
    (machine.site / 'stop').unlink()
    machine.setup()
    assert all((info / 'RECORD').exists() for info in machine.site.glob('*.dist-info'))


def test_compiled_mmcv_instead_of_lite(machine) -> None:
    machine.setup()
    assert machine.there('mmcv') == ['mmcv_lite-2.1.0']
    assert 'compiled mmcv is there and is used' in machine.setup('MMCV=mmcv==2.1.0')
    assert machine.there('mmcv') == ['mmcv-2.1.0']
    machine.stamp.unlink()
    machine.setup()
    assert machine.there('mmcv') == ['mmcv-2.1.0']


def fake_python(folder: Path, version: tuple[int, int]) -> Path:
    """An interpreter that says it is of another version."""
    path = folder / 'other-python'
    said = f'import sys; sys.version_info = {(*version, 0)}'
    path.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "{said}\n$1"\n')
    path.chmod(0o755)
    return path


def test_interpreter_of_another_version(machine) -> None:
    other = fake_python(machine.root, (3, 13))
    assert 'is not one of Python 3.10, 3.11, 3.12' in machine.setup(f'PYTHON={other}', ok=False)
    minor = 10 if sys.version_info[1] != 10 else 11
    other = fake_python(machine.root, (3, minor))
    assert f'.venv is of Python {VERSION}, not of {other}' in machine.setup(f'PYTHON={other}', ok=False)
    machine.setup(f'PYTHON={sys.executable}')
