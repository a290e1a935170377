"""Tables like those of nuScenes v1.0-trainval in size, form and rates, without sensor files: to time what reads them.

At 850 scenes: 34,149 key frames, 2.6 million measurements with an ego pose each, 1.17 million boxes. Scenes bear
official names, so that the official splits apply; columns and layout of the files are the official ones.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from perception_kd.benchmark.scaled_scene import RIG, Rows, ScaledScene, draw_tokens, modality_of
from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES, TABLES, VISIBILITY_LEVELS
from perception_kd.files import write_bytes

VERSION = 'v1.0-trainval'
SCENES = 850
_LONGER = 149  # scenes with 41 key frames instead of 40: 34,149 in all
_LOGS = 68
_MAPS = ('singapore-onenorth', 'singapore-hollandvillage', 'singapore-queenstown', 'boston-seaport')
_FIRST_US = 1_532_402_927_647_951
_SEPARATORS = (',\n', ': ')


def write_scaled_tables(root: str | Path, *, scenes: int = SCENES, seed: int = 0) -> Path:
    """Write the tables and map masks of ``v1.0-trainval``, scene by scene.

    Args:
        root: New data root.
        scenes: How many scenes, of training and validation in the official proportion.
        seed: Of all that is drawn.

    Returns:
        The folder of the tables.

    Raises:
        FileExistsError: the root has this version.
        ValueError: no scenes, or more than there are.
    """
    if not 1 <= scenes <= SCENES:
        raise ValueError(f'scenes must be 1 to {SCENES}, got {scenes}')
    folder = Path(root) / VERSION
    if folder.exists():
        raise FileExistsError(f'{folder} exists already; choose another folder')
    fresh = folder.with_name(f'.{VERSION}.tmp')
    fresh.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with ExitStack() as stack:
        tables = {name: _Table(stack.enter_context((fresh / f'{name}.json').open('w'))) for name in TABLES}
        for name, rows in _all_rows(rng, _scene_names(scenes)):
            tables[name].add(rows)
        for table in tables.values():
            table.end()
    for name in _MAPS:
        mask = cv2.imencode('.png', np.zeros((64, 64), np.uint8))[1]
        write_bytes(Path(root) / _map_file(name), mask.tobytes())
    fresh.rename(folder)
    return folder


class _Table:
    """A JSON list that grows; every value stands on a line of its own, as in the official files."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.before = file, '[\n'

    def add(self, rows: list[dict[str, Any]]) -> None:
        text = ',\n'.join(f'{{\n{json.dumps(row, separators=_SEPARATORS)[1:-1]}\n}}' for row in rows)
        self.file.write(self.before + text)
        self.before = ',\n'

    def end(self) -> None:
        self.file.write(f'{"" if self.before[0] == "," else self.before}\n]')


def _all_rows(rng: np.random.Generator, names: list[str]) -> Rows:
    tokens = dict(zip([*RIG, *CATEGORIES, *ATTRIBUTES], draw_tokens(rng, len(RIG) + len(CATEGORIES) + len(ATTRIBUTES))))
    yield 'sensor', [dict(token=tokens[channel], channel=channel, modality=modality_of(channel)) for channel in RIG]
    for table, texts in (('category', CATEGORIES), ('attribute', ATTRIBUTES)):
        yield table, [dict(token=tokens[name], name=name, description=text) for name, text in texts.items()]
    yield 'visibility', [dict(description=text, token=token, level=level)
                         for token, (level, text) in VISIBILITY_LEVELS.items()]
    logs = [dict(token=token, logfile=f'n{8 + 7 * (number % 2):03d}-2018-07-{number % 28 + 1:02d}-11-22-45+0800',
                 vehicle=f'n{8 + 7 * (number % 2):03d}', date_captured=f'2018-07-{number % 28 + 1:02d}',
                 location=_MAPS[number % len(_MAPS)]) for number, token in enumerate(draw_tokens(rng, _LOGS))]
    yield 'log', logs
    yield 'map', [dict(category='semantic_prior', token=token, filename=_map_file(name),
                       log_tokens=[log['token'] for log in logs if log['location'] == name])
                  for name, token in zip(_MAPS, draw_tokens(rng, len(_MAPS)))]
    for number, name in enumerate(track(names, 'tables', console=Console(stderr=True))):
        yield from ScaledScene(rng=rng, name=name, frames=40 + (number < _LONGER), log=logs[number * _LOGS // SCENES],
                               start_us=_FIRST_US + number * 30_000_000, tokens=tokens).rows()


def _scene_names(count: int) -> list[str]:
    """Of both splits, and of both where there are two or more."""
    from nuscenes.utils.splits import train, val

    of_train = min(max(round(count * len(train) / SCENES), 1), max(count - 1, 1))
    return sorted([*train[:of_train], *val[:count - of_train]])


def _map_file(name: str) -> str:
    return f'maps/{name}.png'
