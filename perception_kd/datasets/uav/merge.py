"""Several converted sets as one: names mapped, frames thinned out, splits kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS
from perception_kd.datasets.uav.coco_video import SCHEMA, annotation_path
from perception_kd.datasets.uav.convert import Conversion, Converted, check_target, thin_out, write_set
from perception_kd.datasets.uav.formats.coco import read_coco, read_coco_file
from perception_kd.datasets.uav.names import SPLITS
from perception_kd.datasets.uav.records import Clip, Source, Tally
from perception_kd.files import require_folder
from perception_kd.provenance import commit


def merge_uav(roots: Sequence[Path], out: Path, job: Conversion, *, every: Sequence[int] = (1,)) -> Converted:
    """Merge converted sets.

    Videos get the name of their set's folder before their own. Their splits stay: a video never changes sides.

    Args:
        roots: Converted sets; the names of their folders must differ.
        out: As of :func:`~perception_kd.datasets.uav.convert.convert_uav`.
        job: How; its own ``every`` comes after those of the sets.
        every: Take one of so many frames of each set; one number for all, or one a set.

    Raises:
        FileExistsError, FileNotFoundError, ValueError: as of ``convert_uav``, or sets without split, of one name, or
            another number of ``every``.
    """
    names = [root.resolve().name for root in roots]
    if len(set(names)) < len(names):
        raise ValueError(f'sets are told apart by the names of their folders, and two are the same: {", ".join(names)}')
    if len(every) not in (1, len(roots)) or min(every) < 1:
        raise ValueError(f'every is one number from 1 on, or one a set ({len(roots)}), not {list(every)}')
    tally, clips, categories, stamps, infos = Tally(), [], {}, {}, {}
    for place, (root, name) in enumerate(zip(roots, names)):
        check_target(out, require_folder(root, 'converted set'), job)
        source = _read(root, tally)
        step = every[place % len(every)]
        clips += [replace(clip, name=f'{name}/{clip.name}') for clip in thin_out(source.clips, step)]
        categories.update(dict.fromkeys(source.categories))
        for split, stamp in source.pseudo_labels.items():
            stamps.setdefault(split, stamp)
        infos[name] = dict(**_info(root), every=step)
    merged = Source(clips=tuple(_sorted(clips)), categories=tuple(categories), pseudo_labels=stamps)
    info: dict[str, Any] = dict(
        source='merged: ' + ', '.join(names), licence='; '.join(dict.fromkeys(
            str(row.get('licence', 'not known')) for row in infos.values())),
        stamp=dict(schema=SCHEMA, format='merge', sets=infos, commit=commit()))
    return write_set(merged, out, job, info, tally)


def _read(root: Path, tally: Tally) -> Source:
    names = [str(annotation_path(root, split).relative_to(root)) for split in SPLITS
             if annotation_path(root, split).is_file()]
    if not names:
        raise FileNotFoundError(f'{annotation_path(root, SPLITS[0])} does not exist; convert the set first')
    return read_coco(root, tally, ann=names)


def _sorted(clips: Sequence[Clip]) -> list[Clip]:
    return sorted(clips, key=lambda clip: (clip.split, clip.name))


def _info(root: Path) -> dict[str, Any]:
    path = next(annotation_path(root, split) for split in SPLITS if annotation_path(root, split).is_file())
    return {key: value for key, value in read_coco_file(path)['info'].items() if key != PSEUDO_LABELS}
