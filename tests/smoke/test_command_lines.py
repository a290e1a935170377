"""Each command line with each kind of bad file: one line that names it, status 1, nothing written.

The tools run in this process, as ``python tools/NAME.py`` runs them; ``test_bad_input.py`` starts real processes.
"""

from __future__ import annotations

import io
import json
import pickle
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.engine.build import load_config
from perception_kd.registry import MODELS
from tests.evaluation.helpers import perfect_results, save
from tests.full_disk import file_size_limit
from tests.smoke.conftest import OPTIONS, ROOT
from tests.tiny_world import VERSION

TEACHER, VAL = 'configs/demo/sim_teacher.py', '{root}/nuscenes_infos_tiny_val.pkl'
DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    'missing': lambda content: None, 'empty': lambda content: b'', 'cut': lambda content: content[:len(content) // 2],
    'other': lambda content: b'\x89PNG\r\n\x1a\n\x00\x00\x00 something else\n',
}  # fmt: skip
COMMANDS = {
    'config': [
        ['train', '{file}', '--work-dir', '{out}'], ['train', '{file}', '--dry-run'],
        ['test', '{file}', '{root}/good.pth', '--work-dir', '{out}'],
        ['export', '{file}', '{root}/good.pth', '--out', '{out}'],
        ['trial', 'overfit', '{file}', '--work-dir', '{out}'], ['trial', 'pair', '{file}', '--pair', 'a'],
        ['benchmark', 'latency', '{file}', '--json', '{out}'],
        ['infer', '{file}', '{root}/good.pth', '{root}', '--out', '{out}'],
        ['prune', '{file}', '{root}/good.pth', '--out', '{out}'],
    ],
    'checkpoint': [
        ['export', TEACHER, '{file}', '--out', '{out}'],
        ['test', TEACHER, '{file}', '--work-dir', '{logs}', '{options}'],
        ['train', TEACHER, '--work-dir', '{logs}', '--resume', '{file}', '{options}'],
        ['train', 'configs/demo/sim_imkd.py', '--dry-run', '{options}', 'model.teachers.lidar.checkpoint={file}'],
        ['export', 'configs/demo/sim_student.py', '{file}', '--format', 'onnx', '--out', '{out}'],
        ['benchmark', 'latency', TEACHER, '{file}', '--json', '{out}'],
        ['infer', TEACHER, '{file}', '{root}', '--samples', '0', '--no-pictures', '--out', '{out}'],
        ['prune', 'configs/compress/stereo_small_prune.py', '{file}', '--out', '{out}'],
    ],
    'infos': [
        ['train', TEACHER, '--work-dir', '{logs}', '{options}'], ['train', TEACHER, '--dry-run', '{options}'],
        ['visualize', 'scene', '--infos', '{file}', '--root', '{root}', '--out', '{out}.png'],
        ['visualize', 'compare', '--infos', '{file}', '--root', '{root}', '--out', '{out}.png'],
    ],
    'results': [
        ['evaluate', 'nuscenes', '{file}', '--root', '{root}', '--version', VERSION, '--split', 'tiny_val', '--out',
         '{out}'],
        ['visualize', 'scene', '--infos', VAL, '--root', '{root}', '--results', '{file}', '--out', '{out}.png'],
    ],
    'table': [
        ['create_data', 'nuscenes', '--root', '{root}', '--version', VERSION, '--out', '{out}'],
        ['evaluate', 'nuscenes', '{root}/results.json', '--root', '{root}', '--version', VERSION, '--split', 'tiny_val',
         '--out', '{out}'],
    ],
    'picture': [['visualize', 'scene', '--infos', VAL, '--root', '{root}', '--out', '{out}.png']],
}  # fmt: skip


@pytest.fixture(scope='module')
def world(tiny_root, tmp_path_factory) -> Path:
    """A root with a config, weights of the demo's teacher, and results; a test may damage it and mends it."""
    import shutil

    root = tmp_path_factory.mktemp('lines') / 'root'
    shutil.copytree(tiny_root, root)
    save(root / 'results.json', perfect_results(tiny_root, VERSION, 'tiny_val'))
    (root / 'config.py').write_text(f"_base_ = ['{ROOT}/{TEACHER}']\n")
    init_default_scope('perception_kd')
    torch.save({'state_dict': MODELS.build(load_config(ROOT / TEACHER).model).state_dict()}, root / 'good.pth')
    return root


def target(root: Path, kind: str) -> Path:
    infos = root / 'nuscenes_infos_tiny_val.pkl'
    return {
        'config': root / 'config.py', 'checkpoint': root / 'good.pth', 'infos': root / 'nuscenes_infos_tiny_train.pkl',
        'results': root / 'results.json', 'table': root / VERSION / 'sample_annotation.json',
        'picture': root / 'samples' / 'CAM_FRONT' / pickle.loads(infos.read_bytes())['data_list'][0]['images'][
            'CAM_FRONT']['img_path'],
    }[kind]  # fmt: skip


