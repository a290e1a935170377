"""Sections on results, training, distillation, configs and environment, of runs whose numbers are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from perception_kd.evaluation.slices.scores import SliceScore
from perception_kd.files import write_json
from perception_kd.visualization.report.blocks import Chart, Fold, Heading, Multiples, Numbers, Table, Text
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.sections import configs, curves, environment, metrics, overview, shares
from perception_kd.visualization.report.sections import precision_recall as curves_of_scores
from tests.visualization.report.run_folders import log_rows, student_config, write_three, write_training


@pytest.fixture(scope='module')
def three(tmp_path_factory, tiny_root) -> RunSet:
    """Teacher, student, distilled student."""
    return gather([write_three(tmp_path_factory.mktemp('three'), tiny_root)])


@pytest.fixture
def unfinished(tmp_path, tiny_root) -> RunSet:
    """A training that is on its way."""
    log = '2025/01/01 00:00:00 - mmengine - INFO - a\n2025/01/01 00:01:05 - mmengine - INFO - b\n'
    write_training(tmp_path / 'run', student_config(tiny_root), log_rows(range(5, 15, 5)), log=log)
    return gather([tmp_path / 'run'])


def of_kind(section, kind: type) -> list:
    """Blocks of a kind, those inside folds as well."""
    inner = [one for block in section.blocks for one in (block.blocks if isinstance(block, Fold) else (block,))]
    return [block for block in inner if isinstance(block, kind)]


def summary_of(run) -> dict:
    return json.loads((run.folder / 'metrics_summary.json').read_text())


def test_the_first_screen_says_what_was_run_on_what_and_the_one_table(three):
    section = overview.section(three)
    assert section.lead.startswith('One teacher, one student without distillation and one student with distillation, '
                                   'scored on split tiny_train of v1.0-tiny (6 key frames, ')
    cards = of_kind(section, Numbers)[0].items
    totals = [summary_of(run)['mean_ap_present'] for run in three.runs]
    assert [card.value for card in cards] == [f'{value:.3f}' for value in (*totals, totals[0] - totals[1])]
    assert [card.model for card in cards] == ['teacher', 'student', 'kd', '']
    models, change = of_kind(section, Table)
    assert models.columns == ['Model', 'mAP, present', 'mAP', 'NDS', 'mATE', 'mASE', 'mAOE', 'mAVE', 'mAAE']
    assert [row[0] for row in models.rows] == ['teacher', 'student', 'kd'] and models.apart == 1
    assert models.rows[2][3] == summary_of(three.runs[2])['nd_score']
    assert change.rows[0][1] == f'{totals[2] - totals[1]:+.3f}'.replace('-', '−')
    assert of_kind(section, Text)[0].text.startswith('One seed decides nothing')


def test_of_a_run_on_its_way_it_says_how_far_it_is(unfinished):
    section = overview.section(unfinished)
    table, = of_kind(section, Table)
    assert section.title == 'State' and table.rows == [['run', '1 of 2', 10, 10.0, '1 min 5 s']]
    for other in (metrics, curves_of_scores, shares):
        assert other.section(unfinished) is None
    assert curves.section(unfinished) and environment.section(unfinished)


def test_the_simulated_world_and_a_mixture_of_data_are_said_plainly(three):
    def world(run, name: str):
        return replace(run, data=replace(run.data, world=name))

    simulated = replace(three, runs=tuple(world(run, 'w1') for run in three.runs))
    said = 'This is a simulated world (`w1`): its figures say nothing about nuScenes.'
    assert said in overview.section(simulated).lead
    mixed = replace(three, runs=(three.runs[0], *simulated.runs[1:]))
    other = replace(three.runs[0], data=replace(three.runs[0].data, split='another'))
    for runs in (mixed, replace(three, runs=(other, *three.runs[1:]))):
        assert 'must not be compared' in overview.section(runs).lead


def test_the_task_loss_is_the_same_with_and_without_pairs(three):
    chart = of_kind(curves.section(three), Chart)[0]
    values = {trace['name']: trace['y'] for trace in chart.figure['data']}
    assert values['kd'] == values['student'] == pytest.approx([20, 10, 100 / 15, 5], rel=1e-5)
    parts = of_kind(curves.section(three), Multiples)[0]
    assert [one.name for one in parts.charts] == ['loss_depth', 'loss_box']


def test_shares_are_those_of_the_log_and_the_table_names_the_pair(three):
    section = shares.section(three)
    assert section.lead.startswith('The distilled student learns from one pair')
    area = of_kind(section, Chart)[0].figure['data'][0]
    assert area['name'] == 'radar' and area['y'] == [25.0] * 4
    assert of_kind(section, Table)[0].rows == [
        ['radar', 'lidar.bev_s8', 'radar_bev', 'MSE', '\u2013', '\u2013', pytest.approx(0.3), 25.0, 50.0]]


def test_metrics_by_class_and_matching_distance_are_those_of_the_summaries(three):
    section = metrics.section(three)
    assert [block.title for block in of_kind(section, Heading)] == ['By class', 'By matching distance']
    summaries = [summary_of(run) for run in three.runs]
    table = of_kind(section, Table)[0]
    present = summaries[0]['classes_present']
    assert [row[0] for row in table.rows] == [name.replace('_', ' ') for name in present]
    car = next(row for row in table.rows if row[0] == 'car')
    assert car[1:5] == [summaries[0]['num_gt']['car'], *(one['mean_dist_aps']['car'] for one in summaries)]
    by_distance = of_kind(section, Chart)[1].figure['data'][1]
    expected = np.mean([list(summaries[1]['label_aps'][name].values()) for name in present], axis=0)
    assert by_distance['x'] == [0.5, 1, 2, 4] and by_distance['y'] == pytest.approx(expected.tolist(), rel=1e-5)


def test_parts_of_the_data_have_whiskers_where_scenes_could_be_drawn(three):
    def part(name: str, ap: float | None, ends: tuple[float, float] | None) -> SliceScore:
        return SliceScore('distance', name, 30, 2, ('car',), ap, ends)

    found = dict(teacher=[part('0-20 m', 0.5, (0.4, 0.7)), part('20+ m', 0.3, None)],
                 kd=[part('0-20 m', 0.2, (0.1, 0.3)), part('20+ m', None, None)])
    chart = metrics._family(three, 'distance', found)
    teacher, kd = chart.figure['data']
    assert teacher['x'] == ['0-20 m', '20+ m'] and (teacher['y'], kd['y']) == ([0.5, 0.3], [0.2, None])
    assert teacher['error_y']['array'] == [pytest.approx(0.2), None]
    assert chart.caption == 'True boxes: 0-20 m 30, 20+ m 30.'
    assert metrics._family(three, 'light', found) is None


def test_precision_and_recall_are_the_devkits(three):
    section = curves_of_scores.section(three)
    classes = dict(section.blocks[0].options)
    assert list(classes)[:2] == ['mean of the classes', 'car']
    within = {chart.name: chart.figure['data'] for chart in classes['car'][0].charts}
    assert list(within) == ['within 0.5 m', 'within 1 m', 'within 2 m', 'within 4 m']
    details = json.loads((three.runs[1].folder / 'metrics_details.json').read_text())['car:2.0']
    student = within['within 2 m'][1]
    end = sum(value > 0 for value in details['precision']) // 2  # from here on nothing is found
    assert 10 < end < 50 and student['name'] == 'student' and student['x'][:2] == [0, 0.02]
    assert student['y'][:end] == pytest.approx(details['precision'][:2 * end:2], rel=1e-5)


def test_configs_differ_in_the_student_and_in_what_distillation_adds(three):
    changed, added, *_ = configs.section(three).blocks
    assert changed.rows == [('model.cell', '0.8', '0.4')]
    assert [row[0] for row in added.rows] == ['`pairs.radar`', '`teachers.lidar`']
    assert "loss.type='MSE'" in added.rows[0][1]


def test_one_more_part_of_a_pipeline_does_not_move_the_others():
    left = dict(pipeline=[dict(type='Load', n=1), dict(type='Pack', keys=['a'])])
    right = dict(pipeline=[dict(type='Load', n=1), dict(type='Load', n=3), dict(type='Pack', keys=['a', 'b'])])
    assert list(configs.differing(left, right)) == [
        ('pipeline.Load#2', None, "type='Load', n=3"), ('pipeline.Pack.keys', "['a']", "['a', 'b']")]
    assert list(configs.differing(left, left)) == []


def test_environment_shows_what_runs_have_noted(three, tmp_path, tiny_root):
    section = environment.section(three)
    assert 'noted neither' in of_kind(section, Text)[0].text
    stamp = of_kind(section, Table)[-1]
    assert ['split', 'tiny_train'] in stamp.rows and ['box convention', 'mmdet3d-1.x lidar'] in stamp.rows
    rule = '-' * 60
    block = f'{rule}\nSystem environment:\n    sys.platform: linux\n    Python: 3.11\n{rule}\nConfig'
    noted = dict(commit='abc1', versions=dict(torch='2.9'), machine=dict(load=[1]))
    write_training(tmp_path / 'a', student_config(tiny_root), log_rows(range(5, 15, 5)), log=block)
    write_json(tmp_path / 'a' / 'environment.json', noted)
    section = environment.section(gather([tmp_path / 'a']))
    runs, software, *_ = of_kind(section, Table)
    assert runs.rows[0][runs.columns.index('Commit')] == 'abc1' and software.rows == [['torch', '2.9']]
    fold = next(block for block in section.blocks if isinstance(block, Fold))
    assert fold.blocks[0].text == 'sys.platform: linux\nPython: 3.11'
