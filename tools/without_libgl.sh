#!/bin/sh
# Run a command as on a machine without libGL: an empty file lies over it, in a mount namespace that ends with the
# command. Needs the right to make one (root, mostly).
#
#   sh tools/without_libgl.sh python tools/doctor.py
exec unshare -m sh -c '
    set -e
    empty=$(mktemp)
    for file in $( { /sbin/ldconfig -p || ldconfig -p; } 2>/dev/null | sed -n "s/.*libGL\.so\.1 .* => //p"); do
        mount --bind "$empty" "$file"
    done
    rm "$empty"
    exec "$@"' sh "$@"
