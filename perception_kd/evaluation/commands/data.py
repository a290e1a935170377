"""Options that every sub-command about nuScenes has."""

import argparse
from pathlib import Path


def add_data(parser: argparse.ArgumentParser) -> None:
    """Root, version and split."""
    parser.add_argument('--root', type=Path, required=True, help='nuScenes-format data root')
    parser.add_argument('--version', required=True, help='for example v1.0-mini')
    parser.add_argument('--split', required=True, help="one of splits.json, else an official one, else 'all'")
