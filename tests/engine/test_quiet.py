"""A pipeline without anything drawn at random, also inside of other transforms."""

from perception_kd.engine.quiet import without_augmentation


def test_what_draws_is_quietened_and_what_pastes_is_left_out():
    inner = [dict(type='LoadRadarSweeps', draw_sweeps=3, drop_points=0.1), dict(type='PasteObjects')]
    pipeline = [dict(type='BesideClean', faults=dict(type='ApplyFaults', prob=0.5, faults=[]), transforms=inner),
                dict(type='LoadPastFrames', transforms=inner[:1]), dict(type='PasteObjects', database='x'),
                dict(type='ImageAug', final_size=(8, 8), resize_lim=(1, 2), training=True), dict(type='BEVAug'),
                dict(type='PackInputs', keys=('img',))]
    quiet = without_augmentation(pipeline)
    assert [step['type'] for step in quiet] == ['BesideClean', 'LoadPastFrames', 'ImageAug', 'BEVAug', 'PackInputs']
    sound = dict(type='LoadRadarSweeps', draw_sweeps=None, drop_points=0.0)
    assert quiet[0]['faults']['prob'] == 0 and quiet[0]['transforms'] == quiet[1]['transforms'] == [sound]
    assert quiet[2]['training'] is False and quiet[3]['states'] == [{}]
    assert pipeline[3]['training'] and inner[0]['draw_sweeps'] == 3, 'a copy'
