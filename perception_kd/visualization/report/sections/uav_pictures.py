"""Pictures where a drone detector is most wrong: misses and false alarms, drawn, with close-ups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perception_kd.cli import one_line
from perception_kd.evaluation.uav.predictions import Predicted, read_predictions
from perception_kd.evaluation.uav.rules import UAVRules
from perception_kd.evaluation.uav.truth import read_truth
from perception_kd.visualization.report.blocks import Block, Finding, Gallery, Picture, Section, Table
from perception_kd.visualization.report.drawn_frames import WIDTH, jpeg
from perception_kd.visualization.report.moved import find_moved
from perception_kd.visualization.report.runs import TEACHER, UAV, Run, RunSet
from perception_kd.visualization.report.uav.tables import first_scored, scored, value
from perception_kd.visualization.uav.choose import choose
from perception_kd.visualization.uav.sheet import draw_uav
from perception_kd.visualization.uav.source import open_view
from perception_kd.visualization.uav.view import told

MOST_PICTURES, MOST_ROWS = 6, 100
_SHEET = 900  # px, of one picture with its close-ups


def section(runs: RunSet) -> Section | None:
    """Of the best student, else the best model; None where nothing of drones was scored."""
    methods = scored(runs) if runs.task == UAV else []
    if not methods:
        return None
    students = [one for one in methods if one.role != TEACHER] or methods
    run = first_scored(max(students, key=lambda one: value(one, 'AP')))
    blocks = [*_pictures(run), *_table(run)]
    lead = (f'“{run.title}” at the threshold of deployment. The pictures are its worst, one of each video before a '
            'second one of any: extremes by choice, not typical ones.')
    return Section('pictures-of-drones', 'Worst pictures', lead, blocks) if blocks else None


def _pictures(run: Run) -> list[Block]:
    ann = find_moved(run.folder, run.drones.get('annotations'))
    if ann is None or not run.drones.get('results'):
        return []
    try:
        pictures = _drawn(run, ann)
    except (ValueError, OSError) as error:
        return [Finding('notice', 'The pictures could not be drawn', one_line(error))]
    return [Gallery(pictures, 'Beside each picture close-ups. Solid green: a find; dashed, indigo: a missed drone; '
                    'dotted, orange: a false alarm. Click a picture to see it large.')]


def _drawn(run: Run, ann: Path) -> list[Picture]:
    """Raises ``ValueError`` and ``FileNotFoundError`` where pictures are missing or do not fit."""
    settings = run.drones['rules']
    rules = UAVRules(score_thr=settings.get('score_thr', 0.25), iou_thr=settings.get('iou_thr', 0.5))
    truth = read_truth(ann, run.drones.get('classes') or ['drone'])
    predictions = read_predictions(run.drones['results'], truth)
    found = []
    for image in choose(truth, predictions, rules, MOST_PICTURES):
        strong = predictions.get(image, Predicted()).above(rules.score_thr)
        view = open_view(_root(ann), truth.images[image], strong, rules.iou_thr)
        caption = f'`{truth.images[image].file_name}`: {told(view.items())}.'
        found.append(Picture(jpeg(draw_uav([view], width=_SHEET).pixels(dpi=130, max_width=WIDTH)),
                             f'Photograph with predictions of {run.title}, and close-ups', caption, 'jpeg'))
    return found


def _root(ann: Path) -> Path:
    return ann.parent.parent if ann.parent.name == 'annotations' else ann.parent


def _table(run: Run) -> Sequence[Block]:
    worst = [one for one in run.drones.get('worst', ())[:MOST_ROWS] if isinstance(one, dict)]
    rows = [[str(one.get('file_name')), str(one.get('video')), *(one.get(key) for key in ('missed', 'false_alarms',
                                                                                          'found'))] for one in worst]
    if not rows:
        return []
    return [Table(['Picture', 'Video', 'Missed', 'False alarms', 'Found'], rows,
                  f'Pictures with most mistakes of {run.title}.', folded=True)]
