"""What is wrong is said in one line, with a non-zero status, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.smoke.conftest import Tool, Tools


def assert_one_line(done: object, *words: str) -> None:
    assert done.returncode != 0
    lines = [line for line in done.stderr.strip().split('\n') if line.startswith('error:')]
    assert len(lines) == 1 and 'Traceback' not in done.stderr, done.stderr[-2000:]
    for word in words:
        assert word in lines[0], lines[0]


def test_unknown_tap(tool: Tool, options: list[str], teacher: Path) -> None:
    done = tool('train', 'configs/demo/sim_imkd.py', '--dry-run', '--cfg-options', *options,
                f'model.teachers.lidar.checkpoint={teacher}', 'model.pairs.lidar_to_radar.student=lidar_bev')
    assert_one_line(done, 'lidar_to_radar', 'lidar_bev', 'radar_bev')


def test_grids_that_do_not_fit(tool: Tool, options: list[str], teacher: Path) -> None:
    done = tool('train', 'configs/demo/sim_imkd.py', '--dry-run', '--cfg-options', *options,
                f'model.teachers.lidar.checkpoint={teacher}', 'model.pairs.lidar_to_radar.teacher=lidar.bev_s16')
    assert_one_line(done, 'radar_bev', 'bev_s16', '64x64', '32x32', 'BEVResample')


def test_teacher_without_weights(tool: Tool, options: list[str], tmp_path: Path) -> None:
    done = tool('train', 'configs/demo/sim_imkd.py', '--dry-run', '--cfg-options', *options)
    assert_one_line(done, 'lidar', 'checkpoint')


MISSING = [
    (['train', 'configs/none.py'], ['configs/none.py', 'does not exist']),
    (['train', 'configs/demo'], ['config configs/demo is a folder; give a file']),
    (['train', 'configs/demo/sim_teacher.py', '--work-dir', '{tmp}', '--cfg-options', 'data_root={tmp}/gone'],
     ['gone']),
    (['test', 'configs/demo/sim_teacher.py', '{tmp}/gone.pth'], ['gone.pth']),
    (['create_data', 'nuscenes', '--root', '{tmp}/gone', '--version', 'v1.0-mini'], ['gone']),
    (['create_data', 'nuscenes', '--root', '{tiny}', '--version', 'v9.9'], ['v9.9']),
    (['create_data', 'nuscenes', '--root', '{tiny}', '--version', 'v1.0-tiny', '--out', 'README.md'],
     ['error: README.md is a file; name a folder']),
    (['benchmark', 'ops', '--json', '{tmp}'], ['is a folder; name a file']),
    (['convert', 'astyx', '--root', '{tmp}/gone', '--out', '{tmp}/out'], ['gone']),
    (['evaluate', 'nuscenes', '{tmp}/gone.json', '--root', '{tiny}', '--version', 'v1.0-tiny', '--split', 'tiny_val'],
     ['gone.json']),
    (['visualize', 'scene', '--infos', '{tmp}/gone.pkl', '--root', '{tiny}', '--out', '{tmp}/a.png'], ['gone.pkl']),
    (['search', 'configs/compress/stereo_small_search.py', '{tmp}/gone.pth', '--work-dir', '{tmp}/out'], ['gone.pth']),
    (['trial', 'pair', 'configs/demo/sim_student.py', '--pair', 'lidar_to_radar'], ['lidar_to_radar', 'none']),
]


@pytest.fixture(scope='module')
def ended(tools: Tools, tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, Path]]:
    """How each command of ``MISSING`` ended, and its folder."""
    folders = [tmp_path_factory.mktemp('missing') for _ in MISSING]
    return list(zip(tools(*([text.format(tmp=folder, tiny=tiny_root) for text in arguments]
                            for (arguments, _), folder in zip(MISSING, folders))), folders))


@pytest.mark.parametrize('index', range(len(MISSING)), ids=lambda index: f'{MISSING[index][0][0]}-{index}')
def test_missing_things(ended: list[tuple[object, Path]], index: int) -> None:
    done, folder = ended[index]
    assert_one_line(done, *MISSING[index][1])
    assert not (folder / 'out').exists() and not (folder / 'a.png').exists()
