"""Write a simulated data set in a public format."""

import argparse
import sys

_EXAMPLES = """examples:
  python tools/simulate.py nuscenes --out data/sim                         12 short scenes, about a minute
  python tools/simulate.py nuscenes --out data/sim --scenes 30 --seed 7 --force
"""


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; only ``nuscenes`` so far."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='format', required=True)
    nuscenes = commands.add_parser(
        'nuscenes',
        help='cameras, LiDAR and radars on streets, nuScenes format',
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    nuscenes.add_argument('--out', required=True, metavar='DIR', help='data root to write')
    nuscenes.add_argument('--scenes', type=int, default=12, help='number of scenes (default: %(default)s)')
    nuscenes.add_argument(
        '--seed', type=int, default=0, help='equal seeds give equal files (default: %(default)s)'
    )
    nuscenes.add_argument('--preset', default='tiny', help='size of the world (default: %(default)s)')
    nuscenes.add_argument(
        '--workers', type=int, metavar='N', help='processes (default: one for each processor)'
    )
    nuscenes.add_argument('--force', action='store_true', help='replace a simulated data set that is there')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, else one line on stderr."""
    args = parse_args(arguments)
    try:
        from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes

        root = simulate_nuscenes(
            args.out,
            scenes=args.scenes,
            seed=args.seed,
            preset=args.preset,
            workers=args.workers,
            force=args.force,
        )
    except KeyboardInterrupt:
        print('simulate: interrupted; nothing was written', file=sys.stderr)
        return 130
    except ImportError as error:
        print(f'simulate: {error}; install the extra "sim", and see tools/doctor.py', file=sys.stderr)
        return 1
    except (ValueError, OSError, RuntimeError) as error:
        print(f'simulate: {error}', file=sys.stderr)
        return 1
    print(f'{root}: {args.scenes} scenes, version {VERSION}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
