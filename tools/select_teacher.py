#!/usr/bin/env python
"""Rank teachers for a student without training it (GRACE): checkpoints, sizes or temperatures.

Each teacher's distillation loss gives every training sample, under several augmentations, a gradient of the student's
last stages. A teacher whose gradients are small and agree between samples has a low score, and low is good. GRACE
(ICLR 2026) was shown for language models. FOR PERCEPTION IT IS UNTESTED: read the ranking beside the teachers' own
metrics. The score grows with the square of a factor before the loss; the column "directions" does not. "within noise"
says that other samples could turn two teachers round. Give a trained student where there is one: from initial weights
the worst of five measured teachers came first. Pairs with weights of their own (connectors) are left out unless named
by --pairs, since those weights are random here.

examples:
  python tools/select_teacher.py configs/demo/sim_imkd.py --teacher early=work_dirs/teacher/epoch_2.pth \\
      --teacher late=work_dirs/teacher/epoch_12.pth --metric early=0.11 --metric late=0.32 \\
      --student work_dirs/student/last.pth
  python tools/select_teacher.py CONFIG --teacher t1=T.pth --options t1 model.pairs.response.loss.temperature=1 \\
      --teacher t4=T.pth --options t4 model.pairs.response.loss.temperature=4
  python tools/select_teacher.py CONFIG --teacher small=S.pth@configs/small.py --teacher large=L.pth@configs/large.py
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a distiller: student, pairs and the place of the teacher')
    parser.add_argument('--teacher', required=True, action='append', metavar='NAME=CHECKPOINT[@CONFIG]',
                        help="a teacher; CONFIG describes its model where it is not the config's")
    parser.add_argument('--options', nargs='+', action='append', default=[], metavar=('NAME', 'KEY=VALUE'),
                        help='overrides of the config for one teacher')
    parser.add_argument('--slot', help='the teacher of the config whose place they take (default: its only one)')
    parser.add_argument('--pairs', nargs='+', metavar='PAIR', help='pairs to look at (default: those without weights)')
    parser.add_argument('--student', metavar='CHECKPOINT', help='begin from these weights (default: initial weights)')
    parser.add_argument('--parameters', nargs='+', metavar='PATTERN', default=['trunk.*', 'head.*'],
                        help="the student's parameters whose gradients are compared (default: 'trunk.*' 'head.*')")
    parser.add_argument('--metric', action='append', default=[], metavar='NAME=NUMBER',
                        help="a known metric of a teacher, shown beside its score")
    parser.add_argument('--samples', type=int, default=64, help='training samples (default: 64)')
    parser.add_argument('--views', type=int, default=4, help='augmentations of each (default: 4)')
    parser.add_argument('--dimension', type=int, help='of the random projection (default: number of samples)')
    parser.add_argument('--splits', type=int, default=10, help='parts of which each is held out once (default: 10)')
    parser.add_argument('--seed', type=int, default=0, help='of all draws (default: 0)')
    parser.add_argument('--json', type=Path, help='write the result there')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config for all teachers')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.files import check_file_target, write_json
    from perception_kd.overrides import named_overrides, named_values
    from perception_kd.selection.candidates import Candidate
    from perception_kd.selection.job import SelectionSettings, select_teacher
    from perception_kd.selection.ranking import format_rows

    if args.json:
        check_file_target(args.json)
    options = named_overrides(args.options, '--options')
    teachers = named_values(args.teacher, '--teacher')
    unknown = [name for name in options if name not in teachers]
    if unknown:
        raise ValueError(f"--options for '{unknown[0]}', but the teachers are {', '.join(teachers)}")
    settings = SelectionSettings(samples=args.samples, views=args.views, dimension=args.dimension, splits=args.splits,
                                 seed=args.seed, parameters=tuple(args.parameters))
    result = select_teacher(
        args.config, [Candidate.of(name, word, options.get(name)) for name, word in teachers.items()],
        slot=args.slot, pairs=args.pairs, student=args.student, metrics=named_values(args.metric, '--metric', float),
        options=args.cfg_options, settings=settings)
    print(f'\n{format_rows(result["rows"])}\n\nlow is good; untested for perception')
    if args.json:
        write_json(args.json, result)
    return 0


if __name__ == '__main__':
    run_tool(main)