def run(name: str, arguments: list[str]) -> tuple[int, list[str]]:
    """Status, and the lines on stderr that say what is wrong."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(ROOT)
        patch.setattr(sys, 'argv', [f'tools/{name}.py', *arguments])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / 'tools' / f'{name}.py'), run_name='__main__')
    lines = err.getvalue().splitlines()
    assert not any('Traceback' in line for line in lines), err.getvalue()
    return stop.value.code, [line for line in lines if line.startswith('error:')]


def fill(command: list[str], root: Path, file: Path, folder: Path) -> list[str]:
    options = ['--cfg-options', f'data_root={root}', *OPTIONS, 'max_epochs=2', 'warmup_epochs=1']
    filled = []
    for part in command[1:]:
        filled += options if part == '{options}' else [
            part.format(file=file, root=root, out=folder / 'out', logs=folder / 'logs')]
    return filled


def cases() -> Iterator:
    """Each command with each damage; of those that build a model, which takes seconds, one with each damage."""
    for kind, commands in COMMANDS.items():
        for number, command in enumerate(commands):
            slow = kind in ('checkpoint', 'infos') and number > 0
            for damage in ('cut',) if slow else DAMAGE:
                yield pytest.param(kind, command, damage, id=f'{kind}-{command[0]}-{number}-{damage}')


@pytest.mark.parametrize(('kind', 'command', 'damage'), cases())
def test_damaged_file(world, tmp_path, kind, command, damage):
    file = target(world, kind)
    content = file.read_bytes()
    spoilt = DAMAGE[damage](content)
    try:
        file.unlink() if spoilt is None else file.write_bytes(spoilt)
        status, lines = run(command[0], fill(command, world, file, tmp_path))
    finally:
        file.write_bytes(content)
    assert status == 1 and len(lines) == 1 and file.name in lines[0], lines
    assert not (tmp_path / 'out').exists() and not (tmp_path / 'out.png').exists()
    assert not list(tmp_path.rglob('*.pth'))


def test_the_commands_work_with_good_files(world, tmp_path):
    """Else the tests above could pass for another reason."""
    for kind in ('results', 'table', 'picture'):
        for command in COMMANDS[kind]:
            assert run(command[0], fill(command, world, target(world, kind), tmp_path)) == (0, []), command


@pytest.mark.parametrize('change', ['nan', 'other model'])
def test_weights_that_are_no_use(world, tmp_path, change):
    weights = torch.load(world / 'good.pth')['state_dict']
    name = next(iter(weights))
    if change == 'nan':
        weights[name].view(-1)[0] = float('nan')
    else:
        del weights[name]
    torch.save({'state_dict': weights}, tmp_path / 'bad.pth')
    for command in (COMMANDS['checkpoint'][0], COMMANDS['checkpoint'][1], COMMANDS['checkpoint'][3]):
        status, lines = run(command[0], fill(command, world, tmp_path / 'bad.pth', tmp_path))
        assert status == 1 and len(lines) == 1 and 'bad.pth' in lines[0] and name in lines[0]
        assert ('NaN' if change == 'nan' else '1 missing') in lines[0]
    assert not (tmp_path / 'out').exists()


def test_nan_in_predictions(world, tmp_path):
    content = json.loads((world / 'results.json').read_text())
    next(rows for rows in content['results'].values() if rows)[0]['translation'][1] = float('nan')
    save(tmp_path / 'nan.json', content)
    for command in COMMANDS['results']:
        status, lines = run(command[0], fill(command, world, tmp_path / 'nan.json', tmp_path))
        assert status == 1 and len(lines) == 1 and 'nan.json: sample' in lines[0]
        assert 'holds NaN' in lines[0] or 'translation is not 3 finite numbers' in lines[0]


@pytest.mark.parametrize(('command', 'limit', 'name'), [
    (COMMANDS['checkpoint'][0], 100_000, 'out'),
    (COMMANDS['checkpoint'][1], 20_000, 'results_nusc.json'),
    (COMMANDS['results'][0], 20_000, 'metrics_details.json'),
    (COMMANDS['table'][0], 20_000, '.pkl'),
    (COMMANDS['picture'][0], 20_000, 'out.png'),
], ids=lambda value: str(value[0]) if isinstance(value, list) else str(value))
def test_full_disk(world, tmp_path, command, limit, name):
    kind = next(kind for kind, commands in COMMANDS.items() if command in commands)
    arguments = fill(command, world, target(world, kind), tmp_path)
    with file_size_limit(limit):
        status, lines = run(command[0], arguments)
    assert status == 1 and len(lines) == 1 and 'no space left writing' in lines[0] and name in lines[0], lines
    assert not [path for path in tmp_path.rglob('*') if path.name.startswith('.') and path.is_file()]
    assert not list(tmp_path.rglob(f'*{name}'))


@pytest.mark.parametrize(('option', 'message'), [
    ('train_dataloader.dataset.cameras=[CAM_TOP]', 'no camera CAM_TOP; it has CAM_BACK, CAM_FRONT'),
    ('train_dataloader.dataset.radars=[RADAR_TOP]', 'no radar RADAR_TOP; it has RADAR_BACK_LEFT, RADAR_FRONT'),
    ('train_dataloader.dataset.classes=[tram]', 'unknown classes'),
])
def test_another_rig_than_the_config_asks_for(world, tmp_path, option, message):
    status, lines = run('train', ['configs/demo/sim_student.py', '--dry-run', '--cfg-options', f'data_root={world}',
                                  *OPTIONS, option])
    assert status == 1 and len(lines) == 1 and message in lines[0]
