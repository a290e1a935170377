"""What is compared, as it is named on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from perception_kd.engine.build import load_config, require
from perception_kd.files import require_file


@dataclass(frozen=True)
class Entry:
    """One method.

    Args:
        name: Of its rows and files.
        config: Config file.
        options: Overrides of this entry alone.
    """

    name: str
    config: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Entry:
        """From ``[NAME=]CONFIG[@KEY=VALUE]...``; the name is the config's by default. Paths may hold ``=`` and ``@``.

        Raises:
            ValueError: Not of this form.
            FileNotFoundError: No such config.
        """
        head, *overrides = [text] if Path(text).is_file() else text.split('@')
        name, equals, config = head.partition('=')
        if not equals or Path(head).is_file():
            name, equals, config = '', '', head
        if not config or (equals and not name):
            raise ValueError(f'{text!r} is not of the form [NAME=]CONFIG[@KEY=VALUE]...')
        options = {}
        for override in overrides:
            key, equals, value = override.partition('=')
            if not key or not equals:
                raise ValueError(f'{text!r}: {override!r} is not of the form KEY=VALUE')
            options[key] = DictAction._parse_iterable(value)
        name = name or Path(config).stem
        if not name.replace('-', '_').replace('.', '_').isidentifier():
            raise ValueError(f'{text!r}: {name!r} is no name for a file: use letters, digits, dots and dashes')
        return cls(name, require_file(config, 'config'), options)

    def load(self, shared: Mapping[str, Any], teachers: Mapping[str, Path], seed: int) -> tuple[Config, dict]:
        """The config of one run, and the overrides that made it.

        Args:
            shared: Overrides of all entries.
            teachers: Checkpoints by teacher's name, for those that this config has; a checkpoint among this entry's own
                overrides goes before them.
            seed: Of the run.

        Raises:
            ValueError: The config has a teacher without a checkpoint.
        """
        options = {**shared, **self.options, 'randomness.seed': seed}
        cfg = load_config(self.config, options)
        require(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'test_dataloader')
        places = {name: place for name, place, _ in checkpoints(cfg)}
        options.update({places[name]: str(path) for name, path in teachers.items()
                        if name in places and places[name] not in self.options})
        cfg = load_config(self.config, options)
        missing = [name for name, _, path in checkpoints(cfg)
                   if not path and not cfg.model.teachers[name].get('allow_random')]
        if missing:
            wanted = ' '.join(f'--teacher {name}=CHECKPOINT' for name in missing)
            raise ValueError(f'{self.config}: no checkpoint for teacher {", ".join(missing)}; give {wanted}')
        return cfg, options


def checkpoints(cfg: Config) -> list[tuple[str, str, str | None]]:
    """Name, dotted place of the checkpoint, and checkpoint (None yet) of every teacher that has weights."""
    return [(name, f'model.teachers.{name}.checkpoint', teacher.get('checkpoint'))
            for name, teacher in (cfg.model.get('teachers') or {}).items()
            if 'model' in teacher or 'checkpoint' in teacher]


def parse_entries(texts: Sequence[str]) -> list[Entry]:
    """Entries with names of their own.

    Raises:
        ValueError: Two have one name.
    """
    entries = [Entry.parse(text) for text in texts]
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'two entries are called {", ".join(twice)}; name them: NAME=CONFIG')
    return entries


def parse_teachers(texts: Sequence[str]) -> dict[str, Path]:
    """Checkpoints by teacher's name from ``NAME=CHECKPOINT``.

    Raises:
        ValueError: Not of this form.
        FileNotFoundError: No such checkpoint.
    """
    teachers = {}
    for text in texts:
        name, _, path = text.partition('=')
        if not name or not path:
            raise ValueError(f'--teacher {text!r} is not of the form NAME=CHECKPOINT')
        teachers[name] = require_file(path, f'checkpoint of teacher {name}')
    return teachers
