"""Training loops that a resumed run continues exactly, and that leave out bad steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import DataLoader

from perception_kd.engine.quarantine import QuarantineHook
from perception_kd.engine.resumable import ResumableSampler


def run_step(runner: Any, index: int, batch: Any) -> None:
    """One training step between its hooks; they get no outputs where the step was left out."""
    runner.call_hook('before_train_iter', batch_idx=index, data_batch=batch)
    guard = next((hook for hook in runner.hooks if isinstance(hook, QuarantineHook)), None) or QuarantineHook()
    outputs = guard.step(runner, batch)
    runner.call_hook('after_train_iter', batch_idx=index, data_batch=batch, outputs=outputs)


def count_from(wrapper: Any, done: int, total: int) -> None:
    """Let a wrapper that accumulates gradients count from the start of an epoch.

    mmengine counts through the whole training: a group of steps then lies across the end of an epoch, and a run
    resumed there has lost the first part of it. So the last group of an epoch may be smaller, and is divided by its
    own size.

    Args:
        wrapper: Optimiser wrapper; one that does not accumulate is left alone.
        done: Steps of the epoch that lie behind.
        total: Steps of the epoch.
    """
    if isinstance(wrapper, OptimWrapper) and wrapper._accumulative_counts > 1:
        wrapper._inner_count, wrapper._max_counts = done, total
        wrapper._remainder_counts = total % wrapper._accumulative_counts


def begin_at(loader: DataLoader, batches: int) -> Iterator[Any]:
    """A pass over the loader that begins after ``batches`` batches.

    Nothing is read for them, unless the loader has its own batch sampler: then they are read, then dropped.
    """
    sampler = loader.sampler
    skippable = isinstance(sampler, ResumableSampler) and loader.batch_size is not None
    if skippable:
        sampler.skip = batches * loader.batch_size
    iterator = iter(loader)
    for _ in range(0 if skippable else batches):
        next(iterator)
    return iterator


class _EndlessBatches:
    """Batches for ever, from a position on; the shuffling changes with every pass over the data."""

    def __init__(self, loader: DataLoader, position: int) -> None:
        self._loader = loader
        sampler = loader.sampler
        endless = isinstance(sampler, ResumableSampler) and sampler.endless
        self._epoch, start = (0, position) if endless else divmod(position, len(loader))
        if position and not start:
            # Between two passes: the next one begins as it did, when its first batch is asked for.
            self._epoch, self._iterator = self._epoch - 1, iter(())
        else:
            self._iterator = self._begin(start)

    def _begin(self, start: int) -> Iterator[Any]:
        sampler = getattr(self._loader.batch_sampler, 'sampler', self._loader.sampler)
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(self._epoch)
        return begin_at(self._loader, start)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._iterator)
        except StopIteration:
            self._epoch += 1
            self._iterator = self._begin(0)
            return next(self._iterator)


def validation_due(done: int, *, begin: int, interval: int, last: int) -> bool:
    """Whether to validate after ``done`` of ``last`` epochs or iterations: every ``interval``, and in the end."""
    return done >= begin and (done % interval == 0 or done == last)


def validate_if_due(loop: EpochBasedTrainLoop | IterBasedTrainLoop, done: int, last: int) -> None:
    """Run the loop's validation if it has one and it is time to."""
    loop._decide_current_val_interval()
    due = validation_due(done, begin=loop.val_begin, interval=loop.val_interval, last=last)
    if due and loop.runner.val_loop is not None:
        loop.runner.val_loop.run()


class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's epoch-based loop; a resumed epoch begins where the checkpoint was written."""

    def run(self) -> Any:
        """Train from the current epoch to the last.

        The checkpoint of an epoch is written before the epoch is validated, so a run resumed from it validates first.
        """
        self.runner.call_hook('before_train')
        if self._epoch and self._iter == self._epoch * len(self.dataloader):
            self.runner.apply_random_state()
            validate_if_due(self, self._epoch, self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            validate_if_due(self, self._epoch, self._max_epochs)
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """One epoch, or what is left of it; gradients that are accumulated do not cross its end."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start = self._start_of_epoch()
        count_from(self.runner.optim_wrapper, start, len(self.dataloader))
        for index, batch in enumerate(self._batches(start), start):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """One batch."""
        run_step(self.runner, idx, data_batch)
        self._iter += 1

    def _start_of_epoch(self) -> int:
        """Batches of this epoch that were trained before the checkpoint."""
        start = self._iter - self._epoch * len(self.dataloader)
        if 0 <= start <= len(self.dataloader):
            return start
        self.runner.logger.warning(
            f'the checkpoint knows another number of batches an epoch than {len(self.dataloader)} now: '
            'the epoch starts at its beginning'
        )
        return 0

    def _batches(self, start: int) -> Iterator[Any]:
        if not start:
            self.runner.apply_random_state()  # what the loader draws for its workers comes from it
            return iter(self.dataloader)
        iterator = begin_at(self.dataloader, start)
        self.runner.apply_random_state()
        return iterator


class ResumableIterLoop(IterBasedTrainLoop):
    """mmengine's iteration-based loop; a resumed run skips the data already seen without reading it."""

    def __init__(self, runner: Any, dataloader: DataLoader | dict, max_iters: int, val_begin: int = 1,
                 val_interval: int = 1000, dynamic_intervals: list[tuple[int, int]] | None = None) -> None:
        # The parent would start the loader's workers at once, before the position is known.
        BaseLoop.__init__(self, runner, dataloader)
        if int(max_iters) != max_iters:
            raise ValueError(f'max_iters must be a whole number, got {max_iters}')
        self._max_iters, self._max_epochs = int(max_iters), 1
        self._epoch = self._iter = 0
        self.val_begin, self.val_interval = val_begin, val_interval
        self.stop_training = False
        if hasattr(self.dataloader.dataset, 'metainfo'):
            self.runner.visualizer.dataset_meta = self.dataloader.dataset.metainfo
        milestones, intervals = calc_dynamic_intervals(val_interval, dynamic_intervals)
        self.dynamic_milestones, self.dynamic_intervals = milestones, intervals

    def run(self) -> Any:
        """Train from the current iteration to the last; validate first what the checkpoint was written before."""
        runner = self.runner
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        batches = _EndlessBatches(self.dataloader, self._iter)
        runner.apply_random_state()
        if self._iter:
            validate_if_due(self, self._iter, self._max_iters)
        while self._iter < self._max_iters and not self.stop_training:
            runner.model.train()
            self.run_iter(next(batches))
            validate_if_due(self, self._iter, self._max_iters)
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def run_iter(self, data_batch: Any) -> None:
        """One batch."""
        run_step(self.runner, self._iter, data_batch)
        self._iter += 1
