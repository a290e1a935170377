#!/usr/bin/env python
"""Look at this machine and, if asked, at a data set: what is fine, what is not, what to do.

One line a finding: fine; note (works less well, or a part that not everyone needs); BROKEN (status 1).

examples:
  python tools/doctor.py
  python tools/doctor.py --data-root data/nuscenes --version v1.0-mini
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data-root', type=Path, metavar='DIR', help='a root in the nuScenes format')
    parser.add_argument('--version', help='its version (default: the only one there)')
    parser.add_argument('--short', action='store_true', help='without the checks that take seconds')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.doctor import (
        check_data,
        check_environment,
        check_kernels,
        check_machine,
        check_sparse_convolution,
        format_checks,
        is_healthy,
    )

    if args.version and not args.data_root:
        raise ValueError('--version needs --data-root')
    checks = [*check_environment(short=args.short), check_sparse_convolution(), check_kernels(),
              *check_machine()]
    if args.data_root:
        checks += check_data(args.data_root, args.version)
    print(format_checks(checks))
    healthy = is_healthy(checks)
    print('\nAll that is required works.' if healthy else '\nSomething that is required is BROKEN.')
    return 0 if healthy else 1


if __name__ == '__main__':
    run_tool(main)
