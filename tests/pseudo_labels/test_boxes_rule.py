"""Which boxes are kept."""

import pytest

from perception_kd.pseudo_labels.boxes.rule import KeepRule, Tally


def test_a_box_is_kept_from_its_class_s_score_and_evidence_on():
    rule = KeepRule(0.5, {'bus': 0.2}, evidence=3)
    fates = {(name, score, seen): rule.fate(name, score, seen)
             for name in ('car', 'bus') for score in (0.19, 0.2, 0.5) for seen in (2, 3)}
    kept = {case for case, fate in fates.items() if fate == 'kept'}
    assert kept == {('car', 0.5, 3), ('bus', 0.2, 3), ('bus', 0.5, 3)}
    unseen = {case for case, fate in fates.items() if fate == 'unseen'}
    assert unseen == {(name, score, 2) for name, score, _ in kept}
    assert rule.lowest(['car', 'bus']) == 0.2 and rule.lowest(['car']) == 0.5


def test_tally_counts_boxes_by_class_and_items_without_any():
    tally = Tally()
    tally.add([('car', 'kept'), ('bus', 'unsure'), ('car', 'unseen'), ('car', 'kept')])
    tally.add([('bus', 'unsure')])
    tally.add([])
    assert tally.as_json() == dict(items=3, without_boxes=2, kept=2, classes=dict(
        car=dict(kept=2, unsure=0, unseen=1, double=0), bus=dict(kept=0, unsure=2, unseen=0, double=0)))
    assert [line.split() for line in tally.lines('frames')][2:] == [
        ['car', '2', '0', '1', '0'], ['bus', '0', '2', '0', '0']]


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(score=1.2), 'least score is a number from 0 to 1, got 1.2'),
    (dict(scores={'car': -0.1}), 'least score of car is a number'),
    (dict(score=float('nan')), 'got nan'),
    (dict(evidence=-1), '0 or more, got -1'),
])
def test_impossible_rules_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        KeepRule(**settings)


def test_a_score_of_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match='a score is given for tram; the teacher finds car, bus'):
        KeepRule(scores={'tram': 0.5}).check_classes(['car', 'bus'])
