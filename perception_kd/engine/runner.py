"""The Runner of all our trainings: mmengine's, with checkpoints that are plain data and resume exactly."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint, _load_checkpoint_to_model
from torch import nn
from torch.utils.data import DataLoader

from perception_kd.engine.checkpoint_hook import (
    SafeCheckpointHook,
    ValidationRandomStateHook,
    training_random_state,
)
from perception_kd.engine.compiled import compile_modules
from perception_kd.engine.foreign_checkpoint import Inert
from perception_kd.engine.hooks.annotation_log import AnnotationLogHook
from perception_kd.engine.hooks.environment import EnvironmentHook
from perception_kd.engine.hooks.nan_guard import NaNGuardHook
from perception_kd.engine.hooks.progress import DistillProgressHook, unwrapped
from perception_kd.engine.hooks.stop_signal import StopSignalHook, stop_signals
from perception_kd.engine.hooks.teacher_cache import TeacherCacheHook
from perception_kd.engine.launch import parallel_settings, start_processes
from perception_kd.engine.loops import ResumableEpochLoop, ResumableIterLoop
from perception_kd.engine.quarantine import QuarantineHook
from perception_kd.engine.random_state import restore_random_state, seed_worker
from perception_kd.engine.resumable import ResumableSampler
from perception_kd.engine.safe_checkpoint import (
    find_newest_checkpoint,
    from_plain,
    read_checkpoint,
    to_plain,
    write_checkpoint,
)
from perception_kd.engine.schedulers import flat, release_ends, scheduler_state, take_missed_step
from perception_kd.engine.seeded import SeededDataset
from perception_kd.registry import MODELS, RUNNERS

_USED: dict[str, int] = {}
_OF_WORKERS = ('persistent_workers', 'prefetch_factor')  # PyTorch refuses them where there are none


def unused(timestamp: str) -> str:
    """``timestamp``, with a number behind it where an earlier runner of this process has it.

    mmengine names logger and history by the second in which a runner starts, and hands those of an earlier runner
    to a later one of the same name: its lines would go into the other's file. All processes of a job count alike.
    """
    _USED[timestamp] = count = _USED.get(timestamp, 0) + 1
    return timestamp if count == 1 else f'{timestamp}_{count}'


@RUNNERS.register_module()
class DistillRunner(Runner):
    """A drop-in for ``mmengine.runner.Runner``; a config needs no change.

    - Checkpoints are plain data (:mod:`perception_kd.engine.safe_checkpoint`), written atomically, and read
      without running code from the file; mmengine's own checkpoints are read too.
    - A resumed run continues bit for bit on the CPU, from any iteration and with any number of loader workers:
      random states of every process, order and augmentation of the data, optimiser, schedulers, EMA, logged
      history.
    - Validation does not change the random state of training.
    """

    _resuming = False
    _random_state: dict[str, Any] | None = None  # of this process, from a checkpoint, until a loop takes it

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """As in mmengine, also without a GPU (:mod:`perception_kd.engine.launch`)."""
        start_processes(self._launcher, env_cfg.get('dist_cfg'))
        super().setup_env(env_cfg)
        self._timestamp = unused(self._timestamp)

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """As in mmengine, by the registry that knows slimmed models."""
        return MODELS.build(model) if isinstance(model, dict) else super().build_model(model)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As in mmengine; without a GPU the parallel wrapper is not told a device number."""
        if self.distributed and not torch.cuda.is_available() and not is_model_wrapper(model):
            model_wrapper_cfg = parallel_settings(self.cfg, model_wrapper_cfg)
        return super().wrap_model(model_wrapper_cfg, model)

    def _maybe_compile(self, target: str) -> None:
        """Not the whole step, which records taps, but modules in it (:mod:`perception_kd.engine.compiled`)."""
        compile_modules(unwrapped(self), self.cfg.get('compile'))

    # Data ---------------------------------------------------------------------------------------------------

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """As in mmengine, with a sampler that can skip and samples that draw from seeds of their own.

        ``num_workers=0`` alone is enough to load without workers: settings of workers are left out then.
        """
        if isinstance(dataloader, dict):
            dataloader = dict(dataloader)
            if not dataloader.get('num_workers'):
                dataloader = {key: value for key, value in dataloader.items() if key not in _OF_WORKERS}
            dataloader['dataset'] = dict(type=SeededDataset, dataset=dataloader['dataset'])
            if isinstance(dataloader.get('sampler'), dict):
                dataloader['sampler'] = dict(type=ResumableSampler, inner=dataloader['sampler'])
            if 'worker_init_fn' not in dataloader:
                dataloader.pop('disable_subprocess_warning', None)
                dataloader['worker_init_fn'] = dict(type=seed_worker, rank=get_rank())
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
        if isinstance(sampler, ResumableSampler) and sampler.seed is not None:
            loader.generator = torch.Generator()  # else starting workers would draw from training's generator
        return loader

    def build_train_loop(self, loop: Any) -> Any:
        """As in mmengine, with loops that begin where the checkpoint was written."""
        if not isinstance(loop, dict) or 'type' in loop or 'by_epoch' not in loop:
            return super().build_train_loop(loop)
        settings = dict(loop)
        kind = ResumableEpochLoop if settings.pop('by_epoch') else ResumableIterLoop
        return kind(runner=self, dataloader=self._train_dataloader, **settings)

    # Hooks --------------------------------------------------------------------------------------------------

    def register_default_hooks(self, hooks: dict[str, Hook | dict] | None = None) -> None:
        """As in mmengine; the checkpoint hook is the safe one, and validation leaves no trace."""
        hooks = dict(hooks or {})
        checkpoint = hooks.get('checkpoint', dict(type='CheckpointHook', interval=1))
        if isinstance(checkpoint, dict) and checkpoint.get('type') in ('CheckpointHook', CheckpointHook):
            hooks['checkpoint'] = dict(checkpoint, type=SafeCheckpointHook)
        super().register_default_hooks(hooks)
        quarantine = QuarantineHook(most=self.cfg.get('max_quarantined', 0))
        for hook in (ValidationRandomStateHook(), DistillProgressHook(), NaNGuardHook(), AnnotationLogHook(),
                     TeacherCacheHook(), EnvironmentHook(), quarantine):
            self.register_hook(hook)
        if signals := stop_signals():
            self.register_hook(StopSignalHook(signals=signals))

    # Saving -------------------------------------------------------------------------------------------------

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Write a checkpoint to a local path; every process of a job must call it.

        Raises:
            ValueError: ``out_dir`` is no local path.
            TypeError: a state holds an object that is not plain data.
        """
        if '://' in str(out_dir):
            raise ValueError(f'checkpoints are written to local folders only, not to {out_dir}')
        random_states = all_gather_object(training_random_state(self._hooks))
        if not is_main_process():
            return
        model = self.model.module if is_model_wrapper(self.model) else self.model
        checkpoint: dict[str, Any] = {
            'meta': self._meta(dict(meta or {}), by_epoch),
            'state_dict': model.state_dict(),
            'message_hub': self._message_hub_state(),
            'random_states': random_states,
            'sampler': {'seed': getattr(self.train_dataloader.sampler, 'seed', None)},
        }
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = self._scheduler_states()
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        write_checkpoint(Path(out_dir) / filename, checkpoint)

    def _meta(self, meta: dict[str, Any], by_epoch: bool) -> dict[str, Any]:
        # The counters grow after the hooks that save: the value to resume from is one ahead.
        meta.setdefault('epoch', self.epoch + int(by_epoch))
        meta.setdefault('iter', self.iter + int(not by_epoch))
        meta.update(
            cfg=self.cfg.pretty_text,
            seed=self.seed,
            experiment_name=self.experiment_name,
            time=time.strftime('%Y%m%d_%H%M%S'),
            mmengine_version=mmengine.__version__,
            torch_version=str(torch.__version__),
        )
        metainfo = getattr(self.train_dataloader.dataset, 'metainfo', None)
        if metainfo is not None:
            meta['dataset_meta'] = self._plain_entries(metainfo, 'dataset meta')
        return meta

    def _message_hub_state(self) -> dict[str, Any]:
        state = self.message_hub.state_dict()
        info = self._plain_entries(state['runtime_info'], 'message hub')
        return {**state, 'runtime_info': info}

    def _plain_entries(self, entries: dict[str, Any], what: str) -> dict[str, Any]:
        """The entries that are plain data; others are left out with a warning: no run needs them."""
        kept = {}
        for key, value in entries.items():
            try:
                kept[key] = to_plain(value, key)
            except TypeError as error:
                self.logger.warning(f'{what}: left out of the checkpoint: {error}')
        return kept

    def _scheduler_states(self) -> Any:
        schedulers = self.param_schedulers
        if isinstance(schedulers, dict):
            return {name: [scheduler_state(one) for one in many] for name, many in schedulers.items()}
        return [scheduler_state(one) for one in schedulers]

    # Loading ------------------------------------------------------------------------------------------------

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = False,
        revise_keys: list = [(r'^module.', '')],  # noqa: B006 (mmengine's signature)
    ) -> dict[str, Any]:
        """Load weights from a file, or from an address that mmengine knows (``https://``, ``open-mmlab://``)."""
        if '://' in str(filename):
            checkpoint = _load_checkpoint(filename, map_location=map_location)
        else:
            checkpoint = read_checkpoint(filename, map_location)
        if self._resuming:
            self._take_state(checkpoint, str(filename))
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        checkpoint = _load_checkpoint_to_model(model, checkpoint, strict, revise_keys=revise_keys)
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    def load_or_resume(self) -> None:
        """As in mmengine; with ``resume`` and no path, a work directory that was moved is understood."""
        if not self._has_loaded and self._resume and self._load_from is None:
            newest = find_newest_checkpoint(self.work_dir)
            if newest is None:
                self.logger.info(f'no checkpoint in {self.work_dir} yet: training starts at the beginning')
            else:
                self.resume(str(newest))
            self._has_loaded = newest is not None
            return
        super().load_or_resume()

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'default',
    ) -> None:
        """Resume everything that a checkpoint holds."""
        self._resuming = True
        try:
            super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)
        finally:
            self._resuming = False
        for scheduler in flat(self.param_schedulers):
            take_missed_step(scheduler)

    def _take_state(self, checkpoint: dict[str, Any], filename: str) -> None:
        """Keep what mmengine's ``resume`` does not know, and give it the rest in its own terms."""
        if 'message_hub' not in checkpoint or 'epoch' not in checkpoint.get('meta', {}):
            raise ValueError(f'{filename} holds weights only and cannot be resumed; use it as load_from')
        hub = checkpoint['message_hub']
        for part in ('log_scalars', 'runtime_info'):  # of mmengine's own files
            hub[part] = {key: value for key, value in hub[part].items() if not isinstance(value, Inert)}
        known = {*hub['log_scalars'], *hub['runtime_info']}
        hub['resumed_keys'] = {key: value for key, value in hub['resumed_keys'].items() if key in known}
        release_ends(checkpoint, hub['runtime_info'])
        states = checkpoint.get('random_states') or []
        if len(states) == get_world_size():
            self._random_state = states[get_rank()]
        elif states:
            self.logger.warning(
                f'the random states of {len(states)} processes are not used: {get_world_size()} run now'
            )
        seed = checkpoint.get('sampler', {}).get('seed')
        if seed is not None and isinstance(self.train_dataloader.sampler, ResumableSampler):
            self.train_dataloader.sampler.seed = seed
        metainfo = getattr(self.train_dataloader.dataset, 'metainfo', None)
        if repr(from_plain(self._plain_entries(metainfo or {}, 'dataset meta'))) == repr(
            checkpoint['meta'].get('dataset_meta', {})
        ):
            checkpoint['meta']['dataset_meta'] = metainfo  # mmengine compares pickles; equal data can differ

    def apply_random_state(self) -> None:
        """Put the resumed random state in place, once; the loops call it before they draw data."""
        state, self._random_state = self._random_state, None
        if state is not None:
            restore_random_state(state)


class BriefRunner(DistillRunner):
    """A DistillRunner that begins without pages on environment, config and hooks."""

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        pass

    def get_hooks_info(self) -> str:
        """Nothing."""
        return '(as in every run of this project)'
