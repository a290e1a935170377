"""The figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from perception_kd.evaluation.uav.rules import AREA_RANGES, NEGATIVES, SIDE_KEYS, UAVRules
from perception_kd.evaluation.uav.score import UAVScores
from perception_kd.evaluation.uav.videos import BY_VIDEO

FEW_VIDEOS = 10
_SIZES = {'vt': 'side up to 8 px', 't': '8 to 16 px', 's': '16 to 32 px', 'm': '32 px and more',
          'coco_s': "COCO's small: up to 32 px", 'coco_m': "COCO's medium: 32 to 96 px",
          'coco_l': "COCO's large: 96 px and more"}


def format_scores(scores: UAVScores) -> str:
    """A line a figure: name, value, interval if there is one, what it is and of how many targets."""
    counts, meanings = scores.counts, _meanings(scores.rules)
    lines = [f'{scores.name}: {counts["images"]} images of {counts["videos"]} videos, {counts["negatives"]} without '
             f'{" or ".join(scores.truth.classes)}; {counts["targets"]} targets, {counts["predictions"]} predictions']
    if counts['ignored']:
        lines[0] += f', {counts["ignored"]} ignored regions'
    for name, value in scores.figures.items():
        ends = scores.intervals.get(name)
        between = f'{ends[0]:.3f} to {ends[1]:.3f}' if ends else ''
        wide = f'{between:<17}' if scores.intervals else ''
        lines.append(f'{name:<22}{_cell(value):>8}  {wide}{meanings.get(name, "")}{_of(name, counts)}'.rstrip())
    return '\n'.join([*lines, *_remarks(scores)])


def format_videos(scores: UAVScores) -> str:
    """A line a video, those with the least AP50 first, then those without a target by their false alarms."""
    rows = sorted(scores.by_video.items(), key=lambda item: (
        math.isnan(item[1]['AP50']), item[1]['AP50'] if item[1]['targets'] else -item[1]['false_alarms']))
    wide = max([len('video'), *(len(video) for video, _ in rows)])
    lines = [f'{"video":<{wide}}' + ''.join(f'{name:>14}' for name in BY_VIDEO)]
    for video, one in rows:
        cells = (f'{one[name]:.0f}' if name in ('images', 'targets', 'false_alarms') else _cell(one[name])
                 for name in BY_VIDEO)
        lines.append(f'{video:<{wide}}' + ''.join(f'{cell:>14}' for cell in cells))
    return '\n'.join(lines)


def _meanings(rules: UAVRules) -> dict[str, str]:
    at = f'at score {rules.score_thr:g}, IoU {rules.iou_thr:g}'
    ends = f'IoU {rules.iou_thrs[0]:g} to {rules.iou_thrs[-1]:g}'
    nwd = f'Wasserstein likeness with C = {rules.nwd:g} px in the place of IoU' if rules.nwd else ''
    key = rules.recall_key
    return {
        'AP': ends, 'AP5090': 'IoU up to 0.9', key: f'{ends}, {rules.max_dets} predictions a picture',
        **{f'AP_{name}': text for name, text in _SIZES.items()},
        'precision': at, 'recall': at, 'F1': at, NEGATIVES: 'false alarms a picture without target, same score',
        **dict.fromkeys(SIDE_KEYS, 'px side, same score'),
        'best_F1': 'at the score that is best for it:',
        **({f'{name}{rules.nwd_suffix}': nwd for name in ('AP50', 'precision', 'recall', 'F1')} if nwd else {})}


def _of(name: str, counts: Mapping[str, int]) -> str:
    """How many targets a figure of some size stands on."""
    size = name.removeprefix('AP_') if name.startswith('AP_') else name.removeprefix('recall_')
    known = name.startswith(('AP_', 'recall_')) and counts.get(f'targets_{size}')
    if size in AREA_RANGES or name in SIDE_KEYS:
        return f'; {known or 0} target{"s" * (known != 1)}'
    return ''


def _remarks(scores: UAVScores) -> list[str]:
    counts, remarks = scores.counts, []
    if not counts['targets']:
        remarks.append(f'no {" or ".join(scores.truth.classes)} is annotated: nothing to find, only false alarms')
    if scores.resamples and counts['videos'] < FEW_VIDEOS:
        remarks.append(f'only {counts["videos"]} videos: intervals are rough, or missing, and say little')
    if scores.intervals:
        remarks.append(f'intervals: 95 % of {scores.resamples} resamples of videos')
    if isinstance(scores.truth.info.get('stamp'), str):
        remarks.append(f'simulated world {scores.truth.info["stamp"]}')
    return remarks


def _cell(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.4f}'
