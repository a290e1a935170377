"""Hooks that the safe Runner brings: checkpoints that survive a kill, validation that leaves no trace."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapper

from perception_kd.engine.random_state import capture_random_state, restore_random_state
from perception_kd.engine.safe_checkpoint import POINTER, remove_partials, write_pointer
from perception_kd.registry import HOOKS


class _RemovesLater:
    """A file backend that notes what is to be removed: the old best goes when the new one is written."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.paths: list[str] = []

    def remove(self, path: str) -> None:
        self.paths.append(path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, in an order that always leaves a checkpoint to resume from.

    First the new file is written, then ``last_checkpoint`` names it, then files beyond ``max_keep_ckpts`` go.
    (The parent deletes first.) A checkpoint also knows the files that are to go once it is written, and
    ``before_train`` removes what a killed run could not: those, and half-written temporary files. Only the
    first process of a job writes and removes.

    Of a group of steps whose gradients accumulate, a checkpoint would hold the weights but not the gradients: one
    that is due inside a group is written at its end.
    """

    _due = False

    def before_train(self, runner: Any) -> None:
        """Set up, and tidy up after a killed run."""
        super().before_train(runner)
        if is_main_process():
            for folder in {str(self.out_dir), str(runner.work_dir)}:
                remove_partials(folder)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write what is due now, or was since the last update of the optimiser."""
        if self.by_epoch:
            return
        self._due |= self.every_n_train_iters(runner, self.interval, self.save_begin)
        self._due |= self.save_last and self.is_last_train_iter(runner)
        if self._due and between_groups(runner.optim_wrapper):
            runner.logger.info(f'Saving checkpoint at {runner.iter + 1} iterations')
            self._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict[str, Any]) -> None:
        self._due = not between_groups(runner.optim_wrapper)  # asked for by a validation, too
        if self._due:
            return
        kept = [*(one for one in getattr(self, 'keep_ckpt_ids', ()) if one != step), step]
        self._remember(runner, kept)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            **self.args,
        )
        expired = kept[: -self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []
        if is_main_process():
            write_pointer(Path(runner.work_dir) / POINTER, self.last_ckpt)
            for old in expired:
                Path(self.out_dir, self.filename_tmpl.format(old)).unlink(missing_ok=True)
        self._remember(runner, kept[len(expired) :])

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, Any]) -> None:
        backend = self.file_backend
        self.file_backend = later = _RemovesLater(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        best = {getattr(self, 'best_ckpt_path', None), *getattr(self, 'best_ckpt_path_dict', {}).values()}
        for path in set(later.paths) - best:
            backend.remove(path)

    def _remember(self, runner: Any, kept: list[int]) -> None:
        """Note the steps whose files are there; on resume, the parent removes those beyond ``max_keep_ckpts``."""
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(kept)
            runner.message_hub.update_info('keep_ckpt_ids', kept)


def between_groups(wrapper: Any) -> bool:
    """Whether an optimiser wrapper holds no gradients that wait for an update."""
    return not isinstance(wrapper, OptimWrapper) or wrapper.inner_count == 0 or wrapper.should_update()


@HOOKS.register_module()
class ValidationRandomStateHook(Hook):
    """Gives training its random state back after validation.

    So the validation interval does not change what is trained, and a run resumed from a checkpoint that was
    written before a validation continues as the first run did.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self.training_state: dict[str, Any] | None = None

    def before_val(self, runner: Any) -> None:
        """Keep the state."""
        self.training_state = capture_random_state()

    def after_val(self, runner: Any) -> None:
        """Restore it."""
        if self.training_state is not None:
            restore_random_state(self.training_state)
            self.training_state = None


def training_random_state(hooks: Sequence[Hook]) -> dict[str, Any]:
    """The state that training will go on with, also when asked during validation (best checkpoints)."""
    for hook in hooks:
        if isinstance(hook, ValidationRandomStateHook) and hook.training_state is not None:
            return hook.training_state
    return capture_random_state()
