"""The job around every reader: clips to splits, splits to files, and a look at what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from perception_kd.datasets.uav.check import CheckReport, check_set
from perception_kd.datasets.uav.coco_video import SCHEMA, annotation_path, coco_video, info_of
from perception_kd.datasets.uav.formats import FORMATS
from perception_kd.datasets.uav.names import SPLITS, category_of, category_order
from perception_kd.datasets.uav.place import PlacedClip, Placing, place_clip, safe_name
from perception_kd.datasets.uav.records import Clip, Source, Tally
from perception_kd.datasets.uav.splits import split_by_video
from perception_kd.files import check_folder_target, naming_full_disk, require_folder, write_json
from perception_kd.processes import run_unordered
from perception_kd.provenance import commit

REPORT_FILE = 'conversion.json'


@dataclass(frozen=True)
class Conversion:
    """How a set is converted.

    Args:
        every: Take the first of so many frames of a video, and of so many pictures that belong to none.
        quality: Of the JPEG files of video frames, 1 to 100.
        shares: Of training, validation and test, for sets without a split.
        seed: Of that split.
        keep_splits: Keep splits that the set has.
        renamed: Category of the set -> of the converted one; an empty name leaves its boxes out.
        symlink: Link to pictures, which then must stay where they are.
        strict: Fail where anything is left out.
        force: Replace an earlier conversion.
        workers: Processes; the result does not depend on them.
    """

    every: int = 1
    quality: int = 95
    shares: Sequence[float] = (0.7, 0.15, 0.15)
    seed: int = 0
    keep_splits: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)
    symlink: bool = False
    strict: bool = False
    force: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        """See that numbers can be.

        Raises:
            ValueError: they cannot.
        """
        if self.every < 1 or not 1 <= self.quality <= 100 or self.workers < 1:
            raise ValueError(f'every and workers are at least 1 and quality is 1 to 100, got {self.every}, '
                             f'{self.workers} and {self.quality}')


@dataclass(frozen=True)
class Converted:
    """What came of it: how many of what was odd, and what the set holds."""

    tally: Tally
    check: CheckReport


def convert_uav(name: str, root: Path, out: Path, job: Conversion, **options: Any) -> Converted:
    """Convert a set into COCO-video JSON.

    Args:
        name: Of the format, in :data:`~perception_kd.datasets.uav.formats.FORMATS`.
        root: Folder of the set.
        out: Gets ``annotations/{train,val,test}.json``, ``images`` and ``conversion.json``. An interrupted conversion
            goes on where it was.
        job: How.
        **options: Of the reader.

    Raises:
        FileExistsError: a conversion is there and ``force`` is not given.
        FileNotFoundError, ValueError: no such set, nothing usable in it, or something is left out and ``strict``.
    """
    kind, tally = FORMATS[name], Tally()
    root = require_folder(root, f'folder of the set (uav-{name})')
    check_target(out, root, job)
    try:
        source = kind.read(root, tally, **{**dict(kind.defaults), **options})
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{error}{_because(tally)}') from None
    info = dict(source=f'{name}: {root.resolve().name}', licence=kind.licence, stamp=dict(
        schema=SCHEMA, format=name, every=job.every, quality=job.quality, seed=job.seed, commit=commit(),
        options={key: str(value) for key, value in options.items()}))
    return write_set(source, out, job, info, tally)


def check_target(out: Path, root: Path, job: Conversion) -> None:
    """See that a set can be put there.

    Raises:
        FileExistsError, NotADirectoryError, ValueError: a conversion is there, it is a file, or the source itself.
    """
    check_folder_target(out)
    if out.resolve() == root.resolve():
        raise ValueError(f'{out} is the set itself; name another folder')
    if (out / REPORT_FILE).exists() and not job.force:
        raise FileExistsError(f'{out} holds a conversion; --force replaces it')
    foreign = [path for path in (annotation_path(out, split) for split in SPLITS) if path.exists()]
    if foreign and not job.force and not (out / REPORT_FILE).exists():
        raise FileExistsError(f'{foreign[0]} is there already; --force replaces it')


def write_set(source: Source, out: Path, job: Conversion, info: Mapping[str, Any], tally: Tally) -> Converted:
    """Place all clips, write the files, check them.

    Raises:
        FileNotFoundError, ValueError: as :func:`convert_uav`.
    """
    clips = unique_names(thin_out(source.clips, job.every))
    if not clips:
        raise FileNotFoundError(f'{out}: every frame of the set was left out{_because(tally)}')
    clips = split_by_video(clips, shares=job.shares, seed=job.seed, keep=job.keep_splits)
    placing = Placing(out=out, renamed=job.renamed, quality=job.quality, symlink=job.symlink)
    placed = _place(clips, placing, job.workers, tally)
    if job.strict and tally.counts:
        raise ValueError(f'{out}: not everything could be taken (--strict){_because(tally)}')
    if not any(clip.frames for clip in placed):
        raise FileNotFoundError(f'{out}: no picture of the set could be read{_because(tally)}')
    categories = category_order([*(category_of(name, job.renamed) for name in source.categories),
                                 *sorted({box.category for clip in placed for frame in clip.frames
                                          for box in frame.boxes})])
    _write(placed, [name for name in categories if name], out, source.pseudo_labels, info)
    report = check_set(out)
    write_json(out / REPORT_FILE, dict(info=info, splits=report.splits, problems=report.problems, notes=report.notes,
                                       odd=tally.to_dict()))
    return Converted(tally=tally, check=report)


def thin_out(clips: Iterable[Clip], every: int) -> list[Clip]:
    """The first of every k annotated frames of a video, and of every k pictures that belong to none."""
    found, singles = [], 0
    for clip in clips:
        if not clip.single:
            found.append(replace(clip, frames=clip.frames[::every]))
        else:
            found += [clip] if singles % every == 0 else []
            singles += 1
    return [clip for clip in found if clip.frames]


def unique_names(clips: Iterable[Clip]) -> list[Clip]:
    """Clips of a split that would share a folder get names of their own."""
    seen: set[tuple[str, str]] = set()
    found = []
    for clip in clips:
        name, number = clip.name, 1
        while (clip.split, safe_name(name).lower()) in seen:
            number += 1
            name = f'{clip.name}~{number}'
        seen.add((clip.split, safe_name(name).lower()))
        found.append(clip if name == clip.name else replace(clip, name=name))
    return found


def _place(clips: Sequence[Clip], placing: Placing, workers: int, tally: Tally) -> list[PlacedClip]:
    results = run_unordered(partial(_numbered, placing), enumerate(clips), workers=min(workers, len(clips)))
    found = {}
    with naming_full_disk(placing.out):
        for number, clip, counted in track(results, 'clips', total=len(clips), console=Console(stderr=True)):
            found[number] = clip, counted
    for number in range(len(clips)):  # in this order, whatever the number of processes
        tally.update(found[number][1])
    return [found[number][0] for number in range(len(clips))]


def _numbered(placing: Placing, numbered: tuple[int, Clip]) -> tuple[int, PlacedClip, Tally]:
    number, clip = numbered
    return number, *place_clip(clip, placing)


def _write(placed: Sequence[PlacedClip], categories: Sequence[str], out: Path, pseudo_labels: Mapping[str, Any],
           info: Mapping[str, Any]) -> None:
    splits: dict[str, list[PlacedClip]] = {}
    for clip in placed:
        if clip.frames:
            splits.setdefault(clip.split, []).append(clip)
    contents = {split: coco_video(clips, categories, info_of(split, pseudo_labels, info))
                for split, clips in splits.items()}
    for split in SPLITS:
        if split in contents:
            write_json(annotation_path(out, split), contents[split], indent=None)
        else:
            annotation_path(out, split).unlink(missing_ok=True)


def _because(tally: Tally) -> str:
    """What was left out, at the end of a message of bearable length."""
    return ''.join(f'; {line[:200]}' for line in tally.lines()[:3])
