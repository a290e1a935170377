"""The folder of a search: one JSON a finished part, bound to what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perception_kd.comparison.fairness import portable
from perception_kd.files import check_folder_target, remove_left_overs, write_json

KEY = 'search'


class Parts:
    """Reads and writes the parts of one search; a part is there when its file is.

    Args:
        folder: Made where it does not exist.
        bound_to: What decides every part, by name; settings of any kind.

    Raises:
        ValueError: the folder is of a search that is bound to something else.
    """

    def __init__(self, folder: str | Path, bound_to: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        check_folder_target(self.folder)
        key = {name: _hash(value) for name, value in bound_to.items()}
        found = self.read(KEY)
        if found is None:
            self.write(KEY, key)
        elif found != key:
            changed = [name for name, value in key.items() if found.get(name) != value]
            raise ValueError(f'{self.folder} is of a search with another {", ".join(changed) or "form"}; take another '
                             '--work-dir')

    def path(self, name: str) -> Path:
        """The file of a part (``latency/up8``)."""
        return self.folder / f'{name}.json'

    def read(self, name: str) -> dict[str, Any] | None:
        """A part, None if it is not there yet.

        Raises:
            ValueError: the file is damaged.
        """
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_bytes())
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(f'{path} is damaged; remove it, and its part is made again')
        return found

    def write(self, name: str, part: Mapping[str, Any]) -> None:
        """Keep a finished part; numbers that are not finite become null."""
        remove_left_overs(self.path(name))
        write_json(self.path(name), _finite(part))

    def need(self, name: str, stage: str) -> dict[str, Any]:
        """A part that an earlier stage makes.

        Raises:
            ValueError: it is not there.
        """
        found = self.read(name)
        if found is None:
            raise ValueError(f'{self.path(name)} is missing: stage {stage} has to be done for all blocks first')
        return found


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(portable(value), sort_keys=True).encode()).hexdigest()[:16]


def _finite(value: Any) -> Any:
    """Plain data that strict JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or abs(value) == float('inf')) else value
