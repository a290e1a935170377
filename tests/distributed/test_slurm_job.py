"""``tools/slurm_train.sh`` under a Slurm of two shell scripts: what it starts, when it goes back into the queue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.distributed.plain_training import ROOT, assert_trained_alike, environment, free_port

SRUN = """#!/bin/sh
# srun of two nodes with a process each; its status is the highest one, as srun's.
[ "$1" = --kill-on-bad-exit=1 ] || exit 9
shift
echo $PPID >"$LOGS/batch"
export SLURM_NTASKS=2 SLURM_NODELIST='node[1-2]' SLURM_LOCALID=0
SLURM_PROCID=1 "$@" >/dev/null 2>"$LOGS/node2" &
second=$!
echo $second >"$LOGS/tasks"
SLURM_PROCID=0 "$@" >/dev/null 2>"$LOGS/node1" &
first=$!
echo $first >>"$LOGS/tasks"
wait $first
status=$?
wait $second
second=$?
[ $status -gt $second ] && exit $status
exit $second
"""
SCONTROL = """#!/bin/sh
case "$*" in
'show hostnames node[1-2]') printf 'localhost\\nnode2\\n' ;;
'requeue 4711') echo requeued >>"$LOGS/queue" ;;
*) exit 9 ;;
esac
"""
SCANCEL = """#!/bin/sh
[ "$*" = '--signal=USR1 4711' ] || exit 9
kill -USR1 $(cat "$LOGS/tasks") 2>/dev/null  # one may have ended
touch "$LOGS/signalled"
"""
PYTHON = """#!/bin/sh
# Stands for a training; with SIGNAL the time is over while it runs.
trap : USR1
echo "$@ $PKD_STOP_SIGNALS $MASTER_PORT" >>"$LOGS/calls"
if [ -n "$SIGNAL" ] && [ "$SLURM_PROCID" = 0 ]; then
    kill -USR1 "$(cat "$LOGS/batch")"
    while [ ! -e "$LOGS/signalled" ]; do sleep 0.05; done
fi
exit "$STATUS"
"""


@pytest.fixture
def cluster(tmp_path: Path):
    """``cluster(*arguments, **environment)`` runs the script as Slurm would; its status, what it said, the folder."""
    for name, text in dict(srun=SRUN, scontrol=SCONTROL, scancel=SCANCEL, python=PYTHON).items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(*arguments: object, **more: str) -> tuple[int, str, Path]:
        settings = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'LOGS': str(tmp_path), 'SLURM_JOB_ID': '4711',
                    'SLURM_SUBMIT_DIR': str(ROOT), 'PYTHON': str(tmp_path / 'python'), 'SIGNAL': '', **more}
        done = subprocess.run(['sh', ROOT / 'tools/slurm_train.sh', *map(str, arguments)], cwd=tmp_path, text=True,
                              capture_output=True, timeout=400, env=environment(**settings))
        return done.returncode, done.stdout + done.stderr, tmp_path
    return run


@pytest.mark.parametrize(('status', 'signalled', 'requeued'), [
    ('0', '', False), ('1', '', False), ('130', '1', True), ('143', '1', True), ('0', '1', False)])
def test_a_job_goes_back_into_the_queue_if_it_was_stopped(cluster, status: str, signalled: str, requeued: bool) -> None:
    found, said, folder = cluster('a.py', '--amp', STATUS=status, SIGNAL=signalled)
    assert found == int(status) and ('goes back into the queue' in said) == requeued
    assert (folder / 'queue').exists() == requeued
    assert (folder / 'calls').read_text() == 2 * (
        'tools/train.py a.py --amp --launcher slurm --resume auto USR1 24711\n')


@pytest.mark.parametrize(('arguments', 'more', 'error'), [
    ((), {}, 'error: no config: sbatch tools/slurm_train.sh CONFIG'),
    (('a.py',), {'SLURM_JOB_ID': ''}, 'error: this is for sbatch: sbatch tools/slurm_train.sh CONFIG'),
    (('a.py',), {'SLURM_SUBMIT_DIR': '/'}, 'error: / has no tools/train.py: submit from the checkout'),
    (('a.py',), {'PYTHON': 'nowhere/python'}, 'error: no nowhere/python in'),
    (('a.py',), {'STATUS': '130', 'SIGNAL': '1', 'SLURM_RESTART_COUNT': '100'}, 'error: the job was requeued 100'),
])  # fmt: skip
def test_what_is_wrong_with_a_slurm_job_is_one_line(cluster, arguments, more, error) -> None:
    status, said, folder = cluster(*arguments, **more)
    assert status == 1 and said.startswith(error) and said.count('\n') == 1 and not (folder / 'queue').exists()


def test_a_stopped_job_ends_as_one_that_was_not(toy_config: Path, trained_alone: Path, cluster, tmp_path: Path) -> None:
    """The script is told in step 3; two processes agree on stopping after step 5 of 6."""
    settings = dict(PYTHON=sys.executable, MASTER_PORT=str(free_port()))
    training = (toy_config, '--cfg-options', 'batch_size=2')
    status, said, folder = cluster(*training, '--work-dir', (work_dir := tmp_path / 'work'),
                                   TEST_SIGNAL=str(tmp_path / 'batch'), **settings)
    logs = [(folder / name).read_text()[-2000:] for name in ('node1', 'node2')]
    assert status == 130 and 'goes back into the queue' in said, logs
    assert read_checkpoint(work_dir / 'stopped.pth')['meta']['iter'] == 5
    assert all('interrupted; run the same command again' in log for log in logs)
    status, said, _ = cluster(*training, '--work-dir', work_dir, **settings)
    assert status == 0 and 'queue' not in said
    assert_trained_alike(trained_alone, work_dir)
