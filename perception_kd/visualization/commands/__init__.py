"""The sub-commands of ``tools/visualize.py``: one file each, with ``add(commands)``. Large imports wait for a run."""

from __future__ import annotations

import argparse

from perception_kd.cli import parser_of
from perception_kd.visualization.commands import (
    compare,
    differences,
    maps,
    record,
    report,
    scene,
    speed,
    stereo,
    uav,
    video,
    view3d,
)

COMMANDS = (scene, compare, video, maps, view3d, record, report, stereo, uav, differences, speed)


def build_parser(doc: str) -> argparse.ArgumentParser:
    """Args: ``doc``, the tool's description."""
    return parser_of(doc, COMMANDS, 'command')
