"""The sub-commands of ``tools/evaluate.py``: one file each, with ``add(tasks)``. Large imports wait for a run."""

from __future__ import annotations

import argparse

from perception_kd.cli import parser_of
from perception_kd.evaluation.commands import bias, check, diff, doctor, nuscenes, sgbm, slices, stereo, tracks, uav

COMMANDS = (nuscenes, slices, diff, bias, doctor, check, stereo, sgbm, uav, tracks)


def build_parser(doc: str) -> argparse.ArgumentParser:
    """Args: ``doc``, the tool's description."""
    return parser_of(doc, COMMANDS, 'task')
