"""Which runs of stereo a folder holds, what they are, and which numbers they bring."""

from __future__ import annotations

import json
import shutil

import pytest

from perception_kd.files import write_json
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.runs import DISTILLED, OTHER, STEREO, STUDENT, TEACHER
from perception_kd.visualization.report.stereo.figures import change
from perception_kd.visualization.report.stereo.sizes import all_times, size_of
from tests.visualization.report.run_folders import log_rows, student_config, write_training
from tests.visualization.report.stereo.folders import NAME, OFF, WORLD, write_benchmark

EPE = f'{NAME}/EPE_noc'


def test_roles_seeds_data_and_figures(stereo_runs) -> None:
    found = gather([stereo_runs])
    assert [(run.title, run.method, run.role, run.scored) for run in found.runs] == [
        ('teacher', 'teacher', TEACHER, True), ('plain 0', 'plain', STUDENT, True), ('plain 1', 'plain', STUDENT, True),
        ('distil', 'distil', DISTILLED, False), ('tune', 'tune', DISTILLED, True)]
    assert found.task == STEREO and found.baseline == 'plain' and found.worlds == (WORLD,)
    assert (found.runs[0].data.version, found.runs[0].data.split) == (NAME, 'train')
    for run in found.scored:
        off = OFF[run.title.replace(' ', '_')]
        assert run.metrics[EPE] == pytest.approx(sum(off) / 2, abs=1e-5)
        assert run.metrics[f'{NAME}/BP-2_noc'] == pytest.approx(50 * sum(one > 2 for one in off))


def test_a_student_is_distilled_by_what_its_training_began_from(stereo_runs) -> None:
    """Also where the first half is not reported."""
    found = gather([stereo_runs / name for name in ('tune', 'plain_0', 'teacher')])
    assert [run.role for run in found.runs] == [TEACHER, STUDENT, DISTILLED]


def test_runs_that_were_moved_with_their_pairs_find_them(stereo_runs, tmp_path) -> None:
    moved = shutil.copytree(stereo_runs.parent, tmp_path / 'elsewhere')
    shutil.move(moved, tmp_path / 'there')
    config = next((tmp_path / 'there/runs/tune').glob('*/vis_data/config.py'))
    config.write_text(config.read_text().replace(str(stereo_runs.parent), '/nowhere/there'))
    shutil.copytree(config.parents[1], tmp_path / 'there/runs/tune/test/20250101_000000')
    run = gather([tmp_path / 'there/runs/tune']).runs[0]
    assert run.tested[NAME].pairs['data_root'] == str(tmp_path / 'there/pairs') and run.data.world == WORLD


def test_several_tests_of_one_run_and_a_matcher_without_weights(stereo_runs, tmp_path) -> None:
    content = json.loads((stereo_runs / 'tune/test/stereo_metrics.json').read_text())
    for place, name, more in (('a/test', 'one', {}), ('a/zero', 'two', {}), ('sgbm', 'one', dict(settings=dict(p1=8)))):
        write_json(tmp_path / place / 'stereo_metrics.json', {**content, **more, 'datasets': {
            name: content['datasets'][NAME]}})
    found = {run.title: run for run in gather([tmp_path / 'a', tmp_path / 'sgbm']).runs}
    assert list(found['a'].tested) == ['two', 'one'] or list(found['a'].tested) == ['one', 'two']
    assert found['sgbm'].role == OTHER and found['sgbm'].tested['one'].settings == dict(p1=8)


def test_two_tasks_make_no_report(stereo_runs, tiny_root, tmp_path) -> None:
    write_training(tmp_path / 'boxes', student_config(tiny_root), log_rows(range(5, 15, 5)))
    with pytest.raises(ValueError, match=r'runs of detection \(boxes\) and of stereo \(tune\): make a report of each'):
        gather([tmp_path / 'boxes', stereo_runs / 'tune'])


@pytest.mark.parametrize(('old', 'new', 'line'), [
    ('"pixels"', '"pixel"', "KeyError: 'pixels'"), ('"region": "noc"', '"region": "moon"', "region 'moon' is none of"),
    ('"bad": [', '"bad": [1,', '5 counts for 4 thresholds'), ('"pictures"', '"none"', "KeyError: 'pictures'")])
def test_damaged_figures_are_named_in_one_line(stereo_runs, tmp_path, old, new, line) -> None:
    path = tmp_path / 'run' / 'stereo_metrics.json'
    path.parent.mkdir()
    text = json.dumps(json.loads((stereo_runs / 'tune/test/stereo_metrics.json').read_text()))
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r'stereo_metrics\.json is damaged') as told:
        gather([path.parent])
    assert line in str(told.value) and '\n' not in str(told.value)


def test_changes_are_told_over_seeds_or_over_pictures(stereo_runs) -> None:
    found = gather([stereo_runs / 'plain_0', stereo_runs / 'tune'])
    plain, tune = found.methods
    one = change(tune, plain, NAME, 'EPE', 'noc')
    assert one.difference == pytest.approx(0.0, abs=1e-5) and one.ends == pytest.approx((-1.5, 1.5), abs=1e-5)
    assert one.pictures == 2 and one.reading == 'too few pictures'
    seeds = gather([stereo_runs])
    several = {method.title: method for method in seeds.methods}
    assert change(several['tune'], several['plain'], NAME, 'EPE', 'noc').reading == 'no interval', 'other seeds'
    paired = change(several['plain'], several['plain'], NAME, 'EPE', 'noc')
    assert paired.seeds and paired.ends == pytest.approx((0, 0)) and paired.reading == 'within the noise'


def test_sizes_come_from_the_benchmark_or_from_the_checkpoint(stereo_runs, tmp_path) -> None:
    measured = write_benchmark(tmp_path / 'latency.json', stereo_runs / 'teacher' / 'last.pth')
    found = gather([stereo_runs, tmp_path / 'latency.json'])
    assert found.extras.latency == () and len(found.extras.stereo_times) == 1
    times = all_times(found)
    assert (times[0].height, times[0].width) == (96, 192) and measured.ratio['SGBM'] == pytest.approx(50)
    sizes = {run.title: size_of(run, found, times) for run in found.runs}
    assert (sizes['teacher'].parameters, sizes['teacher'].macs, sizes['teacher'].seconds) == (2000000, 20e9, 2.0)
    assert sizes['distil'].parameters == 35, 'of the student alone, without statistics'
    (tmp_path / 'latency.json').write_text('{"benchmark": "stereo", "sides": {"a": 1}}')
    with pytest.raises(ValueError, match=r'latency\.json is damaged: not what tools/benchmark\.py stereo'):
        all_times(gather([stereo_runs / 'tune', tmp_path / 'latency.json']))
