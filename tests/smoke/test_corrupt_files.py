"""Broken sensor files stop a training with one line that names the file, also from a loader's worker."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.smoke.conftest import Tools
from tests.smoke.test_bad_input import assert_one_line

FILES = {'CAM_FRONT': 'jpg', 'RADAR_FRONT': 'pcd', 'LIDAR_TOP': 'bin'}


def test_truncated_files(tools: Tools, options: list[str], tiny_root: Path, tmp_path: Path) -> None:
    commands = []
    for channel, suffix in FILES.items():
        folder = tmp_path / channel
        shutil.copytree(tiny_root, folder / 'root')
        for path in (folder / 'root' / 'samples' / channel).iterdir():
            assert path.name.endswith(suffix)
            size = path.stat().st_size // 10 // 20 * 20 + 7  # no whole LiDAR points; not a radar file's padding alone
            path.write_bytes(path.read_bytes()[:size])
        commands.append(['train', 'configs/demo/sim_student.py', '--work-dir', folder / 'run', '--cfg-options',
                         *options, f'data_root={folder / "root"}', 'num_workers=1'])
    for (channel, suffix), done in zip(FILES.items(), tools(*commands)):
        assert_one_line(done, channel, suffix)
        assert len(done.stderr.strip().split('\n')[-1]) < 300
