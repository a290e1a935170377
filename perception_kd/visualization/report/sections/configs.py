"""In which settings the runs differ from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perception_kd.visualization.report.blocks import Block, Choice, Code, Difference, Fold, Section, Table, Text
from perception_kd.visualization.report.runs import TEACHER, Run, RunSet
from perception_kd.visualization.report.words import count, sentence

USED = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator', 'test_evaluator',
        'optim_wrapper', 'param_scheduler', 'train_cfg', 'default_hooks', 'custom_hooks', 'randomness', 'load_from',
        'max_quarantined', 'sync_bn', 'resume')
"""What a Runner reads; the rest of a config only helps to write it."""
MOST_ROWS, MOST_SIGNS = 400, 400


def section(runs: RunSet) -> Section | None:
    """Differences of students from the baseline, and every config whole; None where no config was kept."""
    known = [one.runs[0] for one in runs.methods if one.runs[0].config]
    if not known:
        return None
    baseline = runs.baseline_method.runs[0] if runs.baseline_method else None
    others = [run for run in known if run is not baseline and run.role != TEACHER]
    blocks: list[Block] = []
    if baseline is not None and baseline.config:
        panels = [(run.method or run.title, _difference(baseline, run)) for run in others]
        blocks += [Choice('Model', panels)] if len(panels) > 1 else [block for _, panel in panels for block in panel]
    whole = [Code(_listed(run), run.method or run.title, folded=True) for run in known]
    if len(whole) > 1:
        blocks.append(Fold('Whole configs', whole))
    else:
        blocks += whole
    lead = ('' if not others or baseline is None else f'Settings in which students differ from {runs.baseline}; the '
            'student inside a distiller is compared with the bare one. Whatever is not listed is equal.')
    return Section('configs', 'Configuration', lead, blocks)


def _difference(baseline: Run, run: Run) -> Sequence[Block]:
    """What is set otherwise, then what only one of them sets."""
    rows = list(differing(comparable(baseline.config), comparable(run.config)))
    title, reference = run.method or run.title, baseline.method or baseline.title
    if not rows:
        return [Text(f'{title}: no setting differs.')]
    changed = [row for row in rows if None not in row]
    blocks: list[Block] = []
    if changed:
        rest = '' if len(changed) <= MOST_ROWS else f' The first {MOST_ROWS} are shown.'
        caption = f'{sentence(_settings(changed))} set otherwise.{rest}'
        blocks.append(Difference(changed[:MOST_ROWS], reference, title, caption))
    for name, own in ((title, [(key, value) for key, other, value in rows if other is None]),
                      (reference, [(key, value) for key, value, other in rows if other is None])):
        if own:
            cells = [[f'`{key}`', f'`{_short(value)}`'] for key, value in own[:MOST_ROWS]]
            blocks.append(Table(['Setting', 'Value'], cells, f'{sentence(_settings(own))} only in {name}.'))
    return blocks


def _settings(rows: Sequence[Any]) -> str:
    return count(len(rows), 'setting')


def _short(value: str) -> str:
    return value.replace('`', "'") if len(value) <= MOST_SIGNS else f'{value[:MOST_SIGNS]} \u2026'


def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a Runner reads, with the student of a distiller where a bare student stands."""
    used = {name: config[name] for name in USED if config.get(name) is not None}
    model = used.get('model')
    distiller = model if isinstance(model, Mapping) and model.get('type') == 'Distiller' else {}
    if distiller:
        used['model'] = distiller.get('student')
    kept = {name: value for name, value in distiller.items() if name not in ('type', 'student', 'pairs', 'teachers')}
    pairs = {f'pairs.{name}': value for name, value in (distiller.get('pairs') or {}).items()}
    teachers = {f'teachers.{name}': value for name, value in (distiller.get('teachers') or {}).items()}
    return {**pairs, **teachers, **kept, **used}


def differing(left: Any, right: Any, path: str = '') -> Iterator[tuple[str, str | None, str | None]]:
    """``(key, left, right)`` of what differs; what one side lacks is one row, however much is in it."""
    ours, theirs = _inside(left), _inside(right)
    if ours is None or theirs is None:
        if left != right:
            yield path, _text(left), _text(right)
        return
    for name in dict.fromkeys([*theirs, *ours]):
        key = f'{path}.{name}' if path else name
        if name in ours and name in theirs:
            yield from differing(ours[name], theirs[name], key)
        else:
            yield key, _text(ours[name]) if name in ours else None, _text(theirs[name]) if name in theirs else None


def _inside(settings: Any) -> dict[str, Any] | None:
    """Parts by name; None for a plain value. Parts of a list that have a type are named by it, so that one more part
    does not move all that follow."""
    if isinstance(settings, Mapping) and settings:
        return {str(key): value for key, value in settings.items()}
    if isinstance(settings, (list, tuple)) and any(isinstance(one, (Mapping, list, tuple)) for one in settings):
        return dict(zip(_names(settings), settings))
    return None


def _text(settings: Any) -> str:
    """On one line."""
    return ', '.join(f'{key}={value}' if key else value for key, value in flatten(settings).items())


def flatten(settings: Any, path: str = '') -> dict[str, str]:
    """Dotted names to values as text."""
    inner = _inside(settings)
    if inner is None:
        return {path: _value(settings)}
    found: dict[str, str] = {}
    for key, value in inner.items():
        found.update(flatten(value, f'{path}.{key}' if path else key))
    return found


def _names(parts: Sequence[Any]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for place, part in enumerate(parts):
        name = str(part.get('type', place)) if isinstance(part, Mapping) else str(place)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f'{name}#{seen[name]}')
    return names


def _value(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _listed(run: Run) -> str:
    """What is used of the config, a setting a line."""
    used = {name: run.config[name] for name in USED if run.config.get(name) is not None}
    return '\n'.join(f'{key} = {value}' for key, value in flatten(used).items())
