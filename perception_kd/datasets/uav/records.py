"""What every reader of a format gives: clips of frames with boxes, as the set has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Numbers = tuple[float, float, float, float]


@dataclass(frozen=True)
class Box:
    """An object as the set has it; nothing is checked yet.

    Args:
        category: Name, as the set spells it.
        xywh: Left, top, width, height; px with (0, 0) the upper left corner of the first pixel, or shares of the
            picture's width and height, see :class:`Frame`.
        instance: Number of the object in its video, where it is known.
        crowd: A region of many, or one to ignore.
    """

    category: str
    xywh: Numbers
    instance: int | None = None
    crowd: bool = False


@dataclass(frozen=True)
class Frame:
    """A picture of a clip.

    Args:
        boxes: None for a picture of background.
        path: Its file; None for a frame of the clip's video.
        number: Place in the video, from 0; None for a picture of no video.
        shares: The boxes are shares of the picture's width and height.
        claimed: Width and height of the picture by its label file, px.
    """

    boxes: tuple[Box, ...] = ()
    path: Path | None = None
    number: int | None = None
    shares: bool = False
    claimed: tuple[int, int] | None = None


@dataclass(frozen=True)
class Clip:
    """A video, a folder of its frames, or one picture that belongs to none.

    Args:
        name: Of the video, without its split; of a picture that belongs to none, its own.
        frames: In order of their numbers. Frames that are not annotated are left out.
        split: ``train``, ``val`` or ``test``; empty where the set does not say.
        video: File that frames without a path are taken from.
        single: A picture that belongs to no video.
    """

    name: str
    frames: tuple[Frame, ...]
    split: str = ''
    video: Path | None = None
    single: bool = False


@dataclass(frozen=True)
class Source:
    """A set as a reader found it.

    Args:
        clips: At least one.
        categories: Names that the set may use, also those without any box.
        pseudo_labels: Split -> stamp, where its boxes are a detector's.
    """

    clips: tuple[Clip, ...]
    categories: tuple[str, ...]
    pseudo_labels: Mapping[str, Any] = field(default_factory=dict)


class Tally:
    """Counts what was odd in a set, with the first place of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, what: str, where: object, count: int = 1) -> None:
        """Count ``what``, seen at ``where``."""
        if count:
            self.counts[what] += count
            self.first.setdefault(what, str(where)[:300])

    def update(self, other: Tally) -> None:
        """Add what another has."""
        for what, count in other.counts.items():
            self.add(what, other.first[what], count)

    def lines(self) -> list[str]:
        """For people."""
        return [f'{what}: {count} (first: {self.first[what]})' for what, count in sorted(self.counts.items())]

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """What -> ``count`` and ``first``, by name."""
        return {what: dict(count=count, first=self.first[what]) for what, count in sorted(self.counts.items())}


class Reader(Protocol):
    """Reads a set in one format."""

    def __call__(self, root: Path, tally: Tally, **options: Any) -> Source:
        """Find the clips.

        Args:
            root: Folder of the set.
            tally: Gets whatever is odd: a single broken label stops nothing, and is never passed over in silence.
            **options: Of the format (``formats.FORMATS``).

        Raises:
            FileNotFoundError, ValueError: this is not a set of that format.
        """
        ...
