"""The benchmark's numbers: both sides agree, every run is kept, the command line writes what it says."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

from perception_kd.benchmark.pooling import benchmark_pooling
from perception_kd.benchmark.pooling_inputs import PoolingCase
from perception_kd.benchmark.timing import compare

SMALL = PoolingCase(batch=2, cameras=2, height=4, width=6, bins=20, channels=5, half_range=12.8, cell=1.6)
COLUMNS = {f'{form}{what}, {how} pattern'
           for form in ('', 'RVT ', 'RVT pooling, ') for what in ('forward', 'step')
           for how in ('fixed', 'rebuilt')}


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_sides_agree_and_every_run_is_kept(reduction):
    report = benchmark_pooling(SMALL, runs=3, reduction=reduction)
    found = report.to_json()
    assert set(report.columns) == set(found['ratio']) == COLUMNS
    for name, column in report.columns.items():
        assert [len(runs) for runs in column.seconds.values()] == [3, 3]
        assert max(column.max_difference.values()) < 1e-4
        assert ('depth gradient' in column.max_difference) == ('step' in name)
        assert column.ratio == pytest.approx(
            column.medians[column.other] / column.medians[column.ours])
        assert column.ours == ('matrix product, sum of bags' if 'RVT' in name else 'sparse-matrix product')
        assert name in report.table()
    assert found['setting']['frustum_points'] == 2 * 2 * 4 * 6 * 20 > found['setting']['matrix_entries'] > 0
    assert found['versions']['torch'].split('+')[0] == torch.__version__.split('+')[0]
    assert found['machine']['threads'] == torch.get_num_threads()


def test_a_difference_shows():
    ours = torch.tensor([0.0, 2, -3])
    column = compare(('a', lambda: {'x': torch.zeros(3)}), ('b', lambda: {'x': ours}), runs=1)
    assert column.max_difference == {'x': 3.0}
    with pytest.raises(ValueError, match='at least one run'):
        compare(('a', dict), ('b', dict), runs=0)


def test_command_line(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    small = ['--height', '2', '--width', '3', '--bins', '8', '--channels', '4']
    out = tmp_path / 'pooling.json'
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'pooling', *small, '--runs', '1', '--json', str(out)])
    assert main() == 0
    assert 'step, rebuilt pattern' in capsys.readouterr().out
    assert set(json.loads(out.read_text())['seconds']) == COLUMNS
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'pooling', '--runs', '0'])
    with pytest.raises(ValueError, match='--runs'):
        main()
    if not torch.cuda.is_available():
        monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'pooling', '--device', 'cuda'])
        with pytest.raises(ValueError, match='sees no CUDA device'):
            main()
