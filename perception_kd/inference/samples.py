"""What there is to predict, wherever it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Samples:
    """Key frames to predict.

    Args:
        source: The tables or the ``calib.yaml`` that they are of, for messages.
        root: Folder that the paths in ``infos`` start from.
        stamp: As of an info file, see ``datasets.nuscenes.stamp``.
        infos: Chosen key frames and those that may be their past ones, in the schema of info files.
        chosen: Rows of ``infos`` to predict, in their order.
        scenes: Token of a scene -> its name.
        frame: Frame of the predicted boxes, for the result file; empty: the global one, as nuScenes has it.
        lidar_known: Whether the place of the LiDAR is known, from which students see the world unless they were trained
            in the vehicle's frame.
        timed: Whether the key frames have times.
    """

    source: Path
    root: Path
    stamp: dict[str, Any]
    infos: list[dict[str, Any]]
    chosen: list[int]
    scenes: dict[str, str]
    frame: dict[str, str] = field(default_factory=dict)
    lidar_known: bool = True
    timed: bool = True

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The infos of the chosen key frames."""
        return [self.infos[row] for row in self.chosen]

    def world(self, info: dict[str, Any]) -> np.ndarray:
        """(4, 4) the vehicle's frame at a key frame -> the frame of the predicted boxes."""
        return np.eye(4) if self.frame else np.array(info['ego2global'], np.float64)


def choose(words: Sequence[str], tokens: Sequence[str], groups: dict[str, Sequence[int]],
           where: str | Path) -> list[int]:
    """Rows that the words of ``--samples`` name, in the order of the words, each once; all without words.

    Args:
        words: Tokens, names of ``groups``, or positions (negative from the end).
        tokens: (N,) of the samples.
        groups: Name -> rows of a scene.
        where: For the message.

    Raises:
        ValueError: a word names nothing, or there are no samples.
    """
    if not tokens:
        raise ValueError(f'{where}: there is no sample to predict')
    if not words:
        return list(range(len(tokens)))
    place = {token: row for row, token in enumerate(tokens)}
    rows: list[int] = []
    for word in words:
        if word in place:
            rows.append(place[word])
        elif word in groups:
            rows.extend(groups[word])
        elif word.lstrip('-').isdecimal() and -len(tokens) <= int(word) < len(tokens):
            rows.append(range(len(tokens))[int(word)])
        else:
            scenes = f', the name of a scene ({", ".join(list(groups)[:3])}, ...)' if groups else ''
            raise ValueError(f'{where}: no sample {word!r} among its {len(tokens)}: give a token such as '
                             f'{next(iter(tokens), "")}{scenes}, or 0 to {len(tokens) - 1}')
    return list(dict.fromkeys(rows))
