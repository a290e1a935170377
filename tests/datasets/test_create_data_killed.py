"""create_data that is killed at random moments goes on, and ends with the infos of a run that was not."""

from __future__ import annotations

import os
import pickle
import random
import signal
import time
from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes import create
from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from tests.tiny_world import VERSION


def begin(job: InfoJob, workers: int) -> int:
    """Make infos, slowly, in a process of its own; returns its number."""
    number = os.fork()
    if number:
        return number
    real = create.scene_infos
    create.scene_infos = lambda *args, **options: time.sleep(0.06) or real(*args, **options)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        create_infos(job, workers=workers, echo=lambda line: None)
    finally:
        os._exit(0)


def parts_of(out: Path) -> list[Path]:
    return list(out.glob('.nuscenes_infos_parts-*/[!.]*.pkl'))


@pytest.mark.parametrize('workers', [0, 2])
def test_killed_at_random_moments(tiny_root, tmp_path, workers):
    draw, kept = random.Random(workers), set()
    job = InfoJob(root=tiny_root, version=VERSION, out=tmp_path)
    for _ in range(6):
        process = begin(job, workers)
        time.sleep(draw.uniform(0, 0.4))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        found = {part.name for part in parts_of(tmp_path)}
        assert kept <= found or list(tmp_path.glob('*.pkl')), 'finished scenes stay'
        kept = found
    files = create_infos(job, workers=workers, echo=lambda line: None)
    for path in files.values():
        assert pickle.loads(path.read_bytes()) == pickle.loads((tiny_root / path.name).read_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files.values())


def test_damaged_parts_and_those_of_other_settings(tiny_root, tmp_path, monkeypatch):
    real, made = create.scene_infos, []

    def counting(tables, scene, **options):
        made.append(scene)
        if len(made) == 3:
            raise KeyboardInterrupt
        return real(tables, scene, **options)

    monkeypatch.setattr(create, 'scene_infos', counting)
    for sweeps in (1, 9):
        made.clear()
        with pytest.raises(KeyboardInterrupt):
            create_infos(InfoJob(root=tiny_root, version=VERSION, out=tmp_path, lidar_sweeps=sweeps),
                         echo=lambda line: None)
    job = InfoJob(root=tiny_root, version=VERSION, out=tmp_path)
    assert len(parts_of(tmp_path)) == 4
    (job.parts / 'tiny-0.pkl').write_bytes(bytes(100))  # what a power cut can leave
    (tmp_path / '.nuscenes_infos_tiny_val.1.partial.pkl').write_bytes(b'half')
    made.clear()
    monkeypatch.setattr(create, 'scene_infos', lambda *args, **options: made.append(1) or real(*args, **options))
    files = create_infos(job, echo=lambda line: None)
    assert len(made) == 2, 'the damaged scene and the unfinished one'
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files.values())
