"""The command lines of conversion, testing and evaluation: what a person sees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluation.helpers import perfect_results, save
from tests.tiny_world import VERSION

ROOT = Path(__file__).parents[2]


def call(tool: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / 'tools' / tool, *map(str, arguments)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_evaluate_prints_the_table_and_writes_the_summary(tiny_root, tmp_path):
    path = save(tmp_path / 'r.json', perfect_results(tiny_root, VERSION, 'tiny_val'))
    done = call('evaluate.py', 'nuscenes', path, '--root', tiny_root, '--version', VERSION,
                '--split', 'tiny_val', '--out', tmp_path / 'out', '--max-forward', 100)
    assert done.returncode == 0, done.stderr
    assert 'mAP over the 4 classes present 1.0000' in done.stdout and done.stderr == ''
    summary = json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())
    assert summary['mean_ap'] == pytest.approx(0.4) and summary['mean_ap_present'] == pytest.approx(1.0)


@pytest.mark.parametrize(('tool', 'arguments', 'message'), [
    ('evaluate.py', ['nuscenes', 'no.json', '--root', 'nowhere', '--version', 'v', '--split', 's'],
     'data root nowhere does not exist'),
    ('convert.py', ['astyx', '--root', 'nowhere', '--out', 'out'], 'Astyx folder nowhere does not exist'),
    ('test.py', ['no_config.py', 'no_weights.pth'], 'checkpoint no_weights.pth does not exist'),
])
def test_bad_paths_give_one_line(tool, arguments, message):
    done = call(tool, *arguments)
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr == f'error: {message}\n'
