#!/bin/sh
# The part of the job that is yours to set; options of sbatch on the command line win over these lines.
#SBATCH --job-name=perception_kd
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.log
#
# Train on a Slurm cluster: a process a GPU on all nodes, until it is done, however often the job is interrupted.
#
#   sbatch tools/slurm_train.sh configs/imkd/recipe_r50.py --work-dir work_dirs/recipe_r50 --amp bf16
#   sbatch --nodes 4 --time 8:00:00 tools/slurm_train.sh CONFIG [options of tools/train.py]
#
# Submit it from the checkout, on a file system that all nodes see. As many tasks as GPUs a node; a task's CPUs are for it
# and its loader workers. So many seconds before the time is over (--signal) the processes write stopped.pth, and the job
# goes back into the queue; then, and after a preemption or the loss of a node, it goes on from the newest checkpoint.
#
# Variables: PYTHON=.venv/bin/python; MOST_REQUEUES=100, against a circle; MASTER_PORT (default: from the job's number).
set -u

PYTHON=${PYTHON:-.venv/bin/python}
MOST_REQUEUES=${MOST_REQUEUES:-100}

fail() {
    echo "error: $*" >&2
    exit 1
}

[ -n "${SLURM_JOB_ID:-}" ] || fail 'this is for sbatch: sbatch tools/slurm_train.sh CONFIG [options of tools/train.py]'
[ $# -gt 0 ] || fail 'no config: sbatch tools/slurm_train.sh CONFIG [options of tools/train.py]'
cd "${SLURM_SUBMIT_DIR:-.}" || exit 1
[ -f tools/train.py ] || fail "$PWD has no tools/train.py: submit from the checkout"
command -v "$PYTHON" >/dev/null || fail "no $PYTHON in $PWD: make setup, or set PYTHON"

export PKD_STOP_SIGNALS=USR1
export MASTER_PORT="${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 10000))}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}" # srun does not take it over by itself

stopped=
trap 'stopped=1; scancel --signal=USR1 "$SLURM_JOB_ID"' USR1 # to the processes of the step
srun --kill-on-bad-exit=1 "$PYTHON" tools/train.py "$@" --launcher slurm --resume auto &
step=$!
status=0
wait "$step" || status=$?
while kill -0 "$step" 2>/dev/null; do # the signal ended the wait, not the step
    status=0
    wait "$step" || status=$?
done

if [ -n "$stopped" ] && [ "$status" -ne 0 ]; then
    [ "${SLURM_RESTART_COUNT:-0}" -lt "$MOST_REQUEUES" ] || fail "the job was requeued $SLURM_RESTART_COUNT times"
    echo "job $SLURM_JOB_ID was stopped in time and goes back into the queue"
    scontrol requeue "$SLURM_JOB_ID" || fail 'scontrol requeue did not work; submit the same command again'
fi
exit "$status"
