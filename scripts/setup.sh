#!/bin/sh
# Create the environment from the hashed lock and build the pages' assets. Usage: setup.sh FOLDER
set -eu
venv=$1
python=${PYTHON:-python3}
say() { printf '%s\n' "$*" >&2; }

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Tocsin needs Python 3.11 or newer; '$python' is not. Name another: make PYTHON=python3.12 up"
    exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || {
        say "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"
        exit 1
    }
fi
say "Installing the locked packages into $venv (half a minute the first time) ..."
# uv installs the same locked files several times as fast; where it cannot, pip does.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
VIRTUAL_ENV=$venv "$venv/bin/uv" pip install -q --require-hashes -r requirements-dev.lock ||
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
say "Building the pages' assets ..."
"$venv/bin/python" scripts/assets.py
