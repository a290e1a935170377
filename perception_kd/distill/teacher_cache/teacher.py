"""A teacher that asks the disk before it asks its network."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import check_value
from perception_kd.distill.nested import take_rows
from perception_kd.distill.rng import private_rng
from perception_kd.distill.teacher import FrozenTeacher, Teacher
from perception_kd.distill.teacher_cache.augmentation import AugmentationRule, Mode
from perception_kd.distill.teacher_cache.cells import Need, covered, cut, is_cut, needs_of, restore, suffices
from perception_kd.distill.teacher_cache.entries import Entries, entry_bytes
from perception_kd.distill.teacher_cache.key import BOXES, SampleKey, teacher_identity
from perception_kd.distill.teacher_cache.plan import SizePlan, size_text
from perception_kd.distill.teacher_cache.values import joined, packed
from perception_kd.files import DiskFullError, fingerprint
from perception_kd.structures import TapSpec

if TYPE_CHECKING:
    from perception_kd.distill.pair import Pair

_DTYPES = {None: None, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


class CachedTeacher:
    """Wraps a teacher; answers come from the disk where they are there, and go there where they are not.

    A config is that of the teacher with ``type='CachedTeacher'`` and, under ``cache``, the arguments below. The
    network is built when it is first needed: for samples without an entry, or for its functions. What an entry
    must agree in is said by :mod:`~perception_kd.distill.teacher_cache.key`; which cells it holds follows from the
    pairs (:mod:`~perception_kd.distill.teacher_cache.cells`), and an entry that does not hold what they look at is
    made anew, with more. Losses are those of the live teacher up to rounding: cut maps keep what a normalisation
    reads, and a loss that may read any cell gets whole maps.

    Args:
        teacher: A teacher, or the config of a ``FrozenTeacher``.
        folder: The teacher gets a folder of its name in it.
        reads: Keys of the inputs that the teacher reads; ``boxes`` for the annotations. It sees nothing else, and
            all of it is in the key.
        augmentation, states: See :class:`~perception_kd.distill.teacher_cache.augmentation.AugmentationRule`.
        store: ``masked``: maps are cut down to the cells that count in the pairs, heads are whole; ``whole``.
        dtype: ``float16`` or ``bfloat16`` halve the size, and losses differ by the rounding; None: as they are.
        max_bytes: Of the folder of this teacher; None: what the disk holds.
        name: The teacher's.

    Raises:
        ValueError: settings that do not fit, or a folder with the entries of another teacher.
    """

    def __init__(
        self,
        *,
        teacher: Mapping[str, Any] | Teacher,
        folder: str | Path,
        reads: Sequence[str],
        augmentation: Mode = 'off',
        states: Sequence[Mapping[str, Any]] | None = None,
        store: Literal['masked', 'whole'] = 'masked',
        dtype: str | None = None,
        max_bytes: int | None = None,
        name: str = 'teacher',
    ) -> None:
        if store not in ('masked', 'whole') or dtype not in _DTYPES:
            raise ValueError(f"teacher '{name}': its cache needs store 'masked' or 'whole' and dtype None, 'float16' "
                             f"or 'bfloat16', got {store!r} and {dtype!r}")
        self.reads = (reads,) if isinstance(reads, str) else tuple(reads)
        self.name, self.store, self.max_bytes = name, store, max_bytes
        self.dtype = _DTYPES[dtype]
        self.rule = AugmentationRule(mode=augmentation, states=states)
        self.device = torch.device('cpu')
        self._settings = dict(teacher) if isinstance(teacher, Mapping) else {}
        hidden = sorted(set((self._settings.get('renamed') or {}).values()) - set(self.reads))
        if hidden:
            raise ValueError(f"teacher '{name}' is given {', '.join(hidden)} under another name, but its cache reads "
                             f"{', '.join(self.reads)}: set cache.reads to what it is given")
        self.source: str | None = self._settings.get('checkpoint')
        self._live: Teacher | None = None if isinstance(teacher, Mapping) else teacher
        if self._live is None and not self._settings.get('checkpoint'):
            self._live = self._build()  # its random weights are a part of the key
        said = self._settings or dict(ready=[type(teacher).__qualname__, str(teacher), repr(teacher.tap_specs())])
        identity = dict(teacher_identity(said, getattr(self._live, 'model', None)),
                        reads=' '.join(self.reads), dtype=str(dtype))
        self.entries = Entries(folder=Path(folder) / name, teacher=identity, name=name)
        self.needs: dict[str, Need] = {}
        self.counts: Counter[str] = Counter()
        self.keeps_going = True
        self.samples: int | None = None
        self.writers: int | None = None  # processes that write here at once; None: those of the job
        self._writes, self._used = True, None
        self._specs = self.entries.specs()

    @classmethod
    def of_config(cls, name: str, cfg: Mapping[str, Any]) -> CachedTeacher:
        """From the config of a ``FrozenTeacher`` that has ``cache``, too.

        Raises:
            ValueError: without ``cache``, or with settings that it does not have.
        """
        cfg = dict(cfg)
        settings = cfg.pop('cache', None)
        if not isinstance(settings, Mapping) or not settings.get('folder') or not settings.get('reads'):
            raise ValueError(f"teacher '{name}': type='CachedTeacher' needs cache=dict(folder=..., reads=('points',)), "
                             f'got cache={settings!r}')
        try:
            return cls(teacher=cfg, **{'name': name, **settings})
        except TypeError as error:
            raise ValueError(f"cache of teacher '{name}': {str(error).replace('__init__()', '')}") from error

    @property
    def live(self) -> Teacher:
        """The teacher inside, built when it is first asked for.

        Raises:
            ValueError: its checkpoint is no longer the one whose answers the cache keeps.
        """
        if self._live is None:
            with private_rng('teacher', self.name):
                built = self._build().to(self.device)
            if fingerprint(self.source) != self.entries.teacher['checkpoint']:
                raise ValueError(f"teacher '{self.name}': {self.source} was replaced after the cache was opened, which "
                                 'keeps the answers of the old one; start again')
            self._live = built
        return self._live

    def _build(self) -> FrozenTeacher:
        return FrozenTeacher(**{'name': self.name, **self._settings})

    @property
    def is_loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._live is not None

    def release(self) -> None:
        """Drop the network where a checkpoint can bring it back."""
        if self._settings.get('checkpoint'):
            self._live = None

    def serve(self, pairs: Mapping[str, Pair]) -> None:
        """Learn from the pairs of a distiller which cells of which taps count; before this: all of all taps."""
        self.needs = needs_of(self.name, pairs, self.store)

    def expect(self, samples: int) -> None:
        """Learn how many samples the data set has; the first entry is then preceded by a size plan."""
        self.samples = samples

    def tap_specs(self) -> Mapping[str, TapSpec]:
        """The teacher's declarations."""
        if self._specs is None:
            self._specs = dict(self.live.tap_specs())
        return self._specs

    def functions(self) -> dict[str, Callable]:
        """The teacher's; they need its network."""
        return self.live.functions() if hasattr(self.live, 'functions') else {}

    def to(self, device: torch.device | str) -> CachedTeacher:
        """Move the network, if it is there; values are given out on this device."""
        self.device = torch.device(device)
        if self.is_loaded and hasattr(self._live, 'to'):
            self._live.to(self.device)
        return self

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Any]:
        """Values of ``taps``, for each sample from the disk or from the teacher.

        Raises:
            ValueError: a sample is augmented where that is not allowed, or has an entry that is stale.
        """
        batch, taps = DistillBatch(inputs, list(data_samples or ()), device=self.device), list(taps)
        found = [self._find(batch.keep([row], ()), taps) for row in range(batch.size)]
        missing = [row for row, sample in enumerate(found) if not sample.complete]
        values = {row: {tap: restore(sample.stored[tap]) for tap in taps}
                  for row, sample in enumerate(found) if sample.complete}
        if missing:
            fresh = self._ask(batch.keep(missing, ()), taps)
            for place, row in enumerate(missing):
                values[row] = {tap: take_rows(fresh[tap], [place], len(missing)) for tap in taps}
            entries = {row: self._entry(found[row], values[row]) for row in missing if found[row].key is not None}
            self._keep([(found[row].key, entry) for row, entry in entries.items()])
            # Pairs see what they are going to see later, so that a run does not depend on what the cache held before.
            values |= {row: {tap: restore(entry[tap]) for tap in taps} for row, entry in entries.items()}
        self.counts['hit'] += batch.size - len(missing)
        rows = {tap: joined([values[row][tap] for row in range(batch.size)], self.device) for tap in taps}
        for tap, spec in self.tap_specs().items():
            if tap in rows:
                check_value(f"teacher '{self.name}'", spec, rows[tap])
        return rows

    def measure(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, int]:
        """Bytes by tap of an entry, the mean over some samples, which the teacher sees."""
        batch, taps = DistillBatch(inputs, list(data_samples), device=self.device), list(taps)
        fresh = self._ask(batch, taps)
        return _mean_sizes([
            {tap: self._packed(take_rows(fresh[tap], [row], batch.size), cells) for tap, cells in wanted.items()}
            for row, wanted in enumerate(self.cells(batch.keep([row], ()), taps) for row in range(batch.size))])

    def plan(self, samples: int, taps: Mapping[str, int]) -> SizePlan:
        """What ``samples`` take, by the sizes of :meth:`measure`."""
        return SizePlan(self.name, self.entries.folder, samples, len(self.rule.states), taps, self.entries.size()[1],
                        self.max_bytes)

    def cells(self, one: DistillBatch, taps: Iterable[str]) -> dict[str, Tensor | None]:
        """By tap, the cells that the pairs look at in the sample of a batch of one, None: all of them."""
        return {tap: self.needs[tap].cells(one) if tap in self.needs else None for tap in taps}

    def _find(self, one: DistillBatch, taps: Sequence[str]) -> _Sample:
        if not self.rule.serves(one, self.name):
            self.counts['live'] += 1
            return _Sample()
        key, cells = SampleKey.of(one, self.reads), self.cells(one, taps)
        stored = self.entries.read(key) or {}
        complete = all(tap in stored and suffices(stored[tap], cells[tap]) for tap in taps)
        if not complete:
            self.counts['widened' if stored else 'computed'] += 1
        return _Sample(key, cells, stored, complete)

    def _ask(self, batch: DistillBatch, taps: Sequence[str]) -> Mapping[str, Any]:
        """The live teacher, which sees nothing but what is in the key."""
        inputs = {key: batch.inputs[key] for key in self.reads if key != BOXES}
        samples = batch.data_samples
        if BOXES not in self.reads:
            samples = [type(sample)(metainfo=sample.metainfo) for sample in samples]
        return self.live.run(inputs, samples, taps)

    def _packed(self, value: Any, cells: Tensor | None) -> Any:
        return cut(packed(value, self.dtype), cells)

    def _entry(self, sample: _Sample, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored of a sample, with new values."""
        return {**sample.stored, **{tap: self._packed(value, sample.together(tap)) for tap, value in values.items()}}

    def _keep(self, entries: Sequence[tuple[SampleKey, Mapping[str, Any]]]) -> None:
        """Write entries, after a size plan before the first ones."""
        if not entries or not self._writes:
            return
        if self._used is None:
            self._used = self.entries.size()[1]
            if self.samples is not None:
                plan = self.plan(self.samples, _mean_sizes([entry for _, entry in entries]))
                print_log(str(plan), logger='current')
                plan.check()
        for key, entry in entries:
            self._write(key, entry)

    def _write(self, key: SampleKey, taps: Mapping[str, Any]) -> None:
        if not self._writes:
            return
        size = entry_bytes(taps)
        try:
            if self.max_bytes is not None and self._used + size > self.max_bytes:
                raise DiskFullError(f"the cache of teacher '{self.name}' in {self.entries.folder} has reached "
                                    f'max_bytes ({size_text(self.max_bytes)})')
            self.entries.record(self.tap_specs())
            self.entries.write(key, taps)
            self._used += size * (self.writers or dist.get_world_size())
        except DiskFullError as error:
            if not self.keeps_going:
                raise
            self._writes = False
            print_log(f'{error}; training goes on, and the teacher runs for samples without an entry', logger='current',
                      level=logging.WARNING)

    def summary(self) -> str:
        """What became of the samples asked for since the last summary, in one line."""
        counts, self.counts = self.counts, Counter()
        damaged, self.entries.damaged = self.entries.damaged, 0
        parts = [f'{counts["hit"]} samples from the cache', f'{counts["computed"]} computed']
        parts += [f'{number} {what}' for number, what in (
            (counts['widened'], 'computed again for more cells or taps'), (counts['live'], 'augmented, computed live'),
            (damaged, 'damaged entries')) if number]
        return f"teacher '{self.name}': {', '.join(parts)}"

    def __deepcopy__(self, memo: dict) -> CachedTeacher:
        return self

    def __str__(self) -> str:
        number, size = self.entries.size()
        inside = str(self._live) if self.is_loaded else 'its network is not loaded yet'
        return f'cached in {self.entries.folder}: {number} entries, {size_text(size)}; {inside}'


class _Sample:
    """What is known of one sample of a batch; without a key it does not go through the cache."""

    def __init__(self, key: SampleKey | None = None, cells: Mapping[str, Tensor | None] | None = None,
                 stored: Mapping[str, Any] | None = None, complete: bool = False) -> None:
        self.key, self.cells, self.stored, self.complete = key, cells or {}, stored or {}, complete

    def together(self, tap: str) -> Tensor | None:
        """Cells that are wanted or stored already."""
        wanted, old = self.cells[tap], self.stored.get(tap)
        if old is None or wanted is None:
            return wanted
        return wanted | covered(old) if is_cut(old) else None


def _mean_sizes(entries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Bytes by tap, the mean over some entries."""
    return {tap: sum(entry_bytes({tap: entry[tap]}) for entry in entries) // len(entries) for tap in entries[0]}
