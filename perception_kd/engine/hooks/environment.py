"""Keeps beside a training what it was made with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.benchmark.timing import machine, versions
from perception_kd.files import write_json
from perception_kd.provenance import commit
from perception_kd.registry import HOOKS

ENVIRONMENT = 'environment.json'


@HOOKS.register_module()
class EnvironmentHook(Hook):
    """Writes ``environment.json`` into the work directory: commit, versions, machine, number of processes.

    A training that goes on elsewhere writes it anew: the checkpoint that is kept comes from there.
    """

    priority = 'VERY_LOW'

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Write the file."""
        write_json(Path(runner.work_dir) / ENVIRONMENT, dict(_project(), processes=get_world_size()))


@cache
def _project() -> dict[str, Any]:
    """The same for all trainings of a process."""
    return dict(commit=commit(), versions=versions(), machine=machine())
