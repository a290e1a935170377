"""What all sources of frames have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Stop = Callable[[], bool]
"""Whether to come to an end, asked between frames."""


@dataclass(frozen=True)
class Frame:
    """A picture to look at.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR.
        index: Number in its source, from 0; frames that were left out count.
        time: Seconds since the source's begin; None of single pictures.
        name: File or name of the frame, for people and tables.
        image_id: As an annotation file has it; None: numbered in order.
    """

    image: Picture
    index: int
    time: float | None
    name: str
    image_id: int | None = None


@dataclass
class Seen:
    """What became of a source.

    Attributes:
        frames: That were given.
        broken: Numbers of frames (names of pictures) that could not be read.
        dropped: Frames of a live stream that came while an earlier one was worked on.
        reconnects: Times that a stream was lost and found again.
        notes: Sentences for people.
    """

    frames: int = 0
    broken: list[Any] = field(default_factory=list)
    dropped: int = 0
    reconnects: int = 0
    notes: list[str] = field(default_factory=list)


class Source(Protocol):
    """Gives frames, one after another.

    Attributes:
        name: For people and files.
        total: How many frames there will be; None where nobody knows.
        rate: Frames per second; None of single pictures.
        live: Whether frames are lost while nobody looks.
        moving: Whether a film is made of the frames; of others, pictures.
        seen: What became of it so far.
        files: That are read.
    """

    name: str
    total: int | None
    rate: float | None
    live: bool
    moving: bool
    seen: Seen
    files: Sequence[Path]

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """All frames, until ``stop``; afterwards ``seen`` tells how it went.

        Raises:
            ValueError, FileNotFoundError: it cannot be opened.
        """
