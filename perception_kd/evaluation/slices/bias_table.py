"""The comparison of biases as text."""

from __future__ import annotations

from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES
from perception_kd.evaluation.resampling.text import bookkeeping, format_range
from perception_kd.evaluation.slices.bias import INHERITED, MODELS, BiasReport, SliceResult
from perception_kd.evaluation.slices.table import title

SURE = 0.95  # share of the resamples from which on a weakness is called more than noise


def format_bias(report: BiasReport) -> str:
    """One line a slice, and what follows from them."""
    meta = report.meta
    lines = [f'{"slice":<28}{"boxes":>7}{"scenes":>7}' + ''.join(f'{name:>11}' for name in MODELS)
             + f'{"gap":>9}{"gain":>9}  {"95 % of gain":<19}']
    lines += [_line(result) for result in report.slices]
    lines += ['', "gap: teacher - student; gain: distilled - student; AP as the devkit's, mean over the classes with "
                  f'at least {meta["min_boxes"]} true boxes in the slice, blank where none has']
    lines.append(_correlation(report))
    lines.append('gap and gain share the student: its own luck moves the correlation up, so compare several seeds')
    inherited = [one for one in report.slices if one.finding == INHERITED]
    sure = [title(one) for one in inherited if (one.share_inherited or 0) >= SURE and one.scenes >= FEW_SCENES]
    unsure = [name for name in map(title, inherited) if name not in sure]
    lines.append('inherited weaknesses (teacher and distilled below the student):')
    lines.append(f'  in {FEW_SCENES} scenes or more and {SURE:.0%} of their resamples: {", ".join(sure) or "none"}')
    lines.append(f'  in fewer, or not resampled, so perhaps noise: {", ".join(unsure) or "none"}')
    return '\n'.join([*lines, *bookkeeping(meta)])


def _line(result: SliceResult) -> str:
    values = ''.join(_number(result.ap[model], 11) for model in MODELS)
    changes = _number(result.gap, 9, '+') + _number(result.gain, 9, '+')
    within = f'{format_range(result.gain_interval, "+"):<19}'
    share = '' if result.finding != INHERITED or result.share_inherited is None else f' ({result.share_inherited:.0%})'
    place = f'{title(result):<28}{result.boxes:>7}{result.scenes:>7}'
    return f'{place}{values}{changes}  {within}  {result.finding}{share}'.rstrip()


def _correlation(report: BiasReport) -> str:
    if report.correlation is None:
        return f'rank correlation of gap and gain: none ({report.compared} slices, or nothing differs)'
    within = format_range(report.interval, '+')
    return (f'rank correlation of gap and gain over {report.compared} slices: {report.correlation:+.2f}'
            + (f' (95 % of the resamples {within})' if within else ''))


def _number(value: float | None, width: int, sign: str = '') -> str:
    return ' ' * width if value is None else f'{value:>{sign}{width}.3f}'
