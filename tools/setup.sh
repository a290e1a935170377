#!/bin/sh
# Make the virtual environment: called by `make setup`, which explains the variables.
set -eu

VENV=${VENV:-.venv}
PYTHON=${PYTHON:-python3}
TORCH=${TORCH-default}
SYSTEM_SITE=${SYSTEM_SITE:-0}
TESTED_TORCH=$(sed -n 's/^\(torch==.*\)$/\1/p' constraints.txt)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# System libraries: asked of the linker, since package names differ between distributions.
missing_libraries() {
    known=$( { /sbin/ldconfig -p || ldconfig -p; } 2>/dev/null || true)
    for pair in libGL.so.1:libgl1 libgthread-2.0.so.0:libglib2.0-0 libusb-1.0.so.0:libusb-1.0-0 \
                libvulkan.so.1:libvulkan1; do
        case "$known" in *"${pair%%:*}"*) ;; *) printf '%s ' "${pair##*:}" ;; esac
    done
    ls /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1 || printf 'mesa-vulkan-drivers '
}

install_libraries() {
    missing=$(missing_libraries)
    [ -n "$missing" ] || return 0
    line="apt-get update && apt-get install -y --no-install-recommends $missing"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "system libraries: $missing"
        if (export DEBIAN_FRONTEND=noninteractive; apt-get update -q && eval "apt-get install -y -q \
            --no-install-recommends $missing") >"$VENV/system-libraries.log" 2>&1; then
            return 0
        fi
        echo "this did not work (see $VENV/system-libraries.log)"
    fi
    say "system libraries are missing (needed by OpenCV and Open3D); please have this typed:"
    echo "    sudo sh -c '$line'"
}

has() { "$VENV/bin/python" -c "import $1" >/dev/null 2>&1; }

version_of() { "$VENV/bin/python" -c "from importlib.metadata import version; print(version('$1'))"; }

make_venv() {
    command -v "$PYTHON" >/dev/null 2>&1 || fail "no interpreter $PYTHON: pass PYTHON=/path/to/python3"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$PYTHON is older than Python 3.10: pass PYTHON=/path/to/python3"
    [ -x "$VENV/bin/python" ] && return 0
    say "virtual environment $VENV"
    flags=
    [ "$SYSTEM_SITE" = 1 ] && flags=--system-site-packages
    "$PYTHON" -m venv $flags "$VENV" ||
        fail "no virtual environment could be made (on Debian: apt-get install python3-venv)"
}

install_torch() {
    if has torch; then
        if [ "$TORCH" = default ] || [ -z "$TORCH" ]; then
            say "torch $(version_of torch) is there and is kept"
            return 0
        fi
    elif [ -z "$TORCH" ]; then
        fail 'TORCH= keeps the torch that is there, and there is none; SYSTEM_SITE=1 shows that of PYTHON'
    fi
    [ "$TORCH" = default ] && TORCH=$TESTED_TORCH
    say "$TORCH"
    $PIP install "$TORCH"
}

# Constraints that agree with what the user has: their torch, their compiled mmcv.
write_constraints() {
    sed '/^torch==/d' constraints.txt >"$VENV/constraints.txt"
    echo "torch==$(version_of torch)" >>"$VENV/constraints.txt"
}

install_rest() {
    extras=all,dev
    if has torch,mmcv._ext; then
        say "compiled mmcv is there and is used"
    else
        extras=$extras,lite
    fi
    say "perception_kd[$extras] and what it needs"
    $PIP install -c "$VENV/constraints.txt" -e ".[$extras]"
}

# Two packages fill the folder cv2. Where the system has no libGL, the headless one must be the last.
repair_opencv() {
    has cv2 && return 0
    say "OpenCV without a display"
    $PIP install --force-reinstall --no-deps "opencv-python-headless==$(version_of opencv-python-headless)"
    has cv2 || echo "OpenCV still does not load; the system libraries above are missing"
}

make_venv
PIP="$VENV/bin/python -m pip --disable-pip-version-check"
install_libraries
install_torch
write_constraints
install_rest
repair_opencv
say "ready: $VENV"
"$VENV/bin/python" tools/doctor.py --short
