"""Entries of the cache as files: one per sample and teacher, written atomically, believed only after a look."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log

from perception_kd.distill.nested import tensors_of
from perception_kd.distill.teacher_cache.key import SampleKey, digest_of
from perception_kd.files import atomic_path, write_json
from perception_kd.structures import BEVGrid, TapSpec

RECORD = 'teacher.json'
_HEAD_BYTES = 2048  # of a file, besides its tensors


class Entries:
    """The folder of one teacher.

    Args:
        folder: Made when the first entry is written.
        teacher: What decides the teacher's answers, see
            :func:`~perception_kd.distill.teacher_cache.key.teacher_identity`.
        name: The teacher's, for messages.

    Raises:
        ValueError: the folder is another teacher's, or is no cache.
    """

    def __init__(self, *, folder: Path, teacher: Mapping[str, str], name: str) -> None:
        self.folder, self.teacher, self.name, self.damaged = folder, dict(teacher), name, 0
        self._record = self._read_record()

    def _read_record(self) -> dict[str, Any] | None:
        path = self.folder / RECORD
        try:
            record = json.loads(path.read_text())
            found = dict(record['teacher'])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged_record(error) from None
        differing = [f'{key} {found.get(key)}, now {value}' for key, value in self.teacher.items()
                     if found.get(key) != value]
        if differing:
            raise ValueError(f"{self.folder}: stale, its entries are of another teacher than '{self.name}' is now "
                             f'({"; ".join(differing)}); {self._cure}')
        return record

    @property
    def _cure(self) -> str:
        return 'remove the folder, or name another one (cache.folder of the teacher)'

    def specs(self) -> dict[str, TapSpec] | None:
        """The teacher's declarations, None where nothing was written yet.

        Raises:
            ValueError: the record is damaged.
        """
        if self._record is None:
            return None
        try:
            return {name: TapSpec(**{**spec, 'grid': spec['grid'] and BEVGrid(**spec['grid'])})
                    for name, spec in self._record['taps'].items()}
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise self._damaged_record(error) from None

    def _damaged_record(self, error: Exception) -> ValueError:
        return ValueError(f'{self.folder / RECORD} is damaged ({str(error)[:200]}); {self._cure}')

    def record(self, specs: Mapping[str, TapSpec]) -> None:
        """Write down whose entries these are, once."""
        if self._record is None:
            self._record = dict(teacher=self.teacher, taps={name: asdict(spec) for name, spec in specs.items()})
            write_json(self.folder / RECORD, self._record)

    def read(self, key: SampleKey) -> dict[str, Any] | None:
        """Stored values by tap; None where there is no entry, or a damaged one, which is named and counted.

        Raises:
            ValueError: an entry of another teacher or data set, or of other inputs.
        """
        path = self.folder / key.name
        try:
            content = torch.load(path, map_location='cpu', weights_only=True)
            head, taps = dict(content['head']), dict(content['taps'])
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged file can bring up anything: EINVAL if it leads to before its start
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            return self._damaged(path, f'{type(error).__name__}')
        if (head.get('token'), head.get('matrix')) != (key.token, list(key.matrix)):
            return self._damaged(path, f'it is of sample {head.get("token")}')
        if head.get('content') != digest_of(taps):  # torch does not look at the check sums of its files
            return self._damaged(path, 'its content has changed')
        for what, found, wanted in (('teacher', head.get('teacher'), self.teacher),
                                    ('data stamp', head.get('stamp'), list(key.stamp)),
                                    ('input', head.get('digest'), key.digest)):
            if found != wanted:
                raise ValueError(f"{path}: stale: its {what} was {found}, teacher '{self.name}' has {wanted} now. "
                                 f'If the pipeline draws at random what this teacher reads, turn that off; else '
                                 f'{self._cure}')
        return taps

    def _damaged(self, path: Path, why: str) -> None:
        if not self.damaged:
            print_log(f"{path}: damaged entry ({why}); teacher '{self.name}' runs again for it and for any other one "
                      'like it', logger='current', level=30)
        self.damaged += 1

    def write(self, key: SampleKey, taps: Mapping[str, Any]) -> int:
        """Write an entry, replacing the one there is; returns its bytes.

        Raises:
            DiskFullError: no space left.
        """
        head = dict(teacher=self.teacher, stamp=list(key.stamp), token=key.token, matrix=list(key.matrix),
                    digest=key.digest, content=digest_of(taps))
        with atomic_path(self.folder / key.name) as temporary, temporary.open('wb') as file:
            torch.save(dict(head=head, taps=dict(taps)), file)
        return entry_bytes(taps)

    def size(self) -> tuple[int, int]:
        """Number and bytes of the entries there are."""
        sizes = [file.stat().st_size for file in self.folder.glob('*/*.pt') if not file.name.startswith('.')]
        return len(sizes), sum(sizes)


def value_bytes(value: Any) -> int:
    """Bytes of the tensors in a nested value."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(value))


def entry_bytes(taps: Mapping[str, Any]) -> int:
    """About the size of an entry's file."""
    return _HEAD_BYTES + value_bytes(taps)
