#!/bin/sh
# Make the virtual environment: called by `make setup`, which explains the variables. Status 3: no such torch.
set -eu

VENV=${VENV:-.venv}
TORCH=${TORCH-default}
SYSTEM_SITE=${SYSTEM_SITE:-}
MMCV=${MMCV:-}
# OPENCV and NUMPY hold until others are given, PYTHON as long as the environment lives.
CHOICES=$VENV/.perception_kd-choices
OPENCV_WHEELS='opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless'

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit "${status:-1}"; }
chosen() { sed -n "s/^$1=//p" "$CHOICES" 2>/dev/null || true; }
pinned() { sed -n "s/^\($1==[^ ;]*\).*/\1/p" constraints.txt; }
python() { "$VENV/bin/python" "$@"; }
pip() { python -m pip --disable-pip-version-check "$@"; }
has() { python -c "import $1" >/dev/null 2>&1; }
version_of() { python -c "from importlib.metadata import version; print(version('$1'))" 2>/dev/null; }

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

check_choices() {
    OPENCV=${OPENCV:-$(chosen OPENCV)}
    NUMPY=${NUMPY:-$(chosen NUMPY)}
    OPENCV=${OPENCV:-auto} NUMPY=${NUMPY:-1}
    case $OPENCV in auto|plain|headless) ;; *) fail "OPENCV=$OPENCV: take auto, plain or headless" ;; esac
    case $NUMPY in 1|2) ;; *) fail "NUMPY=$NUMPY: take 1 (the devkit's own pin) or 2" ;; esac
}

# What works is known for 3.10 to 3.12: NumPy 1.26, which nuscenes-devkit asks for, has no wheel for 3.13.
check_python() {
    command -v "$1" >/dev/null 2>&1 || fail "no interpreter $1: pass PYTHON=/path/to/python3"
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null ||
        fail "$1 is not one of Python 3.10, 3.11, 3.12: pass PYTHON=/path/to/python3"
}

minor_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

make_venv() {
    asked=${PYTHON:-python3}
    if pip --version >/dev/null 2>&1; then
        [ -z "${PYTHON:-}" ] || check_python "$asked"
        [ -z "${PYTHON:-}" ] || [ "$(minor_version "$asked")" = "$(minor_version "$VENV/bin/python")" ] ||
            fail "$VENV is of Python $(minor_version "$VENV/bin/python"), not of $asked: pass another VENV, or remove it"
        return 0
    fi
    check_python "$asked"
    say "virtual environment $VENV"
    "$asked" -m venv "$VENV" ||
        fail "no virtual environment could be made (on Debian: apt-get install python3-venv)"
}

# Holds like the other choices, in the environment's own settings.
set_system_site() {
    case $SYSTEM_SITE in
        '') return 0 ;;
        1) seen=true ;;
        *) seen=false ;;
    esac
    sed "s/^\(include-system-site-packages\) *=.*/\1 = $seen/" "$VENV/pyvenv.cfg" >"$VENV/pyvenv.new"
    mv "$VENV/pyvenv.new" "$VENV/pyvenv.cfg"
}

# pip writes RECORD last. What was interrupted before looks installed and is not whole.
forget_half_installed() {
    for info in "$VENV"/lib/python3*/site-packages/*.dist-info; do
        [ ! -d "$info" ] || [ -f "$info/RECORD" ] || rm -rf "$info"
    done
}

install_torch() {
    status=3
    if has torch && { [ "$TORCH" = default ] || [ -z "$TORCH" ]; }; then
        say "torch $(version_of torch) is there and is kept"
    else
        [ -n "$TORCH" ] ||
            fail 'TORCH= keeps the torch that is there, and there is none; SYSTEM_SITE=1 shows that of PYTHON'
        [ "$TORCH" = default ] && TORCH=$(pinned torch)
        say "$TORCH"
        pip install "$TORCH" || fail "pip cannot install TORCH='$TORCH' (its reason is above)"
    fi
    python -c 'import torch; v = torch.__version__.split("."); assert (int(v[0]), int(v[1])) >= (2, 4)' 2>/dev/null ||
        fail "torch $(version_of torch || echo 'is missing,') does not load or is older than 2.4: pass TORCH=$(pinned torch)"
    status=1
    # From here on constraints that agree with the torch that is there.
    { sed '/^torch==/d' constraints.txt; echo "torch==$(version_of torch)"; } >"$VENV/constraints.txt"
}

install_mmcv() {
    extras=all,dev
    if [ -n "$MMCV" ] && ! has torch,mmcv._ext; then
        say "$MMCV"
        pip uninstall -qq -y mmcv-lite
        pip install -c "$VENV/constraints.txt" --no-build-isolation "$MMCV" ||
            fail "pip cannot install MMCV='$MMCV' (its reason is above)"
        has torch,mmcv._ext || fail "MMCV='$MMCV' has no compiled ops that load with torch $(version_of torch)"
    fi
    if has torch,mmcv._ext; then
        say "compiled mmcv is there and is used"
    else
        extras=$extras,lite
    fi
}

install_rest() {
    say "perception_kd[$extras] and what it needs"
    pip install -c "$VENV/constraints.txt" -e ".[$extras]" || fail 'pip stopped (its reason is above); run this again'
}

# The metadata of nuscenes-devkit refuses NumPy 2, its code does not: so NumPy is exchanged at the end.
exchange_numpy() {
    [ "$NUMPY" = 2 ] || return 0
    say 'NumPy 2'
    pip install --no-deps -r constraints-numpy2.txt || fail 'NumPy 2 could not be installed (the reason is above)'
}

# Libraries we need ask for two wheels that fill the same folder, cv2: one of them stays, and is laid down anew,
# since files of the other may lie over it.
one_opencv() {
    keep=opencv-python
    case $OPENCV in
        headless) keep=opencv-python-headless ;;
        auto) python -c 'import ctypes; [ctypes.CDLL(n) for n in ("libGL.so.1", "libgthread-2.0.so.0")]' 2>/dev/null ||
              keep=opencv-python-headless ;;
    esac
    say "$keep ($OPENCV)"
    pip uninstall -qq -y $OPENCV_WHEELS
    pip install -q --no-deps "$(pinned $keep)" || fail "$keep could not be installed (the reason is above)"
}

check_choices
make_venv
set_system_site
install_libraries
forget_half_installed
install_torch
install_mmcv
install_rest
exchange_numpy
one_opencv
printf 'OPENCV=%s\nNUMPY=%s\n' "$OPENCV" "$NUMPY" >"$CHOICES"
say "ready: $VENV"
python tools/doctor.py --short
