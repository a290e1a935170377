"""``tools/visualize.py stereo``: disparity of several models beside the truth, and where each is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.evaluation.commands.stereo_pairs import add_pairs, chosen_pairs
from perception_kd.visualization.commands.choices import add_picture, save_picture

if TYPE_CHECKING:
    from perception_kd.visualization.sheet import Sheet
    from perception_kd.visualization.stereo.sheet import StereoView


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('stereo', help='disparity of models beside the truth, with their errors')
    add_pairs(parser)
    parser.add_argument('--predictions', nargs='+', default=[], metavar='TITLE=DIR',
                        help='folders of maps, as tools/test.py, tools/infer.py and tools/evaluate.py sgbm leave them')
    parser.add_argument('--sample', nargs='+', default=['0'], metavar='SCENE|INDEX', help='which pairs (default: 0)')
    parser.add_argument('--limits', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='disparities of the first and last colour, px (default: by the truth of each pair)')
    parser.add_argument('--bad', type=float, default=2.0, metavar='PX', help='errors above are red (default: 2)')
    add_picture(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    return save_picture(args, lambda: _draw(args))


def _draw(args: argparse.Namespace) -> Sheet:
    from perception_kd.visualization.stereo.sheet import draw_stereo

    views = _views(args, _folders(args.predictions))
    return draw_stereo(views, limits=tuple(args.limits) if args.limits else None, bad=args.bad)


def _folders(texts: list[str]) -> dict[str, Path]:
    """Title -> folder; a folder alone is its own title.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder.
        ValueError: two have one title.
    """
    from perception_kd.files import require_folder

    pairs = [text.partition('=') for text in texts]
    named = [(title if found else Path(title).name, Path(folder if found else title)) for title, found, folder in pairs]
    titles = [title for title, _ in named]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise ValueError(f'--predictions: several folders are called {twice!r}; give each its own title, TITLE=DIR')
    return {title: require_folder(folder, 'folder of predictions') for title, folder in named}


def _views(args: argparse.Namespace, folders: dict[str, Path]) -> list[StereoView]:
    from perception_kd.evaluation.stereo.predictions import find_prediction, read_prediction
    from perception_kd.visualization.stereo.sheet import StereoView

    dataset = chosen_pairs(args).open(truth=False)
    scenes = [dataset.get_data_info(index)['scene'] for index in range(len(dataset))]
    views = []
    for wanted in args.sample:
        sample = dataset[_index(wanted, scenes)]
        models = {title: read_prediction(find_prediction(folder, sample['left_path'], sample['scene']))
                  for title, folder in folders.items()}
        truth = {key: sample[key] for key in ('disp', 'valid', 'noc') if key in sample}
        views.append(StereoView(title=sample['scene'], left=sample['left'], models=models, **truth))
    return views


def _index(wanted: str, scenes: list[str]) -> int:
    if wanted in scenes:
        return scenes.index(wanted)
    if not wanted.isdecimal() or int(wanted) >= len(scenes):
        raise ValueError(f'--sample {wanted}: there are {len(scenes)} pairs: give 0 to {len(scenes) - 1}, or a scene '
                         f'such as {scenes[0]}')
    return int(wanted)
