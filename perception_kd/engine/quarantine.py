"""Samples whose step gave a loss or a gradient that is not finite: left out, written down, limited."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from perception_kd.distill.accounting import MetElsewhere, NonFiniteLoss
from perception_kd.distill.batch import sample_name
from perception_kd.engine.guarded_step import guarded_step
from perception_kd.engine.resumable import ResumableSampler
from perception_kd.files import write_json

FILE = 'quarantine.json'
REPORTED = 10  # samples that the closing report names; the file has all


@dataclass(frozen=True)
class Quarantined:
    """A sample that is left out.

    Args:
        token: Its name.
        index: Its place in the data set, None where the data set does not say.
        epoch, iteration: Of the step that it spoiled.
        reason: What was not finite.
        drawn: Draws of each process that an endless sampler had made by then; None for one that ends.
    """

    token: str
    index: int | None
    epoch: int
    iteration: int
    reason: str
    drawn: int | None = None


class QuarantineHook(Hook):
    """Leaves out bad steps and later on their samples; reports them beside corrupt files at the end.

    A bad step changes nothing (:func:`guarded_step`); its samples go to ``quarantine.json`` in the work directory.
    Where inputs of the batch were not finite to begin with, those samples are to blame, else all of the batch are,
    in every process that met the value. In later epochs, and with an endless sampler from the next draw on, another
    sample takes the place of each. A resumed run reads the file, up to where it resumes.

    Args:
        most: Samples that may be left out; with one more the run stops. 0: every step is taken as it is, and what
            is not finite stops the run.
    """

    priority = 'VERY_HIGH'

    def __init__(self, *, most: int = 0) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise ValueError(f'max_quarantined must be a whole number, 0 or more, got {most!r}')
        self.most = most
        self.found: dict[str, Quarantined] = {}
        self.corrupt: dict[str, None] = {}

    def before_train(self, runner: Runner) -> None:
        """Take over what was found before the point that a run resumes at."""
        known = read_quarantine(Path(runner.work_dir) / FILE) if runner.iter else []
        self.found = {one.token: one for one in known if one.iteration < runner.iter}
        for one in self.found.values():
            self._avoid(runner, one)

    def step(self, runner: Runner, batch: Any) -> dict[str, Tensor] | None:
        """One training step; None where it was left out.

        Raises:
            NonFiniteLoss: more samples than may be, or none may be.
        """
        if not self.most:
            return runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        try:
            return guarded_step(runner.model, batch, runner.optim_wrapper)
        except NonFiniteLoss as error:
            self._add(runner, batch, error)
            return None

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Note the corrupt samples that the data set has replaced in this batch."""
        for sample in _samples(data_batch):
            self.corrupt.update(dict.fromkeys((getattr(sample, 'metainfo', None) or {}).get('replaced', ())))

    def after_train(self, runner: Runner) -> None:
        """One report on both kinds."""
        self.corrupt = dict.fromkeys(name for names in all_gather_object(list(self.corrupt)) for name in names)
        if self.found or self.corrupt:
            self._write(runner)
            print_log(report([f'{one.token}: {one.reason}' for one in self.found.values()], list(self.corrupt)),
                      'current', logging.WARNING)

    def _add(self, runner: Runner, batch: Any, error: NonFiniteLoss) -> None:
        epoch = getattr(runner.train_dataloader.sampler, 'epoch', runner.epoch)
        drawn = draws_so_far(runner.train_dataloader, runner.iter)
        claims = [(certain, Quarantined(name, index, epoch, runner.iter, str(error), drawn))
                  for certain, name, index in blame(batch, here=not isinstance(error, MetElsewhere))]
        claims = [claim for claims in all_gather_object(claims) for claim in claims]
        certain = [one for sure, one in claims if sure]
        new = {one.token: one for one in certain or [one for _, one in claims] if one.token not in self.found}
        self.found.update(new)
        self._write(runner)
        print_log(f'step {runner.iter} is left out: {error} Quarantined: {", ".join(new) or "nothing new"} '
                  f'({len(self.found)} of at most {self.most})', 'current', logging.WARNING)
        if len(self.found) > self.most:
            raise NonFiniteLoss(f'{len(self.found)} samples gave numbers that are not finite, and max_quarantined is '
                                f'{self.most}; they are in {Path(runner.work_dir) / FILE}. The last: {error}')
        for one in new.values():
            self._avoid(runner, one)

    def _write(self, runner: Runner) -> None:
        if is_main_process():
            content = dict(quarantined=[asdict(one) for one in self.found.values()], corrupt=list(self.corrupt))
            write_json(Path(runner.work_dir) / FILE, content)

    def _avoid(self, runner: Runner, one: Quarantined) -> None:
        """Tell the sampler, if it can tell where in the data set the sample is."""
        sampler, dataset = runner.train_dataloader.sampler, runner.train_dataloader.dataset
        look = getattr(dataset, 'get_data_info', None)
        known = one.index is not None and (look is None or one.token in _names(look(one.index)))
        if known and isinstance(sampler, ResumableSampler):
            last = one.epoch if one.drawn is None else one.drawn - 1
            sampler.avoid(one.index, last, len(dataset))


def blame(batch: Any, here: bool) -> list[tuple[bool, str, int | None]]:
    """Samples that may have spoiled a step: ``(certain, name, index in the data set)``.

    Args:
        batch: As the loader gave it.
        here: Whether this process met the value; else only samples with bad inputs are named.
    """
    inputs = batch.get('inputs', {}) if isinstance(batch, Mapping) else {}
    columns = [value for value in (inputs.values() if isinstance(inputs, Mapping) else [inputs])
               if isinstance(value, (list, tuple, Tensor))]
    found = []
    for row, sample in enumerate(_samples(batch)):
        values = [column[row] for column in columns if len(column) == len(_samples(batch))]
        certain = any(isinstance(value, Tensor) and not bool(torch.isfinite(value).all()) for value in values)
        if certain or here:
            meta = getattr(sample, 'metainfo', None) or {}
            found.append((certain, sample_name(sample, row), meta.get('index')))
    return found


def draws_so_far(loader: DataLoader, iteration: int) -> int | None:
    """Samples that an endless sampler has handed out when a step runs, those that workers are loading included.

    Args:
        loader: Of the training data.
        iteration: The running step, the first being 0.

    Returns:
        The number in each process; None for a sampler that ends.
    """
    if not (isinstance(loader.sampler, ResumableSampler) and loader.sampler.endless):
        return None
    ahead = loader.num_workers * (loader.prefetch_factor or 0)
    return (iteration + 1 + ahead) * (loader.batch_size or 1)


def read_quarantine(path: Path) -> list[Quarantined]:
    """The samples in a ``quarantine.json``; none where there is no such file.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [Quarantined(**one) for one in json.loads(path.read_bytes())['quarantined']]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is damaged ({error}); remove it to begin without') from error


def report(quarantined: list[str], corrupt: list[str]) -> str:
    """The closing words of a training, on lines of their own."""
    lines = []
    for what, names in ((f'{len(quarantined)} samples were quarantined', quarantined),
                        (f'{len(corrupt)} corrupt samples were replaced', corrupt)):
        lines += [f'{what}:' if names else what, *(f'  {name}' for name in names[:REPORTED])]
        lines += [f'  and {len(names) - REPORTED} more, all in {FILE}'] if len(names) > REPORTED else []
    return '\n'.join(lines)


def _samples(batch: Any) -> list:
    samples = batch.get('data_samples') if isinstance(batch, Mapping) else None
    return list(samples or ())


def _names(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """What :func:`sample_name` may call the sample of a data set's entry."""
    return info.get('token'), info.get('img_path')
