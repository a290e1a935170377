#!/usr/bin/env python
"""Prune a trained model: whole channels go, the ones that matter least by the data of its training.

The config's ``prune`` says how. OUT then holds pruned.pth (the weights), pruned.py (the config that builds the slimmed
model and loads them; tools/train.py trains it on), pruned.json (what was removed), and, where the pruner teaches the
slimmed model by the one it was made from, retrain.py for tools/train.py.

examples:
  python tools/prune.py configs/compress/stereo_small_prune.py student.pth --ratio 0.6 --out work_dirs/pruned
  python tools/test.py work_dirs/pruned/pruned.py work_dirs/pruned/pruned.pth
  python tools/train.py work_dirs/pruned/retrain.py --work-dir work_dirs/retrained
  python tools/test.py work_dirs/pruned/pruned.py work_dirs/retrained/epoch_2.pth
  python tools/prune.py configs/compress/sim_bev_prune.py data/students/sim.pth --ratio 0.3 --out work_dirs/bev_pruned
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config with a model, the data of its training, and prune=dict(type=...)')
    parser.add_argument('checkpoint', help='weights of the model, or of its distiller')
    parser.add_argument('--out', required=True, type=Path, help='folder for the slimmed model')
    parser.add_argument('--ratio', type=float, help="part of the channels to remove (default: the config's)")
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.compress.prune.job import prune_checkpoint
    from perception_kd.files import naming_full_disk

    with naming_full_disk(args.out):
        record = prune_checkpoint(args.config, args.checkpoint, args.out, ratio=args.ratio, options=args.cfg_options)
    sizes = record['parameters']
    print(f'parameters: {sizes["before"]:,} -> {sizes["after"]:,} ({1 - sizes["after"] / sizes["before"]:.1%} removed)')
    if 'operations' in record:
        before, after = (record['operations'][name] for name in ('before', 'after'))
        print(f'operations of a batch: {before / 1e9:.2f} G -> {after / 1e9:.2f} G ({1 - after / before:.1%} removed)')
    print(f'results: {args.out}')
    return 0


if __name__ == '__main__':
    run_tool(main)
