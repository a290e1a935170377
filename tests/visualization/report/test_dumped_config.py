"""Dumped configs as data, beside mmengine's own reading of them."""

import math

import pytest
from mmengine.config import Config

from perception_kd.visualization.report.dumped_config import read_dumped_config

SETTINGS = dict(model=dict(type='A', sizes=[1, 2.5], range=(-1.0, 1e-3), none=None, on=True, text="it's"),
                odd={'a-b': 1, 'c.d': dict(x=[dict(type='P'), dict(type='Q', y=-3)])}, empty={}, far=math.inf)


def test_it_says_what_mmengine_says(tmp_path):
    path = tmp_path / 'config.py'
    Config(SETTINGS).dump(path)
    path.write_text(path.read_text().replace('far = inf', "far = float('inf')"))
    expected = Config.fromfile(path).to_dict()
    expected['model']['range'] = list(expected['model']['range'])  # tuples come as lists
    found = read_dumped_config(path)
    assert found.pop('far') == "float('inf')"  # no literal: stays text
    expected.pop('far')
    assert found == expected


def test_nothing_in_it_is_run(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f"import os\nx = os.system('touch {tmp_path}/made')\nfar = inf\nbatch = 4\n")
    found = read_dumped_config(path)
    assert (found['batch'], found['far']) == (4, math.inf)
    assert 'os.system' in found['x'] and not (tmp_path / 'made').exists()


@pytest.mark.parametrize('text', ['model = dict(', '\0', 'x = ' + '(' * 5000 + ')' * 5000, b'\xff\xfe'])
def test_damage_is_one_line(tmp_path, text):
    path = tmp_path / 'config.py'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r'config\.py is damaged') as caught:
        read_dumped_config(path)
    assert len(str(caught.value)) < 400
