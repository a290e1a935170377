"""Two "machines" on loopback that torchrun brings together, against one process with the whole batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.distributed.plain_training import ROOT, assert_trained_alike, environment, free_port


def test_two_nodes_train_as_one_process_does(toy_config: Path, trained_alone: Path, tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'torch.distributed.run', '--nnodes', '2', '--nproc-per-node', '1', '--rdzv-id',
               'test', '--rdzv-backend', 'c10d', '--rdzv-endpoint', f'127.0.0.1:{free_port()}', '--local-addr',
               '127.0.0.1', 'tools/train.py', str(toy_config), '--work-dir', str(tmp_path), '--launcher', 'pytorch',
               '--cfg-options', 'batch_size=2']
    nodes = [subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) for _ in range(2)]
    said = [node.communicate(timeout=400)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], '\n'.join(text[-3000:] for text in said)
    assert json.loads((tmp_path / 'environment.json').read_text())['processes'] == 2
    assert len(list(tmp_path.glob('*/*.log'))) == 1, 'one process writes'
    assert_trained_alike(trained_alone, tmp_path)
