"""A queue of runs that can be interrupted, and that several processes may work on together."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, is_main_process

from perception_kd.cli import USER_ERRORS, one_line
from perception_kd.comparison.claims import claim
from perception_kd.comparison.entry import Entry, checkpoints
from perception_kd.comparison.fairness import differences
from perception_kd.comparison.labels import find_references, is_label
from perception_kd.comparison.metrics import first_metric
from perception_kd.comparison.parts import Part, complete, folder_of
from perception_kd.comparison.runs import Run, execute
from perception_kd.engine.recipe import from_first
from perception_kd.files import naming_full_disk, write_bytes

Echo = Callable[[str], None]
LABELS_HINT = ('; a part of the labels is no difference where an entry that sees it is as the first one but for that: '
               'it is then the reference of all that see it')


def plan_runs(entries: Sequence[Entry], seeds: Sequence[int], shared: Mapping[str, Any],
              teachers: Mapping[str, Path], allow_differences: bool = False,
              more_seeds: Mapping[str, Sequence[int]] | None = None, **switches: Any) -> list[Run]:
    """All runs, seed by seed, so that what is finished early can already be compared.

    Args:
        entries: The first is the reference; of those that see another part of the labels, the one that is as the first.
        seeds: Of the runs.
        shared: Overrides of all runs.
        teachers: Checkpoints by name.
        allow_differences: Accept runs that differ in more than their distillation; the table marks them.
        more_seeds: Further ones of some entries, by name; the first entry must have them too.
        switches: Of :func:`~perception_kd.engine.build.build_runner`, for every training.

    Raises:
        ValueError: Runs that differ in more than their distillation; a teacher's name that no config has; further
            seeds of an unknown entry, or that the first one has not.
    """
    runs = []
    for seed, having in _by_seed(entries, seeds, more_seeds or {}):
        loaded = [entry.load(shared, teachers, seed) for entry in having]
        references = find_references([cfg for cfg, _ in loaded])
        for entry, (cfg, options), place in zip(having, loaded, references):
            other = having[place].name
            differs = differences(loaded[place][0], cfg)
            if differs and not allow_differences:
                named = ', '.join(differs[:6]) + (', ...' if len(differs) > 6 else '')
                raise ValueError(f'{entry.name} differs from {other} in more than its distillation: {named}. '
                                 'Make them the same, or pass --allow-differences, which marks it in the table'
                                 + (LABELS_HINT if any(map(is_label, differs)) else ''))
            runs.append(Run(entry, seed, cfg, options, tuple(differs), switches, other))
    used = {name for run in runs for name, _, _ in checkpoints(run.cfg)}
    strangers = sorted(set(teachers) - used)
    if strangers:
        raise ValueError(f'no config has a teacher {", ".join(strangers)}; there are: '
                         f'{", ".join(sorted(used)) or "none"}')
    return runs


def _by_seed(entries: Sequence[Entry], seeds: Sequence[int],
             more: Mapping[str, Sequence[int]]) -> Iterator[tuple[int, list[Entry]]]:
    """Seeds in the order to do them, those of all entries first, with the entries that have them."""
    unknown = sorted(set(more) - {entry.name for entry in entries})
    if unknown:
        raise ValueError(f'--more-seeds: no entry is called {", ".join(unknown)}; there are: '
                         f'{", ".join(entry.name for entry in entries)}')
    for seed in [*seeds, *sorted({seed for own in more.values() for seed in own} - set(seeds))]:
        having = [entry for entry in entries if seed in seeds or seed in more.get(entry.name, ())]
        if having[0] != entries[0]:
            raise ValueError(f'--more-seeds: {entries[0].name} has no seed {seed}, so nothing could be compared with '
                             f'{having[0].name}')
        yield seed, having


class Queue:
    """Runs what is not finished. Every finished run is one file; nothing else has to be kept.

    A run is claimed by a lock that ends with its process, so that the same command may be started several times, also
    on machines that share the folder. Other kinds of runs are done by a class of their own with another
    :meth:`carry_out`; they have a ``name`` and ``result(out)``, None where they are not finished.

    Args:
        runs: In the order to do them.
        out: Folder of the finished runs' files.
        work: Folder of checkpoints and logs.
        echo: Where progress lines go.
        parts: What the files of finished runs should have beside their metrics.
    """

    def __init__(self, runs: Sequence[Run], out: Path, work: Path, echo: Echo = print,
                 parts: Sequence[Part] = ()) -> None:
        self.runs, self.out, self.work, self.parts = list(runs), out, work, tuple(parts)
        self.echo = echo if is_main_process() else lambda line: None

    def unfinished(self) -> list[Run]:
        """Runs without a file.

        Raises:
            ValueError: A file is of a run with other settings.
        """
        return [run for run in self.runs if run.result(self.out) is None]

    def forget_failures(self) -> None:
        """Let what failed before be tried again."""
        for run in self.runs:
            self._failure(run).unlink(missing_ok=True)

    def failures(self) -> dict[str, str]:
        """Message by name of the runs that failed."""
        marks = {run.name: self._failure(run) for run in self.runs if run.result(self.out) is None}
        return {name: mark.read_text() for name, mark in marks.items() if mark.is_file()}

    def work_off(self) -> None:
        """Do every run that is neither finished, nor failed, nor claimed by another process.

        In a job of several processes all of them call this; the first one decides.
        """
        taken: list[float] = []
        for number, run in enumerate(self.runs, start=1):
            with claim(self.work / f'{run.name}.lock') as mine:
                due = mine and run.result(self.out) is None and not self._failure(run).is_file()
                if not from_first(due):
                    self._complete(run, mine)
                    continue
                self.echo(f'[{number}/{len(self.runs)}] {run.name} ...{self._left(taken)}')
                begin = time.perf_counter()
                self._do(run)
                taken.append(time.perf_counter() - begin)
                self._complete(run, mine)

    def _do(self, run: Run) -> None:
        try:
            with naming_full_disk(self.out):
                told = self.carry_out(run)
        except Exception as error:  # such as a GPU's memory that one method exceeds: the others can still be done
            self._failed(run, error)
            return
        self.echo(f'{run.name}: {told}')

    def _complete(self, run: Run, mine: bool) -> None:
        """Add what a finished run's file lacks."""
        found = run.result(self.out) if mine and self.parts else None
        if found is not None:
            folder = folder_of(self.work / run.name, run.key)
            for line in complete(run.file(self.out), found, run.cfg, folder, self.parts):
                self.echo(f'{run.name}: {line}')

    def carry_out(self, run: Run) -> str:
        """Do one run and write its file.

        Returns:
            What came out, in a line.
        """
        result = execute(run, self.out, self.work)
        seconds, metric = result['seconds'], first_metric([result])
        score = result['metrics'].get(metric)
        return (f'trained in {seconds["train"]:.0f} s, scored in {seconds["score"]:.0f} s, '
                f'{metric} {"-" if score is None else format(score, ".3f")}')

    def _failed(self, run: Run, error: Exception) -> None:
        """Mark a run. An error that is nobody's input shows where it comes from, and ends a job of several processes,
        which it may have met alone."""
        if not isinstance(error, USER_ERRORS):
            if get_world_size() > 1:
                raise error
            traceback.print_exception(error)
        if is_main_process():
            write_bytes(self._failure(run), one_line(error).encode())
        self.echo(f'{run.name} failed: {one_line(error)}')
        error.__traceback__ = None  # it holds the runner's memory
        gc.collect()

    def _left(self, taken: Sequence[float]) -> str:
        if not taken:
            return ''
        seconds = sum(taken) / len(taken) * len(self.unfinished())
        span = f'{seconds / 60:.0f} min' if seconds >= 90 else f'{seconds:.0f} s'
        return f' (about {span} for this and what follows)'

    def _failure(self, run: Run) -> Path:
        return self.work / f'{run.name}.failed'
