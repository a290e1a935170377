"""Tables of a search, and the folder that they come from."""

import json

import pytest

from perception_kd.compress.search.parts import Parts
from perception_kd.compress.search.tables import Table, check_alike

HERE = dict(device='a chip', dtype='float32', threads=1, size=[[1, 3, 64, 96]], torch='2.0', cuda=None)


def latency(conditions: dict = HERE, **candidates: float) -> dict:
    """As a part of a block has it."""
    return dict(conditions=conditions, teacher=dict(median=10.0, parameters=100),
                candidates={name: dict(median=ms, parameters=50) for name, ms in candidates.items()})


def table(better: str = 'lower', **changes: object) -> Table:
    """Two blocks; one candidate is slower than the teacher, one has no score."""
    settings = dict(latencies=dict(up=latency(slow=11.0, quick=6.0), down=latency(bad=1.0, good=9.0)),
                    model=dict(conditions=HERE, median=100.0), metric='EPE', better=better, score=2.0,
                    scores=dict(up=dict(slow=1.9, quick=2.5), down=dict(bad=None, good=2.1)),
                    specs=dict(up=dict(slow={}, quick=dict(k=3)), down=dict(bad={}, good={})))
    return Table.join(**{**settings, **changes})


def test_choices_are_scored_and_faster_than_the_teacher() -> None:
    choices = table().choices()
    assert {block: [one.name for one in ones] for block, ones in choices.items()} == {
        'up': ['teacher', 'quick'], 'down': ['teacher', 'good']}
    assert (choices['up'][1].latency, choices['up'][1].loss) == (-4.0, pytest.approx(0.5))


def test_losses_follow_which_figures_are_better() -> None:
    lower, higher = table(), table('higher')
    assert lower.choices()['up'][1].loss == pytest.approx(0.5) == -higher.choices()['up'][1].loss
    assert lower.score_at(lower.loss_of(2.7)) == pytest.approx(2.7) == higher.score_at(higher.loss_of(2.7))


@pytest.mark.parametrize(('key', 'value'), [('device', 'another chip'), ('dtype', 'bf16'), ('threads', 2),
                                            ('size', [[1, 3, 32, 32]]), ('torch', '2.1')])
def test_tables_of_other_conditions_are_not_mixed(key: str, value: object) -> None:
    other = dict(up=latency(slow=11.0, quick=6.0), down=latency({**HERE, key: value}, bad=1.0, good=9.0))
    with pytest.raises(ValueError, match=f'block down and of the whole model cannot be mixed: measured with {key} '):
        table(latencies=other)
    with pytest.raises(ValueError, match='cannot be mixed'):
        table(model=dict(conditions={**HERE, key: value}, median=100.0))
    check_alike({'one': HERE, 'two': dict(HERE)})


def test_the_text_and_the_json_hold_every_candidate() -> None:
    plain = table().to_json()
    assert plain['conditions'] == HERE
    assert plain['blocks']['up']['quick'] == dict(latency_ms=6.0, latency_difference_ms=-4.0, score=2.5,
                                                  score_difference=0.5, parameters=50, spec=dict(k=3))
    assert plain['blocks']['down']['bad']['score'] is None
    lines = table().text().splitlines()
    assert len(lines) == 7
    assert lines[3].split() == ['up', 'quick', '6.000', '-4.000', '2.5', '+0.5', '50']


def test_parts_are_bound_to_what_they_were_made_from(tmp_path) -> None:
    weights = tmp_path / 'weights.pth'
    weights.write_bytes(b'one')
    parts = Parts(tmp_path / 'search', dict(checkpoint=str(weights), space=dict(type='A')))
    assert parts.read('latency/up') is None
    parts.write('latency/up', dict(ms=float('inf')))
    assert Parts(tmp_path / 'search', dict(checkpoint=str(weights), space=dict(type='A'))).read('latency/up') == {
        'ms': None}
    with pytest.raises(ValueError, match='of a search with another space; take another'):
        Parts(tmp_path / 'search', dict(checkpoint=str(weights), space=dict(type='B')))
    weights.write_bytes(b'two')
    with pytest.raises(ValueError, match='of a search with another checkpoint;'):
        Parts(tmp_path / 'search', dict(checkpoint=str(weights), space=dict(type='A')))


def test_a_damaged_part_and_a_missing_one_are_said(tmp_path) -> None:
    parts = Parts(tmp_path, {})
    parts.path('scores/up').parent.mkdir()
    parts.path('scores/up').write_text(json.dumps({'a': 1})[:-2])
    with pytest.raises(ValueError, match=r'scores/up\.json is damaged'):
        parts.read('scores/up')
    with pytest.raises(ValueError, match=r'down\.json is missing: stage measure'):
        parts.need('latency/down', 'measure')
