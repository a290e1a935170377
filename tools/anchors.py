#!/usr/bin/env python
"""Fit the anchors of a drone detector to a data set: k-means on the sizes of the boxes, then evolution.

An anchor fits a box where no side of one is 4 times or more that of the other. Told are the share of boxes that
an anchor fits (best possible recall), before and after, and the new anchors as a piece of a config.

examples:
  python tools/anchors.py data/uav/annotations/train.json --size 640
  python tools/anchors.py data/uav/annotations/train.json --config configs/uav/yolov5n_p2.py --out anchors.py
  python tools/train.py configs/uav/yolov5n_cbi.py --cfg-options 'anchors=[[[4,3],[6,5],[9,7]],[[13,9],...],...]'
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', type=Path, help='COCO file of the training pictures')
    parser.add_argument('--config', help='detector whose anchors, input size and classes are to compare with '
                                         '(default: configs/uav/yolov5n_cbi.py)')
    parser.add_argument('--size', type=int, help="side of the network input, px (default: the config's)")
    parser.add_argument('--classes', nargs='+', help="names of categories (default: the config's)")
    parser.add_argument('--generations', type=int, default=1000, help='of the evolution')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, help='write the piece of config here, too')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args(arguments)
    from perception_kd.engine.build import load_config
    from perception_kd.models.uav.anchor_job import fit_anchors, snippet, write_snippet

    default = Path(__file__).parents[1] / 'configs/uav/yolov5n_cbi.py'
    cfg = load_config(args.config or default, options=args.cfg_options)
    if 'anchors' not in cfg or args.generations < 0 or (args.size is not None and args.size < 32):
        raise ValueError('tools/anchors.py needs a config with anchors, generations of 0 or more, a size of 32 or more')
    size, classes = args.size or cfg.image_size, args.classes or list(cfg.classes)
    anchors, after, before = fit_anchors(
        args.annotations, image_size=size, classes=classes, levels=len(cfg.anchors), per_level=len(cfg.anchors[0]),
        generations=args.generations, seed=args.seed, before=cfg.anchors)
    print(f"the config's: {before}\nnew:          {after}")
    text = snippet(anchors, f'Fitted to {args.annotations.name} at {size} px: {after}.')
    print(text)
    if args.out is not None:
        write_snippet(args.out, text)
        print(f'written: {args.out}')
    return 0


if __name__ == '__main__':
    run_tool(main)
