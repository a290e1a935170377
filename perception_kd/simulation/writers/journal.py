"""Which scenes of a data set are finished, so that an interrupted simulation goes on with them."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.files import replace_folder, write_json
from perception_kd.simulation.town import Lot
from perception_kd.simulation.writers.nuscenes_scene import SceneResult

_LOCK = 'lock'
_RESUMABLE = (KeyboardInterrupt, OSError, MemoryError)


@dataclass(frozen=True)
class Journal:
    """The folder of an unfinished data set: its files in ``data``, an entry for each finished scene in ``scenes``.

    Args:
        folder: Goes when the data set is finished.
        things: What is counted, in words.
    """

    folder: Path
    things: str = 'scenes'

    @property
    def data(self) -> Path:
        """Root of the unfinished data set."""
        return self.folder / 'data'

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the folder, which is made if need be.

        Raises:
            BlockingIOError: another process has it locked.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(f'{self.folder}: another process is simulating this data set; wait for it, or '
                                      'write elsewhere') from None
            yield

    @contextmanager
    def building(self, out: Path, arguments: dict[str, Any], echo: Callable[[str], None]) -> Iterator[None]:
        """Lock and :meth:`begin`; what is in ``data`` takes the place of ``out`` when all inside went well.

        The folder stays only after errors that may be over when the command is given again, and only with something
        finished in it.

        Raises:
            BlockingIOError: see :meth:`locked`.
        """
        with self.locked():
            self.begin(arguments, echo)
            try:
                yield
                replace_folder(out, self.data)
            except BaseException as error:
                if not (isinstance(error, _RESUMABLE) and self.count()):
                    self.discard()
                raise
            self.discard()

    def begin(self, arguments: dict[str, Any], echo: Callable[[str], None]) -> None:
        """Go on with what the folder holds if it was begun with equal ``arguments``, else begin anew; say which."""
        if self.folder.is_dir() and self._read('arguments.json') == arguments:
            for left_over in self.folder.rglob('.*.partial*'):
                left_over.unlink()  # of a process that was killed while it wrote
            echo(f'going on with {self.folder}: {self.count()} {self.things} are finished')
            return
        if set(self.folder.glob('*')) - {self.folder / _LOCK}:
            echo(f'beginning anew: {self.folder} was begun with other arguments or by another simulator')
        self._clear()
        self.data.mkdir(parents=True)
        write_json(self.folder / 'arguments.json', arguments)

    def add(self, name: str, result: SceneResult) -> None:
        """Note that all files of a scene are written."""
        rows = result.rows
        write_json(self.folder / 'scenes' / f'{name}.json', {
            'rows': {'salt': rows.salt, 'tables': rows.tables, 'splits': rows.splits},
            'lot': asdict(result.lot), 'outline': result.outline.tolist()}, indent=None)  # fmt: skip

    def find(self, name: str) -> SceneResult | None:
        """The result of a finished scene; None if there is none, or if one of its files has gone."""
        entry = self._read(f'scenes/{name}.json')
        if entry is None:
            return None
        rows = SceneRows(salt=entry['rows']['salt'])
        rows.tables, rows.splits = entry['rows']['tables'], entry['rows']['splits']
        files = (self.data / row['filename'] for row in rows.tables['sample_data'].values())
        if not all(file.is_file() and file.stat().st_size for file in files):
            return None
        return SceneResult(rows, Lot(**entry['lot']), np.array(entry['outline']))

    def count(self) -> int:
        """How many scenes are finished."""
        return len(list(self.folder.glob('scenes/[!.]*.json')))

    def _clear(self) -> None:
        for path in set(self.folder.glob('*')) - {self.folder / _LOCK}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return None
