#!/usr/bin/env python
"""Merge students that were fine-tuned from one checkpoint into one of the same size, without labels (SAMerging).

The weights become BASE + sum lambda (EXPERT - BASE) with a lambda for each expert and layer. These are learnt by
distillation: on each expert's own unlabelled frames the merged student is to answer as that expert does, under
sharpness-aware minimisation. Statistics of batch norms are then estimated anew. OUT is a checkpoint of the student
alone that tools/test.py reads; OUT's name ending in .json records inputs, coefficients and divergences. With
--steps 0 the coefficients stay as they start: task arithmetic (--init 0.3), or the mean of the experts (--init mean).

examples:
  python tools/merge.py configs/demo/sim_student.py --base student.pth --experts day=day.pth night=night.pth \\
      --data day train_split=sim_day --data night train_split=sim_night --steps 200 --lr 5e-3 --out merged.pth
  python tools/merge.py configs/demo/sim_student.py --base student.pth --experts a.pth b.pth --steps 0 --init mean \\
      --out mean.pth
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the students, or of their distiller')
    parser.add_argument('--base', required=True, help='checkpoint that all experts were fine-tuned from')
    parser.add_argument('--experts', required=True, nargs='+', metavar='[NAME=]CHECKPOINT',
                        help="fine-tuned students; an expert's name is its file's unless given")
    parser.add_argument('--out', required=True, type=Path, help='checkpoint to write')
    parser.add_argument('--data', nargs='+', action='append', default=[], metavar=('NAME', 'KEY=VALUE'),
                        help="overrides of the config that choose an expert's training frames, of which no label is "
                             'read; once for each expert (default: the training split for all)')
    parser.add_argument('--steps', type=int, default=2500, help='updates of lambda (default: 2500, as published)')
    parser.add_argument('--init', default='0.3', metavar='{LAMBDA,mean}',
                        help='first coefficient (default: 0.3); mean: one over the number of experts')
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument('--layer-wise', dest='layer_wise', action='store_true', default=True,
                      help='a coefficient for each expert and layer (default)')
    kind.add_argument('--task-wise', dest='layer_wise', action='store_false', help='one for each expert')
    parser.add_argument('--rho', type=float, default=0.05, help='radius of sharpness-aware minimisation; 0: none '
                                                                '(default: 0.05)')
    parser.add_argument('--lr', type=float, default=1e-3, help="Adam's learning rate (default: 1e-3)")
    parser.add_argument('--temperature', type=float, default=2.0, help='of the heat maps (default: 2)')
    parser.add_argument('--box-weight', type=float, default=0.25,
                        help='of box branches where the expert is sure; 0: heat maps alone (default: 0.25)')
    parser.add_argument('--batch-size', type=int, help="samples of each expert in a step (default: the config's)")
    parser.add_argument('--batch-norm', choices=['all', 'each', 'none'], default='all',
                        help='take statistics from the data of all experts, of each (one file for each: OUT_NAME), or '
                             'combine them like weights (default: all)')
    parser.add_argument('--norm-batches', type=int, default=100, metavar='N',
                        help="most batches of each expert for that (default: 100, or one pass)")
    parser.add_argument('--workers', type=int, default=0, help='processes that read data (default: 0)')
    parser.add_argument('--seed', type=int, default=0, help='of the order of the data (default: 0)')
    parser.add_argument('--save-every', type=int, default=50, metavar='N', help='steps between states (default: 50)')
    parser.add_argument('--resume', action='store_true', help='go on from the state that an interrupted merge left '
                                                              'beside OUT')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config for all')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.merging.job import MergeJob
    from perception_kd.merging.settings import MergeSettings
    from perception_kd.overrides import named_files, named_overrides

    settings = MergeSettings(
        steps=args.steps, start=args.init, layer_wise=args.layer_wise, rho=args.rho, learning_rate=args.lr,
        temperature=args.temperature, box_weight=args.box_weight, batch_size=args.batch_size,
        batch_norm=args.batch_norm, norm_batches=args.norm_batches, workers=args.workers, seed=args.seed,
        save_every=args.save_every)
    job = MergeJob(
        config=args.config, base=args.base, experts=named_files(args.experts, '--experts'), out=args.out,
        data=named_overrides(args.data, '--data'), options=args.cfg_options, settings=settings, resume=args.resume)
    record = job.run()
    losses = record['divergence']
    if losses:
        first, last = (sum(part) / len(part) for part in (losses[:20], losses[-20:]))
        print(f'divergence from the experts: {first:.4f} -> {last:.4f} (means of {len(losses[:20])} steps)')
    print(f'record: {args.out.with_suffix(".json")}')
    return 0


if __name__ == '__main__':
    run_tool(main)
