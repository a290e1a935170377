"""Weights over time."""

import pytest

from perception_kd.distill.schedules import (
    Constant,
    LinearWarmup,
    Progress,
    Scaled,
    Window,
    build_schedule,
    full_weight,
    stays_zero,
)


@pytest.mark.parametrize(('schedule', 'expected'), [
    (Constant(value=0.3), [0.3, 0.3, 0.3, 0.3]),
    (LinearWarmup(value=1.0, begin=2, end=6), [0.0, 0.5, 1.0, 1.0]),
    (LinearWarmup(value=0.0, start=1.0, end=8), [1.0, 0.5, 0.25, 0.0]),
    (Window(value=2.0, begin=3, end=6, unit='iter'), [0.0, 2.0, 0.0, 0.0]),
    (Window(value=2.0, begin=6, unit='iter'), [0.0, 0.0, 2.0, 2.0])])
def test_values_at_iterations_0_4_6_20(schedule, expected):
    assert [schedule(Progress(iteration)) for iteration in (0, 4, 6, 20)] == pytest.approx(expected)


def test_epochs_count_where_asked_and_must_be_known():
    schedule = build_schedule(dict(type='LinearWarmup', value=1.0, end=4, unit='epoch'))
    assert schedule(Progress(iteration=99, epoch=1)) == 0.25
    with pytest.raises(ValueError, match='DistillProgressHook'):
        schedule(Progress(iteration=99))


def test_numbers_dicts_and_callables_are_schedules():
    assert build_schedule(2)(Progress()) == 2.0
    ready = Constant(value=1)
    assert build_schedule(ready) is ready


@pytest.mark.parametrize('schedule', [
    LinearWarmup(value=1.0, end=1, off=-2, unit='epoch'), Window(value=1.0, begin=1, end=-2),
    LinearWarmup(value=1.0, end=1, off=6, unit='epoch')])
def test_off_before_the_end_of_the_run(schedule):
    assert [schedule(Progress(0, epoch, epochs=8)) for epoch in (1, 5.9, 6, 7.5)] == [1, 1, 0, 0]
    if str(schedule).endswith('-2'):
        assert schedule(Progress(0, 10**6)) == 1.0, 'nobody knows how long the run is'


def test_a_schedule_that_a_run_is_too_short_for():
    off = LinearWarmup(value=1.0, end=1, off=-2, unit='epoch')
    late = Scaled(value=0.3, schedule=LinearWarmup(value=1.0, begin=6, end=7, unit='epoch'))
    assert [stays_zero(off, 10 * epochs, 10) for epochs in (1, 2, 3)] == [True, True, False]
    assert [stays_zero(late, 10 * epochs, 10) for epochs in (5, 6, 7)] == [True, True, False]
    assert not stays_zero(Constant(value=0.0), 10, 10), 'asked for'
    assert not stays_zero(Window(value=1.0, begin=7, end=8, unit='iter'), 10, 10)


def test_a_ramp_over_epochs_moves_within_an_epoch():
    ramp = LinearWarmup(value=1.0, end=1, unit='epoch')
    assert [ramp(Progress(0, epoch)) for epoch in (0, 0.25, 0.5, 1)] == [0, 0.25, 0.5, 1]


def test_a_scaled_schedule():
    scaled = build_schedule(dict(type='Scaled', value=0.3, schedule=dict(type='LinearWarmup', value=2.0, end=4)))
    assert scaled(Progress(2)) == pytest.approx(0.3) and str(scaled) == '0.3 x (0 to 2 over iter 0-4)'
    assert full_weight(scaled) == pytest.approx(0.6) and full_weight(lambda progress: 5.0) == 1.0
    assert Scaled(value=2.0, schedule=0.5)(Progress()) == 1.0


@pytest.mark.parametrize('make', [
    lambda: LinearWarmup(value=1, end=3, off=2),
    lambda: LinearWarmup(value=1, begin=3, end=3), lambda: Window(value=1, begin=2, end=1),
    lambda: LinearWarmup(value=1, end=3, unit='day'), lambda: build_schedule(None)])
def test_bad_schedules_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_schedules_print_themselves():
    assert [str(Constant(value=0.3)), str(LinearWarmup(value=1, end=40)), str(Window(value=1, begin=2))] == [
        '0.3', '0 to 1 over iter 0-40', '1 in epoch 2-end']
