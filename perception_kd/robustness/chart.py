"""Two pictures of a summary: scores over severity for every fault, and what each fault leaves of the clean score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes

from perception_kd.files import atomic_path
from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK, PAPER, RULE, Colour
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

Table = Mapping[str, Any]
COLOURS: tuple[Colour, ...] = (*CHART_COLOURS[:4], (0.0, 0.0, 0.0))
MARKERS = 'osD^v'  # so that they differ without colour too
LINES = (('NDS', '-'), ('mAP', (0, (2.5, 1.5))))
DIAMOND = dict(marker='D', markersize=3.6, markeredgewidth=0.9, linestyle='none', clip_on=False)
DPI, TITLE = 160, 25  # so many letters fit over a panel
LEFT, COLUMNS, PANEL, GAP, HEIGHT, PITCH, TOP, FAMILY = 56, 5, 166, 22, 104, 152, 76, 34
BAR, ROW_GAP, BARS_LEFT, BARS_WIDTH = 11, 9, 228, 660


def draw_curves(summary: Table) -> Sheet:
    """A small panel for each fault: NDS and mAP of every model over severity, where 0 is the clean score."""
    models = summary['models']
    rows = [(family, names[start:start + COLUMNS]) for family, names in _families(models).items()
            for start in range(0, len(names), COLUMNS)]
    heads = sum(1 for place, (family, _) in enumerate(rows) if not place or rows[place - 1][0] != family)
    sheet = Sheet(width=2 * LEFT - 20 + COLUMNS * PANEL + (COLUMNS - 1) * GAP,
                  height=TOP + heads * FAMILY + len(rows) * PITCH)
    _head(sheet, summary, 'Scores under faults, by severity (0: sound sensors)', LINES)
    highest = max(_known(score for model in models for name, _ in LINES
                         for score in (model['clean'][name], *_scores(model, name))), default=1.0)
    top, last = TOP, None
    for family, names in rows:
        if family != last:
            sheet.text(LEFT, top + 6, _title(family).capitalize(), size=10, weight='bold')
            top, last = top + FAMILY, family
        for column, name in enumerate(names):
            axes = sheet.axes(LEFT + column * (PANEL + GAP), top, PANEL, HEIGHT)
            _panel(axes, models, name, highest, labelled=column == 0)
        top += PITCH
    return sheet


def _panel(axes: Axes, models: Sequence[Table], name: str, highest: float, labelled: bool) -> None:
    longest = 0
    for model, colour, marker in zip(models, _cycle(COLOURS), _cycle(MARKERS)):
        fault = model['faults'][name]
        places = [0, *fault['severities']]
        longest = max(longest, *places)
        for score, style in LINES:
            values = [math.nan if one is None else one for one in (model['clean'][score], *fault[score])]
            axes.plot(places, values, color=colour, linestyle=style, linewidth=1.4, marker=marker, markersize=3.4,
                      clip_on=False)
    title = _title(name)
    axes.set_title(title, fontsize=min(8.5, 8.5 * TITLE / len(title)), color=INK, loc='left', pad=4)
    axes.set(xlim=(-0.15, longest + 0.15), ylim=(0, 1.08 * highest or 1.0))
    axes.set_xticks(range(longest + 1))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.tick_params(labelleft=labelled)
    quiet_axes(axes, 'y', size=7.5)


def draw_bars(summary: Table) -> Sheet:
    """Horizontal bars: the part of the clean NDS (and mAP) that each fault leaves, for all models, and its mean."""
    models, families = summary['models'], _families(summary['models'])
    pitch = len(models) * BAR + ROW_GAP
    count = sum(map(len, families.values()))
    height = TOP + (count + 1) * pitch + (len(families) + 1) * FAMILY + 16
    sheet = Sheet(width=BARS_LEFT + BARS_WIDTH + 70, height=height)
    _head(sheet, summary, 'Score left under faults, % of the clean score (mean over severities)', ())
    known = _known(rate for model in models for fault in model['faults'].values() for rate in fault['RR'].values())
    longest = 1.04 * max([1.0, *known])
    top = TOP
    for family, names in (*families.items(), ('all', ['mean over faults (mRR)'])):
        sheet.text(16, top + 8, _title(family).capitalize(), size=10, weight='bold')
        top += FAMILY - 8
        axes = sheet.axes(BARS_LEFT, top, BARS_WIDTH, len(names) * pitch)
        rates = [[model['mRR']] if family == 'all' else [model['faults'][name]['RR'] for name in names]
                 for model in models]
        _bars(axes, names, rates, longest, pitch)
        for row, name in enumerate(names):
            sheet.text(BARS_LEFT - 10, top + (row + 0.5) * pitch, _title(name), size=8.5, align='right')
        top += len(names) * pitch + 8
    for percent in (0, 25, 50, 75, 100):
        sheet.text(BARS_LEFT + percent / 100 / longest * BARS_WIDTH, top + 6, f'{percent} %', size=8,
                   colour=FAINT_INK, align='center')
    return sheet


def _bars(axes: Axes, names: Sequence[str], rates: Sequence[Sequence[Mapping[str, float | None]]], longest: float,
          pitch: float) -> None:
    """Bars are NDS, diamonds mAP; ``rates`` by model and fault."""
    axes.set(xlim=(0, longest), ylim=(len(names) * pitch, 0))
    for place in (0.25, 0.5, 0.75, 1.0):
        axes.axvline(place, color=FAINT_INK if place == 1 else RULE, linewidth=0.8 if place == 1 else 0.5, zorder=0)
    for number, (row, colour) in enumerate(zip(rates, _cycle(COLOURS))):
        for place, rate in enumerate(row):
            middle, value = place * pitch + ROW_GAP / 2 + (number + 0.5) * BAR, rate['NDS']
            axes.barh(middle, value or 0.0, height=BAR - 2, color=colour, zorder=2)
            end = max(value or 0.0, rate['mAP'] or 0.0) if _meet(value, rate['mAP']) else value or 0.0
            axes.annotate('no score' if value is None else f'{100 * value:.0f}', (end, middle), (5, 0),
                          textcoords='offset points', va='center_baseline', fontsize=6.5, color=INK,
                          bbox=dict(facecolor=PAPER, edgecolor='none', pad=0.4), zorder=3)
            if rate['mAP'] is not None:
                axes.plot([rate['mAP']], [middle], color=PAPER, markeredgecolor=INK, zorder=4, **DIAMOND)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _meet(bar: float | None, diamond: float | None) -> bool:
    """Whether a diamond would lie on the number behind its bar."""
    return diamond is not None and -0.01 < diamond - (bar or 0.0) < 0.05


def _head(sheet: Sheet, summary: Table, title: str, lines: Sequence[tuple[str, Any]]) -> None:
    """Title, what the scores are of, and the legend, all above the axes."""
    data, models = summary['data'], summary['models']
    world = f'simulated world {data["world"]}' if data['world'] else data['version']
    sheet.text(16, 18, title, size=12, weight='bold')
    sheet.text(16, 38, f'{world}, {data["split"]}: {data["frames"]} key frames of {data["scenes"]} scenes',
               size=8.5, colour=FAINT_INK)
    overlay, left = sheet.overlay(), 16.0
    for model, colour, marker in zip(models, _cycle(COLOURS), _cycle(MARKERS)):
        overlay.plot([left, left + 22], [57, 57], color=colour, linewidth=1.6 if lines else 7, marker=marker if lines
                     else None, markevery=[0, 1], markersize=4, solid_capstyle='butt')
        left += 30 + sheet.width_of(sheet.text(left + 30, 57, model['name'], size=9)) + 18
    if not lines:
        overlay.plot([left, left + 22], [57, 57], color=FAINT_INK, linewidth=7, solid_capstyle='butt')
        left += 30 + sheet.width_of(sheet.text(left + 30, 57, 'NDS', size=9)) + 18
        overlay.plot([left + 6], [57], color=PAPER, markeredgecolor=INK, **DIAMOND)
        sheet.text(left + 18, 57, 'mAP', size=9)
    for name, style in lines:
        overlay.plot([left, left + 26], [57, 57], color=INK, linewidth=1.4, linestyle=style)
        left += 34 + sheet.width_of(sheet.text(left + 34, 57, name, size=9)) + 18


def save(sheet: Sheet, stem: Path) -> list[Path]:
    """Write ``STEM.png`` and ``STEM.svg``; returns their paths."""
    picture, vector = stem.with_name(f'{stem.name}.png'), stem.with_name(f'{stem.name}.svg')
    sheet.save(picture, dpi=DPI)
    with atomic_path(vector) as temporary, matplotlib.rc_context({'svg.hashsalt': stem.name}):
        sheet.figure.savefig(temporary, format='svg', facecolor=PAPER, metadata={'Date': None})
    return [picture, vector]


def _families(models: Sequence[Table]) -> dict[str, list[str]]:
    """Names of the faults that any model feels, by family."""
    families: dict[str, list[str]] = {}
    for name, fault in models[0]['faults'].items():
        if any(model['faults'][name]['read'] for model in models):
            families.setdefault(fault['family'], []).append(name)
    return families


def _title(name: str) -> str:
    return name.replace('_', ' ').replace('+', ' + ')


def _scores(model: Table, score: str) -> list[float | None]:
    return [value for fault in model['faults'].values() for value in fault[score]]


def _known(values: Any) -> list[float]:
    return [value for value in values if value is not None]


def _cycle(items: Sequence[Any]) -> Any:
    while True:
        yield from items
