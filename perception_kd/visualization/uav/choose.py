"""Which pictures are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.evaluation.uav.operating import examine
from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.rules import UAVRules
from perception_kd.evaluation.uav.truth import Truth


def choose(truth: Truth, predictions: Mapping[int, Predicted] | None, rules: UAVRules, count: int) -> list[int]:
    """Ids of pictures: those with the most misses and false alarms, no video twice before each had its turn.

    Without predictions those with the smallest targets.

    Raises:
        ValueError: no picture is asked for, or there is none.
    """
    if count < 1 or not truth.images:
        raise ValueError(f'{truth.source}: {len(truth.images)} pictures to choose {count} from')
    findings = examine(truth, predictions or {}, rules.iou_thr)
    if predictions is not None:
        counts = findings.counts(rules.score_thr)
        badness = (counts[:, 1] + counts[:, 2] - counts[:, 0]).astype(float)
    else:
        smallest = np.full(len(truth.images), np.inf)
        np.minimum.at(smallest, findings.target_picture, findings.side)
        badness = -smallest
    turns: dict[int, int] = {}
    ranked = []
    for place in np.argsort(-badness, kind='stable').tolist():
        video = int(findings.video[place])
        ranked.append((turns.get(video, 0), len(ranked), place))
        turns[video] = turns.get(video, 0) + 1
    ids = list(truth.images)
    return [ids[place] for *_, place in sorted(ranked)[:count]]


def by_name(truth: Truth, names: Sequence[str]) -> list[int]:
    """Ids of pictures that are named by id, file name or the end of it.

    Raises:
        ValueError: none is called so, or several.
    """
    found = []
    for name in names:
        fits = [key for key, one in truth.images.items() if name in (str(key), one.file_name)] or [
            key for key, one in truth.images.items() if one.file_name.endswith(f'/{name}')]
        if len(fits) != 1:
            raise ValueError(f'--image {name}: {len(fits) or "no"} pictures of {truth.source} are called so; give an '
                             f'id or a file name such as {next(iter(truth.images.values())).file_name}')
        found += fits
    return found
