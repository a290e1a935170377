"""A part of the labels as an axis: each part has its reference, and what is compared sees the same labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_kd.comparison.entry import Entry, parse_entries
from perception_kd.comparison.labels import Group, label_groups, labels_of, labels_table, twins
from perception_kd.comparison.queue import Queue, plan_runs
from perception_kd.comparison.summary import conclude
from perception_kd.comparison.teachers import parse_teacher_configs
from perception_kd.files import write_json

DEMO = Path(__file__).parents[2] / 'configs' / 'demo'
STUDENT, IMKD = (str(DEMO / f'{name}.py') for name in ('sim_student', 'sim_imkd'))
TENTH, FREE = '@labelled.fraction=0.1', '@model.teachers.lidar.allow_random=True'
GRID = ['none=' + STUDENT, 'kd=' + IMKD + FREE, f'kd10={IMKD}{FREE}{TENTH}', f'none10={STUDENT}{TENTH}']


def plan(*texts: str, allow: bool = False) -> list:
    return plan_runs(parse_entries(texts), [0], {}, {}, allow)


def test_every_part_of_the_labels_has_its_reference() -> None:
    runs = plan(*GRID)
    assert [run.reference for run in runs] == ['none', 'none', 'none10', 'none10']
    assert not any(run.differs for run in runs)
    assert [labels_of(run.cfg) for run in runs] == ['all labels'] * 2 + ['10 % of the scenes (seed 0)'] * 2
    assert label_groups(runs, [run.entry.name for run in runs]) == [
        Group('all labels', ('none', 'kd')), Group('10 % of the scenes (seed 0)', ('none10', 'kd10'))]
    assert twins(runs) == dict(none='none', kd='kd', kd10='kd', none10='none')


@pytest.mark.parametrize(('entries', 'message'), [
    ([*GRID[:3]], r'kd10 differs from none .*: train_dataloader\.dataset\.labelled\.fraction.*; a part of the labels'),
    ([*GRID[:2], GRID[3]], 'none10 differs from none'),
    ([*GRID, f'other={STUDENT}{TENTH}@labelled.seed=1'], 'other differs from none'),
    ([*GRID, f'kept={IMKD}{FREE}{TENTH}@labelled.others=repeat'],
     r'kept differs from none10 .*: train_dataloader\.dataset\.labelled\.others'),
    ([*GRID, f'longer={STUDENT}{TENTH}@max_epochs=9'], r'longer differs from none10 .*: param_scheduler')])
def test_what_sees_other_labels_than_its_reference_is_refused_or_marked(entries: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(*entries)
    assert any(run.differs for run in plan(*entries, allow=True))


def finished(queue: Queue, values: dict[str, float], teachers: dict[str, str]) -> None:
    for run in queue.runs:
        name = run.entry.name
        used = {'lidar': dict(checkpoint=f'{teachers[name]}.pth', fingerprint=teachers[name])} if name in teachers \
            else {}
        write_json(run.file(queue.out), dict(
            format='perception_kd comparison run 1', name=name, seed=0, key=dict(run.key), student_init='a', world='',
            metrics=dict(mAP=values[name]), seconds=dict(train=1.0), differs=[], teachers=used))


def test_the_report_is_by_labels_and_names_teachers_that_differ(tmp_path: Path) -> None:
    queue = Queue(plan(*GRID), tmp_path, tmp_path / 'work', echo=lambda line: None)
    finished(queue, dict(none=0.5, kd=0.6, none10=0.2, kd10=0.4), dict(kd='all', kd10='tenth'))
    seen = []
    text = conclude(queue, ['none', 'kd', 'kd10', 'none10'], ['mAP'], dict(lidar=dict(metrics=dict(mAP=0.7))),
                    [lambda results, names, teachers: seen.append((len(results), list(names))) or ['a section']])
    assert seen == [(2, ['none', 'kd']), (2, ['none10', 'kd10'])] and text.count('a section') == 2
    assert 'Teacher lidar leads none by +0.200' in text and 'Teacher lidar leads none10 by +0.500' in text
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line[:1] == '|']
    assert rows[-2:] == [['all labels', '0.500', '0.600; +0.100'],
                         ['10 % of the scenes (seed 0)', '0.200', '0.400; +0.200']]
    assert 'Teacher lidar is not the same in all methods: kd from all.pth (all); kd10 from tenth.pth (tenth).' in text


def test_a_table_has_gaps_where_nothing_was_run() -> None:
    results = [dict(name='none', seed=0, metrics=dict(mAP=0.5)), dict(name='none10', seed=0, metrics=dict(mAP=0.2))]
    groups = [Group('all labels', ('none', 'kd')), Group('some', ('none10',))]
    lines = labels_table(results, groups, dict(none='none', kd='kd', none10='none'), 'mAP')
    assert '## mAP by labels' in lines
    assert [cell.strip() for cell in lines[3].splitlines()[-1].strip('|').split('|')] == ['some', '0.200', '-']


def test_an_entrys_own_teacher_goes_before_the_common_one(tmp_path: Path) -> None:
    for name in ('all', 'tenth'):
        (tmp_path / f'{name}.pth').write_text(name)
    own = Entry.parse(f'kd10={IMKD}@model.teachers.lidar.checkpoint={tmp_path}/tenth.pth')
    cfg, options = own.load({}, dict(lidar=tmp_path / 'all.pth'), 0)
    assert cfg.model.teachers.lidar.checkpoint == f'{tmp_path}/tenth.pth' == options[
        'model.teachers.lidar.checkpoint']
    cfg, _ = Entry.parse(f'kd={IMKD}').load({}, dict(lidar=tmp_path / 'all.pth'), 0)
    assert cfg.model.teachers.lidar.checkpoint == f'{tmp_path}/all.pth'


def test_scored_teachers_may_have_a_checkpoint_of_their_own(tmp_path: Path) -> None:
    config, common, own = Path(STUDENT), tmp_path / 'all.pth', tmp_path / 'tenth.pth'
    own.touch()
    assert parse_teacher_configs([f'lidar={config}', f'tenth={config}@{own}'], dict(lidar=common)) == dict(
        lidar=(config, common), tenth=(config, own))
    for wrong in (f'tenth={config}', 'lidar=', f'={config}@{own}'):
        with pytest.raises(ValueError, match='is neither of the form NAME=CONFIG with a NAME given to --teacher'):
            parse_teacher_configs([wrong], dict(lidar=common))
