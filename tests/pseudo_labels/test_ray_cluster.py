"""A Ray cluster of two machines, as ``--address`` joins it: both work, nothing is lost or twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pseudo_labels.work import attempts, numbers

pytest.importorskip('ray')
ROOT, ITEMS = Path(__file__).parents[2], 12
LOCAL = {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '1', 'PYTHONPATH': str(ROOT)}
RUN = """
import json, sys
from pathlib import Path
from ray.cluster_utils import Cluster
from perception_kd.pseudo_labels.queue import Workers, run
from tests.pseudo_labels.work import MakeTracing, numbers
folder, items = Path(sys.argv[1]), int(sys.argv[2])
small = dict(num_cpus=1, object_store_memory=80 * 2**20)
cluster = Cluster(initialize_head=True, head_node_args=dict(small, include_dashboard=False))
cluster.add_node(**small)
try:
    summary = run(numbers(items), MakeTracing(folder, 0.2), journal=folder / 'journal.jsonl', stamp={},
                  workers=Workers(2, address=cluster.address))
    print(json.dumps(dict(rows=summary.rows, failed=summary.failed)))
finally:
    cluster.shutdown()
"""


def test_two_machines_share_the_items(tmp_path):
    done = subprocess.run([sys.executable, '-c', RUN, str(tmp_path), str(ITEMS)], cwd=ROOT, capture_output=True,
                          text=True, env={**os.environ, **LOCAL}, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found['failed'] and {key: row['square'] for key, row in found['rows'].items()} == {
        key: number ** 2 for key, number in numbers(ITEMS).items()}
    assert len({row['pid'] for row in found['rows'].values()}) == 2
    assert all(len(attempts(tmp_path, key)) == 1 for key in numbers(ITEMS))
