"""The sub-commands of ``tools/evaluate.py``: one file each, with ``add(tasks)``. Large imports wait for a run."""

from __future__ import annotations

import argparse
from typing import Any

from perception_kd.evaluation.commands import bias, check, diff, doctor, nuscenes, slices

COMMANDS = (nuscenes, slices, diff, bias, doctor, check)


def build_parser(doc: str) -> argparse.ArgumentParser:
    """Args: ``doc``, the tool's description. Every task's namespace has ``run``, which gives the exit status."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks: Any = parser.add_subparsers(dest='task', required=True, metavar='TASK')
    for command in COMMANDS:
        command.add(tasks)
    return parser
