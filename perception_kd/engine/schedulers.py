"""Schedules of the learning rate through a stop and a resume, also with more epochs than were planned."""

from __future__ import annotations

from typing import Any

from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler


def scheduler_state(scheduler: Any) -> dict[str, Any]:
    """State as data. OneCycleLR keeps its annealing function among it; the config builds that again."""
    return {name: value for name, value in scheduler.state_dict().items() if not callable(value)}


def release_ends(checkpoint: dict[str, Any], info: dict[str, Any]) -> None:
    """Schedules that ran to the end of training take that end from the config of now.

    Without this, a run resumed with more epochs keeps the learning rate of the old end for ever.
    """
    for state in flat(checkpoint.get('param_schedulers')):
        if state.get('end') == info.get('max_epochs' if state.get('by_epoch') else 'max_iters'):
            for name in ('end', 'T_max', 'total_iters', 'total_steps'):
                state.pop(name, None)


def check_spans(settings: Any) -> None:
    """See that every schedule of ``param_scheduler`` ends after it begins.

    Raises:
        ValueError: names the one that does not.
    """
    for one in settings if isinstance(settings, (list, tuple)) else [settings]:
        begin, end = (one.get('begin', 0), one.get('end')) if isinstance(one, dict) else (0, None)
        if isinstance(begin, (int, float)) and isinstance(end, (int, float)) and begin >= end:
            raise ValueError(f'{one.get("type")} would begin at {begin} and end at {end}: max_epochs must exceed '
                             'warmup_epochs, and warmup_epochs 0')


def take_missed_step(scheduler: Any) -> None:
    """A schedule does not take the step at its end; with a later end that step is due."""
    step = scheduler._global_step
    steps_by_metric = isinstance(scheduler, ReduceOnPlateauParamScheduler)
    due = scheduler.begin <= step < scheduler.end and scheduler.last_step == step - scheduler.begin - 1
    if due and not steps_by_metric:
        scheduler._global_step -= 1
        scheduler.step()


def flat(schedulers: Any) -> list[Any]:
    """The schedulers, or their states, of one optimiser (a list) or of several (a dict of lists)."""
    if isinstance(schedulers, dict):
        return [one for many in schedulers.values() for one in many]
    return list(schedulers or [])
