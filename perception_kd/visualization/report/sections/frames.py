"""The frames to look at: where distillation helped most, hurt most, and where it is hardest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from perception_kd.cli import one_line
from perception_kd.visualization.report.blocks import Block, Chart, Finding, Gallery, Picture, Section, Table
from perception_kd.visualization.report.charts import colour_of
from perception_kd.visualization.report.drawn_frames import FrameDrawer
from perception_kd.visualization.report.examined import Examined, can_examine, examine_run
from perception_kd.visualization.report.frame_captions import Judged, pair_caption, place_of, single_caption
from perception_kd.visualization.report.frame_scores import (
    APART,
    DISTANCE,
    Choice,
    best_threshold,
    choose_pair,
    choose_single,
)
from perception_kd.visualization.report.runs import DISTILLED, STUDENT, TEACHER, Run, RunSet
from perception_kd.visualization.report.words import signed

MOST_MARKS = 1500
_RULE = f'same class, centres less than {DISTANCE:g} m apart, best score first'


@dataclass(frozen=True)
class Cast:
    """Who is looked at.

    Args:
        teacher, plain: None where there is none on the same data.
        main: The distilled student, or the only model.
        examined: Of ``main`` and, before it, of ``plain``.
        threshold: Of the score.
    """

    teacher: Run | None
    plain: Run | None
    main: Run
    examined: tuple[Examined, ...]
    threshold: float

    @property
    def judged(self) -> list[Judged]:
        """Of ``plain``, where there is one, and ``main``."""
        return [Judged.of(one.matches, self.threshold) for one in self.examined]


def section(runs: RunSet) -> Section | None:
    """Chart and pictures; None where no result file is beside its data."""
    cast = choose_cast(runs)
    if cast is None:
        return None
    truth, judged = cast.examined[-1].truth, cast.judged
    pair = len(judged) == 2
    choices = (choose_pair(judged[0].counts, judged[1].counts, truth.scene) if pair
               else choose_single(judged[0].counts, truth.scene))
    caption = pair_caption if pair else single_caption
    captions = [caption(choice, truth, *judged) for choice in choices]
    blocks: list[Block] = [_scatter(runs, cast, choices)] if pair else []
    blocks += _pictures(cast, choices, captions)
    return Section('frames', 'Frames to look at', _lead(cast), blocks) if blocks else None


def can_draw(runs: RunSet) -> bool:
    """Whether the section shows pictures."""
    cast = choose_cast(runs)
    return cast is not None and cast.main.data.infos is not None


def choose_cast(runs: RunSet) -> Cast | None:
    """Student without distillation and with it, on the same data and of the same seed if there are such.

    Of several methods the one with the highest mean mAP is looked at.
    """
    able = [run for run in runs.runs if can_examine(run)]
    of_role = {role: [run for run in able if run.role == role] for role in (TEACHER, STUDENT, DISTILLED)}
    pairs = [(plain, main) for main in of_role[DISTILLED] for plain in of_role[STUDENT]
             if plain.data == main.data]
    worth = {method.title: mean(method.values('mAP') or [0.0]) for method in runs.methods}
    pairs.sort(key=lambda pair: (pair[0].seed != pair[1].seed, pair[0].method != (runs.baseline or pair[0].method),
                                 -worth[pair[1].method or pair[1].title]))
    plain, main = pairs[0] if pairs else (None, next(iter(of_role[DISTILLED] + of_role[STUDENT] + able), None))
    if main is None:
        return None
    try:
        examined = tuple(examine_run(run) for run in (plain, main) if run is not None)
    except (ValueError, OSError):
        return None  # the section of findings says why
    teacher = next((run for run in of_role[TEACHER] if run.data == main.data and run is not main), None)
    return Cast(teacher, plain, main, examined, best_threshold([one.matches for one in examined]))


def _lead(cast: Cast) -> str:
    which = (f'Where “{cast.main.title}” differs most from “{cast.plain.title}”, and where both are worst'
             if cast.plain else f'Where “{cast.main.title}” is best and where it is worst')
    whose = "the students' F1" if cast.plain else 'F1'
    return (f'{which}: extremes by choice, not typical frames. F1, the harmonic mean of precision and recall, is '
            f'counted as nuScenes matches ({_RULE}), with predictions of a score of {cast.threshold:g} or more, where '
            f'{whose} over the split is highest.')


def _pictures(cast: Cast, choices: Sequence[Choice], captions: Sequence[str]) -> list[Block]:
    if cast.main.data.infos is None or not choices:
        return []
    shown = [run for run in (cast.teacher, cast.plain, cast.main) if run is not None]
    tokens = cast.examined[-1].truth.tokens
    try:
        drawer = FrameDrawer(place=cast.main.data, runs=shown, score=cast.threshold)
        drawn = drawer.draw([tokens[choice.frame] for choice in choices])
    except (ValueError, OSError) as error:
        return [Finding('notice', 'The pictures of these frames could not be drawn', one_line(error))]
    alt = f'Front camera and view from above: truth, {", ".join(run.title for run in shown)}'
    pictures = [Picture(data, alt, caption, 'jpeg') for data, caption in zip(drawn, captions)]
    rules = ('Green: found; orange, dashed: missed; red with a cross: made up. Chosen from the half of the frames with '
             'the most objects, where a single box does not decide; of frames of a scene that are fewer than '
             f'{APART} apart only one is shown.')
    return [Gallery(pictures, rules)]


def _scatter(runs: RunSet, cast: Cast, choices: Sequence[Choice]) -> Chart:
    """A mark for each frame: F1 without distillation across, with it up."""
    plain, main = (one.counts.f1 for one in cast.judged)
    known = np.flatnonzero(np.isfinite(plain) & np.isfinite(main))
    kept = np.union1d(known[:: -(-len(known) // MOST_MARKS) or 1], [one.frame for one in choices]).astype(int)
    better = main > plain
    both = np.concatenate([plain[known], main[known]])
    ends = [0.9 * float(both.min(initial=0.0 if not len(both) else np.inf)), 1.06 * float(both.max(initial=0.1))]
    data = [{'type': 'scatter', 'mode': 'lines', 'x': ends, 'y': ends, 'name': 'no difference',
             'line': {'color': 'var(--muted)', 'width': 1, 'dash': 'dot'}, 'hoverinfo': 'skip'}]
    for run, which, words, side in ((cast.main, better, 'better with distillation', 'top'),
                                    (cast.plain, ~better, 'not better with it', 'bottom')):
        frames = kept[which[kept]]
        data.append({
            'type': 'scatter', 'mode': 'markers+text', 'name': words, 'x': _rounded(plain[frames]),
            'y': _rounded(main[frames]), 'text': [_letter(choices, frame) for frame in frames],
            'textposition': f'{side} center', 'marker': {'size': 8, 'color': colour_of(runs.position(run))},
            'hovertext': [place_of(cast.examined[-1].truth, frame).replace('`', '') for frame in frames],
            'hovertemplate': '%{hovertext}<br>F1 %{x:.2f} without, %{y:.2f} with<extra></extra>'})
    layout = {'xaxis': {'title': {'text': f'F1, {cast.plain.title}'}, 'range': ends},
              'yaxis': {'title': {'text': f'F1, {cast.main.title}'}, 'range': ends}, 'hovermode': 'closest'}
    change = (main - plain)[known]
    caption = (f'A mark is a key frame; above the line distillation helped, below it hurt. It helped in '
               f'{int((change > 0).sum())} of {len(known)} frames and hurt in {int((change < 0).sum())}; the mean '
               f'change of F1 is {signed(change.mean())}. Letters are those of the pictures below.')
    return Chart('F1 frame by frame, without distillation and with it', {'data': data, 'layout': layout}, caption, 420,
                 _table(cast, choices))


def _table(cast: Cast, choices: Sequence[Choice]) -> Table:
    """The numbers of the frames that are shown."""
    plain, main = (one.counts for one in cast.judged)
    rows = [[f'{_letter(choices, one.frame)}: {place_of(cast.examined[-1].truth, one.frame).replace("`", "")}',
             *(value for counts in (plain, main) for value in (
                 int(counts.hits[one.frame]), int(counts.false_alarms[one.frame]), float(counts.f1[one.frame])))]
            for one in choices]
    heads = [f'{word}, {side}' for side in ('without', 'with') for word in ('found', 'false alarms', 'F1')]
    caption = 'The frames that are shown below, without distillation and with it.'
    return Table(['frame', *heads], rows, caption, digits=2)


def _letter(choices: Sequence[Choice], frame: int) -> str:
    return next((chr(ord('a') + place) for place, one in enumerate(choices) if one.frame == frame), '')


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]
