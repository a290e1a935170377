"""Pseudo-boxes of nuScenes key frames: from an info file to an info file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.info_writer import pack
from perception_kd.datasets.nuscenes.labelled import Labelled
from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS, load_infos
from perception_kd.datasets.nuscenes.store import past_rows
from perception_kd.evaluation.nuscenes_metric import RESULT_FILE
from perception_kd.evaluation.submission import DEFAULT_MODALITY
from perception_kd.files import check_folder_target, fingerprint, require_folder, write_json
from perception_kd.inference.dataset import frames_back
from perception_kd.inference.rates import show_progress
from perception_kd.pseudo_labels.boxes.frames import MakeFrameTeacher
from perception_kd.pseudo_labels.boxes.info_file import write_infos, write_results
from perception_kd.pseudo_labels.boxes.job import REPORT_FILE, BoxJob, BoxReport, refuse_empty
from perception_kd.pseudo_labels.queue import JOURNAL, run
from perception_kd.structures.classes import flat_classes

INFO_FILE = 'pseudo_infos_{split}.pkl'


def label_frames(job: BoxJob, infos: str | Path, *, labelled: Labelled | None = None,
                 velocity: bool = True) -> BoxReport:
    """Give key frames the boxes of a teacher.

    Args:
        job: The teacher, whose config is tested on ``NuScenesRadarDataset``, and its keep rule.
        infos: Info file of any split, annotated or not: a path, or a name in the config's ``data_root``.
        labelled: The part that keeps its annotations, as training with the same ``labelled`` does; None: no frame.
        velocity: Whether the teacher's velocities are believed.

    Returns:
        ``pseudo_infos_SPLIT.pkl`` has every key frame of the source: with its annotations, with the teacher's boxes,
        or, where the teacher failed, with none. ``results_nusc.json`` has all boxes of the frames that were labelled.

    Raises:
        FileNotFoundError, ValueError: no data, an info file that is pseudo-labelled already, nothing to label, a rule
            that does not fit; what ``queue.run`` raises.
    """
    root = require_folder(job.cfg.test_dataloader.dataset.data_root, 'data root')
    path = Path(infos) if Path(infos).is_file() else root / infos
    check_folder_target(job.out)
    stamp, frames = load_infos(path)
    if PSEUDO_LABELS in stamp:
        raise ValueError(f'{path}: its boxes are pseudo-labels already; name the file that it was made from')
    job.check_rule(flat_classes(job.cfg.test_dataloader.dataset.get('classes') or list(stamp['categories'])))
    annotated = _annotated(frames, labelled)
    packed = {info['token']: pack(info) for info in frames}
    items = _items(frames, packed, annotated, frames_back(job.cfg))
    del frames
    if not items:
        raise ValueError(f'{path}: every key frame keeps its annotations, none is left to label; --labelled names a '
                         'smaller part')
    source = fingerprint(path)
    done = run(items, MakeFrameTeacher(job.cfg, job.checkpoint, path, root, job.floor, job.device),
               journal=job.out / JOURNAL, stamp=job.stamp(source), workers=job.workers, retries=job.retries,
               progress=show_progress)
    refuse_empty(done)
    origin = {**job.origin(), 'source': source, 'failed': len(done.failed), 'part': labelled and vars(labelled)}
    labels, results = job.out / INFO_FILE.format(split=stamp['split']), job.out / RESULT_FILE
    modality = (job.cfg.get('test_evaluator') or {}).get('modality') or DEFAULT_MODALITY
    write_results(results, packed, done.rows, modality)
    tally = write_infos(labels, packed, done.rows, annotated, stamp=stamp, origin=origin, rule=job.rule,
                        velocity=velocity)
    write_json(job.out / REPORT_FILE, {**origin, **tally.as_json(), 'failures': done.failed})
    return BoxReport(labels, results, tally, done)


def _annotated(infos: Sequence[Mapping[str, Any]], labelled: Labelled | None) -> dict[str, bool]:
    """Token -> whether a key frame keeps its own annotations."""
    any_box = any(info.get('instances') for info in infos)
    chosen = labelled.annotated(infos) if labelled else [False] * len(infos)
    return {info['token']: any_box and good and 'instances' in info for info, good in zip(infos, chosen)}


def _items(infos: Sequence[Mapping[str, Any]], packed: Mapping[str, bytes], annotated: Mapping[str, bool],
           back: int) -> dict[str, list[bytes]]:
    """Token -> packed infos of the frames that its prediction reads, its own last."""
    tokens = [info['token'] for info in infos]
    earlier = past_rows(infos, range(back, 0, -1))
    return {token: [packed[tokens[place]] for place in dict.fromkeys([*earlier[row].tolist(), row])]
            for row, token in enumerate(tokens) if not annotated[token]}
