"""Which task a config is of, and that a command line asks for nothing of another one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from perception_kd.inference import command as detection
from perception_kd.inference.stereo import command as stereo
from perception_kd.inference.uav import command as uav

if TYPE_CHECKING:
    from mmengine.config import Config

TASKS: dict[str, ModuleType] = {'3D detection': detection, 'stereo': stereo, 'drone detection': uav}
"""Name -> module with ``add_options`` and ``run``."""
PARTS = ('MonoEstimator',)
"""Models that are trained to be part of others."""


def parent_parsers() -> list[argparse.ArgumentParser]:
    """The options of each task, for ``ArgumentParser(parents=...)``; one that several have is told of once."""
    return list(_parsers().values())


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, and in ``given`` the names of all options that stand on it, whatever their values."""
    names = [name for one in _parsers().values() for name in vars(one.parse_args([]))]
    found = parser.parse_args(namespace=argparse.Namespace(**dict.fromkeys(names)))  # these hide the defaults
    given = {name for name, value in vars(found).items() if value is not None}
    return argparse.Namespace(**vars(parser.parse_args()), given=given)


def place_of(word: str) -> str | Path:
    """An input: a path, or an address such as ``rtsp://...`` as it is."""
    return word if '://' in word else Path(word)


def runner_of(cfg: Config, args: argparse.Namespace) -> Callable[[argparse.Namespace, Config], int]:
    """What runs the config's task; options that are not given get the task's own defaults.

    Args:
        cfg: Config.
        args: As :func:`parse` gives them.

    Raises:
        ValueError: the config has no model or one that is not used alone, or options of another task are given.
    """
    from perception_kd.export.student import is_stereo, is_uav, model_type

    kind = model_type(cfg)
    if kind in PARTS:
        raise ValueError(f'{cfg.filename}: {kind} is a part of other models; give the config of one of these')
    task = 'stereo' if is_stereo(cfg) else 'drone detection' if is_uav(cfg) else '3D detection'
    defaults = {name: vars(parser.parse_args([])) for name, parser in _parsers().items()}
    for other, names in defaults.items():
        for name in names:
            if name not in defaults[task] and name in args.given:
                raise ValueError(f'--{name.replace("_", "-")} is for {other}; {cfg.filename} is of {task}')
    for name, value in defaults[task].items():
        if name not in args.given:
            setattr(args, name, value)
    return TASKS[task].run


def _parsers() -> dict[str, argparse.ArgumentParser]:
    parsers = {}
    for task, module in TASKS.items():
        parsers[task] = argparse.ArgumentParser(add_help=False, conflict_handler='resolve')
        module.add_options(parsers[task])
    return parsers
