"""The sub-commands of ``tools/pseudo_label.py``: one file each, with ``add(kinds)``. Large imports wait for a run."""

from __future__ import annotations

import argparse

from perception_kd.cli import parser_of
from perception_kd.pseudo_labels.commands import boxes, stereo

COMMANDS = (stereo, boxes)


def build_parser(doc: str) -> argparse.ArgumentParser:
    """Args: ``doc``, the tool's description."""
    return parser_of(doc, COMMANDS, 'kind')
