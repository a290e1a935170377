"""From a config file and command-line switches to a Runner. Training and testing both come through here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.engine.config_text import install as install_config_text
from perception_kd.engine.hooks.weight_check import WeightCheckHook
from perception_kd.engine.references import refuse_unread, resolve_references
from perception_kd.engine.runner import BriefRunner, DistillRunner
from perception_kd.engine.safe_yaml import install as install_safe_yaml
from perception_kd.engine.schedulers import check_spans
from perception_kd.engine.switches import apply_amp, apply_auto_scale_lr, apply_resume, apply_sync_bn
from perception_kd.files import DiskFullError, naming_full_disk, require_file

install_config_text()
install_safe_yaml()


def load_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Read a config and merge ``--cfg-options`` into it.

    References (``'${name}'``, see :mod:`perception_kd.engine.references`) are replaced after that, so that
    ``data_root=DIR`` reaches every loader and metric; an override of something inside of a reference
    (``model.pairs.x.weight=0`` where ``pairs`` is ``'${imkd_pairs}'``) is merged into what replaced it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is not a valid config, or an override changes nothing that is read.
    """
    cfg, late = _read(path, options or {})
    cfg = resolve_references(cfg)
    _merge(cfg, late)
    return cfg


def load_open_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """As :func:`load_config`, with references left in: what is written from it can still be moved by one line.

    A top-level entry of which an override replaces something behind a reference is without references.
    """
    cfg, late = _read(path, options or {})
    whole = load_config(path, options) if late else {}
    for name in {key.split('.')[0] for key in late}:
        cfg[name] = whole[name]
    return cfg


def _read(path: str | Path, options: dict[str, Any]) -> tuple[Config, dict[str, Any]]:
    """The config with its references, and the overrides that can be merged only behind one."""
    path = require_file(path, 'config')
    try:
        with naming_full_disk(f'a temporary copy of {path}'):
            cfg = Config.fromfile(str(path))
    except DiskFullError:
        raise
    except Exception as error:  # a config is a program: any error can come out of it
        raise ValueError(f'config {path} cannot be read: {type(error).__name__}: {str(error)[:300]}') from error
    early = {key: value for key, value in options.items() if not _behind_reference(cfg, key)}
    given = cfg.to_dict()
    _merge(cfg, early)
    refuse_unread(cfg, given, options)
    return cfg, {key: value for key, value in options.items() if key not in early}


def require(cfg: Config, *keys: str) -> None:
    """See that a config has what a tool works on, dictionaries all.

    Raises:
        ValueError: names what is missing, or is something else.
    """
    missing = [key for key in keys if cfg.get(key) is None]
    if missing:
        raise ValueError(f'config {cfg.filename} has no {", ".join(missing)}')
    for key in keys:
        if not isinstance(cfg[key], dict):
            raise ValueError(f'config {cfg.filename}: {key} is a dictionary of settings; got {cfg[key]!r}')


def _behind_reference(cfg: Config, key: str) -> bool:
    """Whether the path leads through a reference, as ``model.pairs.x.weight`` does where pairs is ``${...}``."""
    node: Any = cfg
    for part in key.split('.')[:-1]:
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) or node is cfg:
            node = node.get(part)
        if isinstance(node, str):
            return True
    return False


def _merge(cfg: Config, options: dict[str, Any]) -> None:
    try:
        cfg.merge_from_dict(options)
    except (TypeError, KeyError, AssertionError, AttributeError) as error:
        raise ValueError(f'{cfg.filename}: an override does not fit: {error}') from error


RESULT_FOLDERS = {'NuScenesDetMetric': 'jsonfile_prefix', 'StereoMetric': 'save_dir', 'UAVMetric': 'save_dir'}
"""Metric -> its argument for the folder of results."""


def keep_results(cfg: Config, folder: str | Path) -> None:
    """Let the test metric of a config write what was predicted into ``folder``, if it is one that can."""
    argument = RESULT_FOLDERS.get(cfg.test_evaluator.get('type'))
    if argument:
        cfg.test_evaluator[argument] = str(folder)


@contextmanager
def naming_config(cfg: Config) -> Iterator[None]:
    """Turn what a constructor makes of a setting of the wrong kind into a line that names the config.

    Raises:
        ValueError: instead of the error, which stays its cause.
    """
    try:
        yield
    except (TypeError, AttributeError, AssertionError, IndexError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f'config {cfg.filename}: cannot be built: {type(error).__name__}: {error}') from error


def build_runner(
    cfg: Config,
    *,
    work_dir: str | Path | None = None,
    launcher: str = 'none',
    amp: str | None = None,
    resume: str | None = None,
    sync_bn: str | None = None,
    auto_scale_lr: bool = False,
    brief: bool = False,
    strict: bool = False,
) -> DistillRunner:
    """Build the Runner of a config.

    Args:
        cfg: As from :func:`load_config`; changed in place.
        work_dir: Where checkpoints and logs go; default ``work_dirs/<config name>``.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
        amp: Mixed precision: ``auto``, ``bf16``, ``fp16`` or None.
        resume: ``'auto'``, a checkpoint path, or None.
        sync_bn: ``torch`` or ``mmcv``: share statistics of batch norms between processes; None: as the config says.
        auto_scale_lr: Scale the learning rate with the batch over all processes.
        brief: Leave the pages on environment, config and hooks out of the log.
        strict: Refuse ``load_from`` where it lacks a weight of the model, as testing should.

    Raises:
        ValueError, KeyError: a setting that nothing can be built from.
    """
    cfg.launcher = launcher
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(cfg.filename).stem)
    if amp is not None:
        apply_amp(cfg, amp)
    apply_resume(cfg, resume)
    apply_sync_bn(cfg, sync_bn)
    if auto_scale_lr:
        apply_auto_scale_lr(cfg)
    epochs = (cfg.get('train_cfg') or {}).get('max_epochs', 1)
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f'config {cfg.filename}: max_epochs must be a whole number, 1 or more, got {epochs!r}')
    if not strict:
        check_spans(cfg.get('param_scheduler'))
    with naming_config(cfg):
        runner = (BriefRunner if brief else DistillRunner).from_cfg(cfg)
    runner.register_hook(WeightCheckHook(strict=strict))
    return runner
