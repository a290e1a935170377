#!/bin/sh
# Set up and test each environment that should work; ends with a table. Called by `make environments`.
#
#   sh tools/environments.sh                  all legs
#   sh tools/environments.sh py3.12 numpy2    some of them
#
#   py3.10 py3.11 py3.12   the extras as they are: NumPy 1.26
#   numpy2                 the same with NumPy 2
#   headless               OpenCV's headless wheel, with libGL hidden (needs the right to make a mount namespace);
#                          without the tests of the simulator, since Open3D loads libGL itself
#   mmcv                   with a compiled mmcv (MMCV=REQUIREMENT, a version or a wheel)
#
# Variables: VENVS=.venv-legs (where the environments go and stay), TORCH (as for setup; TORCH= skips a leg without
# torch), PYTEST_ARGS, PYTHON=python3 (of the last three legs). Status 1 if a leg failed; skipped ones are named.
set -eu
cd "$(dirname "$0")/.."

LEGS='py3.10 py3.11 py3.12 numpy2 headless mmcv'
VENVS=${VENVS:-.venv-legs}
PYTEST_ARGS=${PYTEST_ARGS:-}
any_python=${PYTHON:-python3}
wheel=${MMCV:-}
unset PYTHON MMCV OPENCV NUMPY SYSTEM_SITE
table=$VENVS/table.txt
mkdir -p "$VENVS"

row() { printf '%-9s %-8s %-8s %-8s %-24s %-10s %s\n' "$@" | tee -a "$table"; }
skip() { row "$leg" - - - - - "skipped: $1"; }

versions() {
    "$VENVS/$leg/bin/python" - <<'END'
import platform
from importlib.metadata import distributions
there = {d.metadata['Name'].lower(): d.version for d in distributions()}
cv2 = '+'.join(name for name in sorted(there) if name.startswith('opencv-'))
mmcv = 'compiled' if 'mmcv' in there else 'lite' if 'mmcv-lite' in there else 'none'
print(platform.python_version(), there['torch'].split('+')[0], there['numpy'], cv2, mmcv)
END
}

# run_leg LEG PYTHON SETTING [around the tests]; SETTING is one assignment for tools/setup.sh.
run_leg() {
    leg=$1 python=$2 setting=$3
    shift 3
    "$python" -c '' 2>/dev/null || { skip "no interpreter $python"; return 0; }
    log=$VENVS/$leg.log
    printf '\n== %s: see %s\n' "$leg" "$log"
    code=0
    env VENV="$VENVS/$leg" PYTHON="$python" "$setting" sh tools/setup.sh >"$log" 2>&1 || code=$?
    case $code in
        0) ;;
        3) skip "$(tail -n 1 "$log")"; return 0 ;;
        *) failed=1; row "$leg" - - - - - "setup FAILED: $(grep '^setup: \|^BROKEN' "$log" | head -n 1)"; return 0 ;;
    esac
    # shellcheck disable=SC2086
    "$@" "$VENVS/$leg/bin/python" -m pytest -p no:cacheprovider $without $PYTEST_ARGS >>"$log" 2>&1 || failed=1
    # shellcheck disable=SC2046
    row "$leg" $(versions) "$(tail -n 1 "$log")"
}

one_leg() {
    leg=$1 without=
    case $leg in
        py3.*) run_leg "$leg" "python${leg#py}" OPENCV=auto ;;
        numpy2) run_leg numpy2 "$any_python" NUMPY=2 ;;
        headless)
            sh tools/without_libgl.sh true 2>/dev/null || { skip 'libGL cannot be hidden here'; return 0; }
            without=--ignore=tests/simulation
            run_leg headless "$any_python" OPENCV=headless sh tools/without_libgl.sh ;;
        mmcv)
            [ -n "$wheel" ] || { skip 'MMCV=REQUIREMENT is not given'; return 0; }
            run_leg mmcv "$any_python" MMCV="$wheel" ;;
        *) echo "environments: no leg $leg (there: $LEGS)" >&2; exit 2 ;;
    esac
}

failed=0
: >"$table"
row leg Python torch NumPy OpenCV mmcv result
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $LEGS
for name in "$@"; do one_leg "$name"; done
printf '\n'
cat "$table"
exit $failed
