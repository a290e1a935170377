#!/bin/sh
# See that there is a browser for the tests of the report page: called by `make test`. Without one they are skipped.
set -eu

if command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1; then
    exit 0
fi
line='apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver'
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf '\n== chromium, for the tests of the report page\n'
    log=$(mktemp)
    if (export DEBIAN_FRONTEND=noninteractive; apt-get update -q && apt-get install -y -q --no-install-recommends \
        chromium chromium-driver) >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    echo "this did not work (see $log)"
fi
echo 'no Chromium with its driver: the tests of the report page in a browser are skipped. To run them have this typed:'
echo "    sudo sh -c '$line'"
