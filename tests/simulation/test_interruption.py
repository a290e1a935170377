"""A simulation that was interrupted goes on, and ends with the bytes of one that was not."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import write_lidar_bin
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.files import DiskFullError
from perception_kd.simulation.town import Lot
from perception_kd.simulation.writers import nuscenes as target
from perception_kd.simulation.writers.journal import Journal
from perception_kd.simulation.writers.nuscenes import simulate_nuscenes
from perception_kd.simulation.writers.nuscenes_scene import SceneJob, SceneResult
from tests.full_disk import file_size_limit
from tests.simulation.quiet import QUIET, digests

PROJECT = Path(__file__).parents[2]
SCENES = 4


def brief_scene(job: SceneJob) -> SceneResult:
    """Stands in for the simulator: one sweep, in a moment."""
    rows, rng = SceneRows(salt='brief'), np.random.default_rng(job.scene)
    rows.add_sensor(channel='LIDAR_TOP', modality='lidar')
    scene = rows.add_scene(name=job.name, description='brief', split=job.split)
    sample = rows.add_sample(scene=scene, timestamp_us=1)
    lidar = rows.add_calibrated_sensor(channel='LIDAR_TOP', translation=rng.normal(size=3), rotation=(1, 0, 0, 0))
    pose = rows.add_ego_pose(timestamp_us=1, translation=rng.normal(size=3), rotation=(1, 0, 0, 0))
    file = f'samples/LIDAR_TOP/{job.name}.pcd.bin'
    write_lidar_bin(job.root / file, rng.normal(size=(9, 5)))
    rows.add_sample_data(sample=sample, channel='LIDAR_TOP', calibrated_sensor=lidar, ego_pose=pose, timestamp_us=1,
                         filename=file, is_key_frame=True)
    return SceneResult(rows, Lot(job.scene, 0, 0.1), rng.uniform(0, 100, (4, 2)))


def simulate(root, failing: int | None = None, error: BaseException | None = None, **changes):
    """Run with brief scenes, one failing when its file is half written. Returns what was said, scenes made, error."""
    said, made = [], []

    def scene_or_error(job):
        made.append(job.scene)
        result = brief_scene(job)
        if job.scene == failing:
            (job.root / 'samples' / 'LIDAR_TOP' / f'{job.name}.pcd.bin').write_bytes(b'half')
            (job.root / 'samples' / 'LIDAR_TOP' / '.a.1.partial.bin').write_bytes(b'half')
            raise error or KeyboardInterrupt
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, 'simulate_scene', scene_or_error)
        options = {'scenes': SCENES, 'preset': QUIET, 'workers': 1, **changes}
        try:
            simulate_nuscenes(root, echo=said.append, **options)
        except (KeyboardInterrupt, OSError, MemoryError, ValueError) as raised:
            return said, made, raised
    return said, made, None


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Bytes of a run that nobody interrupted."""
    root = tmp_path_factory.mktemp('whole') / 'root'
    assert simulate(root) == ([], [0, 1, 2, 3], None)
    return digests(root)


@pytest.mark.parametrize('error', [KeyboardInterrupt(), DiskFullError('no space left writing x'),
                                   MemoryError()])
def test_goes_on_with_the_finished_scenes(whole, tmp_path, error):
    assert simulate(tmp_path / 'root', 2, error) == ([], [0, 1, 2], error)
    assert [path.name for path in tmp_path.iterdir()] == ['.root.partial']
    said, made, raised = simulate(tmp_path / 'root')
    assert made == [2, 3] and raised is None and len(said) == 1 and '2 scenes are finished' in said[0]
    assert digests(tmp_path / 'root') == whole
    assert [path.name for path in tmp_path.iterdir()] == ['root']


def test_a_full_disk_is_named_and_cleared(tmp_path):
    with redirect_stderr(io.StringIO()), file_size_limit(150):  # the progress bar's place is a file, too
        _, made, error = simulate(tmp_path / 'root')
    assert made == [0] and isinstance(error, DiskFullError)
    assert 'no space left writing' in str(error) and 'LIDAR_TOP/scene-0000.pcd.bin' in str(error)
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_world_keeps_nothing(tmp_path):
    simulate(tmp_path / 'root', 2, ValueError('no such class'))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('changes', [{'seed': 5}, {'scenes': 3}, {'preset': replace(QUIET, lidar_azimuths=180)}])
