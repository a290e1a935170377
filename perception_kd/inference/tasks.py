"""Which task a config is of, and that a command line asks for nothing of another one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from perception_kd.inference import command as detection
from perception_kd.inference.stereo import command as stereo

if TYPE_CHECKING:
    from mmengine.config import Config

TASKS: dict[str, ModuleType] = {'3D detection': detection, 'stereo': stereo}
"""Name -> module with ``add_options`` and ``run``."""
PARTS = ('MonoEstimator',)
"""Models that are trained to be part of others."""


def parent_parsers() -> list[argparse.ArgumentParser]:
    """The options of each task, for ``ArgumentParser(parents=...)``."""
    return list(_parsers().values())


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, and in ``given`` the names of all options that stand on it, whatever their values."""
    names = [name for one in _parsers().values() for name in vars(one.parse_args([]))]
    found = parser.parse_args(namespace=argparse.Namespace(**dict.fromkeys(names)))  # these hide the defaults
    given = {name for name, value in vars(found).items() if value is not None}
    return argparse.Namespace(**vars(parser.parse_args()), given=given)


def runner_of(cfg: Config, args: argparse.Namespace) -> Callable[[argparse.Namespace, Config], int]:
    """What runs the config's task.

    Args:
        cfg: Config.
        args: As :func:`parse` gives them.

    Raises:
        ValueError: the config has no model or one that is not used alone, or options of another task are given.
    """
    from perception_kd.export.student import is_stereo, model_type

    kind = model_type(cfg)
    if kind in PARTS:
        raise ValueError(f'{cfg.filename}: {kind} is a part of other models; give the config of one of these')
    task = 'stereo' if is_stereo(cfg) else '3D detection'
    for other, parser in _parsers().items():
        for name in vars(parser.parse_args([])):
            if other != task and name in args.given:
                raise ValueError(f'--{name.replace("_", "-")} is for {other}; {cfg.filename} is of {task}')
    return TASKS[task].run


def _parsers() -> dict[str, argparse.ArgumentParser]:
    parsers = {}
    for task, module in TASKS.items():
        parsers[task] = argparse.ArgumentParser(add_help=False)
        module.add_options(parsers[task])
    return parsers
