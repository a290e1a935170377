"""The command lines: what has no effect in a command is not offered there."""

import pytest

from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.commands.choices import chosen_options

DATA = ['--infos', 'a.pkl', '--root', 'd']
OUT = {'scene': 'a.png', 'compare': 'a.png', 'video': 'a.gif', 'view3d': 'a.png', 'record': 'a.rrd'}
LOOK = {'--range': ['30', '5', '20'], '--camera-lidar': ['depth']}


@pytest.mark.parametrize(('command', 'missing'), [
    ('scene', ()), ('compare', ()), ('video', ()), ('view3d', ('--camera-lidar',)),
    ('record', ('--camera-lidar', '--range'))])
def test_switches_are_offered_where_they_do_something(command, missing, capsys):
    parser = build_parser('')
    plain = [command, *DATA, '--out', OUT[command], '--no-velocity', '--palette', 'safe', '--score', '0.5', 'car=0.2']
    options = chosen_options(parser.parse_args(plain))
    assert (options.velocities, options.palette, options.score, options.class_scores) == (
        False, 'safe', 0.5, {'car': 0.2})
    for switch, values in LOOK.items():
        if switch not in missing:
            assert chosen_options(parser.parse_args([*plain, switch, *values])) != options
        else:
            with pytest.raises(SystemExit):
                parser.parse_args([*plain, switch, *values])
            assert f'unrecognized arguments: {switch}' in capsys.readouterr().err