def test_other_arguments_begin_anew(tmp_path, changes):
    simulate(tmp_path / 'root', 1)
    said, made, _ = simulate(tmp_path / 'root', 0, **changes)
    assert made == [0] and 'beginning anew' in said[0] and 'other arguments or by another simulator' in said[0]
    assert not list(tmp_path.iterdir()), 'no scene was finished, so nothing is worth keeping'


def test_another_simulator_begins_anew(tmp_path, monkeypatch):
    simulate(tmp_path / 'root', 1)
    monkeypatch.setattr(target, 'world_stamp', lambda preset, seed: 'of other code')
    said, made, _ = simulate(tmp_path / 'root', 1)
    assert made == [0, 1] and 'beginning anew' in said[0]


def test_damaged_scenes_are_simulated_again(whole, tmp_path):
    simulate(tmp_path / 'root', 3)
    journal = Journal(tmp_path / '.root.partial')
    (journal.folder / 'scenes' / 'scene-0000.json').write_text('{"rows": ')
    (journal.data / 'samples' / 'LIDAR_TOP' / 'scene-0001.pcd.bin').write_bytes(b'')
    assert simulate(tmp_path / 'root')[1] == [0, 1, 3]
    assert digests(tmp_path / 'root') == whole


def test_only_one_process_at_a_time(whole, tmp_path):
    with Journal(tmp_path / '.root.partial').locked():
        _, made, error = simulate(tmp_path / 'root')
    assert not made and isinstance(error, BlockingIOError) and 'another process is simulating' in str(error)
    assert simulate(tmp_path / 'root') == ([], [0, 1, 2, 3], None)
    assert digests(tmp_path / 'root') == whole


def test_interrupted_between_the_tables_and_the_end(whole, tmp_path, monkeypatch):
    def stop(_old, _new):
        raise KeyboardInterrupt

    monkeypatch.setattr('perception_kd.simulation.writers.journal.replace_folder', stop)
    assert isinstance(simulate(tmp_path / 'root')[2], KeyboardInterrupt)
    monkeypatch.undo()
    assert simulate(tmp_path / 'root')[1] == []
    assert digests(tmp_path / 'root') == whole


CHILD = f"""
import sys
from perception_kd.simulation.writers.nuscenes import simulate_nuscenes
from tests.full_disk import file_size_limit
from tests.simulation.quiet import QUIET
if __name__ == '__main__':
    simulate_nuscenes(sys.argv[1], scenes={SCENES}, preset=QUIET, workers=2)
"""


def stop_after(scenes: int, how: str, root: Path) -> None:
    """Run the real simulator in a process with two workers, and end it when some scenes are finished."""
    child = root.with_name('child.py')
    child.write_text(CHILD)
    process = subprocess.Popen([sys.executable, child, root], env={**os.environ, 'PYTHONPATH': str(PROJECT)},
                               text=True, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    journal = Journal(root.with_name(f'.{root.name}.partial'))
    wait_until(lambda: (journal.data.is_dir() and journal.count() >= scenes) or process.poll() is not None)
    time.sleep(0 if scenes else 0.5)  # then the workers still import what they need
    if how == 'killed':
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode != 0 and 'SpawnProcess' not in error and error.count('Traceback') <= 1, error
    wait_until(lambda: not running(process.pid), 10)
    assert scenes <= journal.count() < SCENES and not root.exists()


def running(group: int) -> int:
    """Processes of a group that are no zombies."""
    count = 0
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, its_group = stat.read_text().rsplit(')', 1)[1].split()[:3]
        except OSError:
            continue
        count += int(its_group) == group and state != 'Z'
    return count


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(not Path('/proc').is_dir(), reason='looks for left-over processes in /proc')
def test_processes_that_are_stopped(tmp_path):
    """Workers end with their parent, at once and quietly, and the last run ends with the right bytes."""
    root = tmp_path / 'root'
    stop_after(0, 'Ctrl-C', tmp_path / 'another')  # a scene left by it would end the next one while Python starts
    stop_after(1, 'Ctrl-C', root)
    stop_after(2, 'killed', root)
    said: list[str] = []
    simulate_nuscenes(root, scenes=SCENES, preset=QUIET, workers=1, echo=said.append)
    assert 'scenes are finished' in said[0]
    whole = simulate_nuscenes(tmp_path / 'whole', scenes=SCENES, preset=QUIET, workers=1)
    assert digests(root) == digests(whole)
