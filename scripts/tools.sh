#!/bin/sh
# Install the programs that some tests drive, on Debian and Ubuntu: Chromium and strace.
# Elsewhere, or without the right to install, the tests that need them are skipped with that reason.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing fonts-dejavu-core >/dev/null
else
    echo "tests that need$missing will be skipped; install with: sudo apt-get install$missing" >&2
fi
