"""Whether runs differ in nothing but the distillation, and what makes one run another run."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.files import fingerprint

DECIDING = ('model', 'train_dataloader', 'test_dataloader', 'test_evaluator', 'train_cfg', 'optim_wrapper',
            'param_scheduler', 'randomness', 'max_quarantined', 'load_from', 'sync_bn')
HARMLESS = ('num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory',
            'folder', 'max_bytes',  # where a teacher's cache lies
           'sensor_root', 'backend_args')  # where files are read from
KD_PARTS = 'pairs.'  # parameters of connectors and losses may have a learning rate of their own


def deciding_parts(cfg: Config) -> dict[str, Any]:
    """What decides the result of a run, without what depends on the machine: files are their fingerprints."""
    parts = {name: copy.deepcopy(cfg.get(name)) for name in DECIDING}
    parts['ema'] = (cfg.get('default_hooks') or {}).get('ema')
    return portable(parts)


def portable(settings: Any) -> Any:
    """Settings as plain data without what depends on the machine: files are their fingerprints."""
    return _portable(json.loads(json.dumps(_plain(settings), default=str)), {})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if key not in HARMLESS}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _portable(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _portable(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_portable(item, known) for item in value]
    if isinstance(value, str) and ('/' in value or Path(value).suffix):
        if value not in known:
            path = Path(value)
            known[value] = f'file {fingerprint(path)}' if path.is_file() else 'folder' if path.is_dir() else value
        return known[value]
    return value


def section_hashes(cfg: Config) -> dict[str, str]:
    """A hash of each part of a config that decides a run.

    Together they are what makes a run another run; they are the same on every machine that has the same files.
    """
    return {name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
            for name, part in deciding_parts(cfg).items()}


def student_side(cfg: Config) -> dict[str, Any]:
    """What must be the same in all runs of a comparison: all but teachers, pairs and their learning rates."""
    parts = deciding_parts(cfg)
    if parts['model'].get('type') == 'Distiller':
        parts['model'] = parts['model']['student']
    groups = (parts['optim_wrapper'].get('paramwise_cfg') or {}).get('custom_keys')
    for name in [name for name in groups or () if name.startswith(KD_PARTS)]:
        del groups[name]
    if groups == {}:
        del parts['optim_wrapper']['paramwise_cfg']
    return parts


def differences(reference: Config, other: Config) -> list[str]:
    """Dotted names of the settings in which two runs differ beside their distillation."""
    return sorted(differing(student_side(reference), student_side(other)))


def differing(one: Any, other: Any, path: str = '') -> Iterator[str]:
    """Dotted names of the places in which two settings, plain data, differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {*one, *other}:
            if key not in one or key not in other:
                yield f'{path}{key}'
            else:
                yield from differing(one[key], other[key], f'{path}{key}.')
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (mine, theirs) in enumerate(zip(one, other)):
            yield from differing(mine, theirs, f'{path}{place}.')
    elif one != other:
        yield path.rstrip('.')
