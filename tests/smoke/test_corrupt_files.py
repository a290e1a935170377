"""Broken sensor files stop a training with one line that names the file, also from a loader's worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.smoke.conftest import Tool
from tests.smoke.test_bad_input import assert_one_line


@pytest.mark.parametrize(('channel', 'suffix'), [('CAM_FRONT', 'jpg'), ('RADAR_FRONT', 'pcd'), ('LIDAR_TOP', 'bin')])
def test_truncated_file(tool: Tool, options: list[str], tiny_root: Path, tmp_path: Path, channel: str,
                        suffix: str) -> None:
    root = tmp_path / 'root'
    shutil.copytree(tiny_root, root)
    for path in (root / 'samples' / channel).iterdir():
        assert path.name.endswith(suffix)
        size = path.stat().st_size // 10 // 20 * 20 + 7  # no whole LiDAR points; not the padding of a radar file alone
        path.write_bytes(path.read_bytes()[:size])
    done = tool('train', 'configs/demo/sim_student.py', '--work-dir', tmp_path / 'run', '--cfg-options', *options,
                f'data_root={root}', 'num_workers=1')
    assert_one_line(done, channel, suffix)
    assert len(done.stderr.strip().split('\n')[-1]) < 300
