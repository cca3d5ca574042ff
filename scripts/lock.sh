#!/bin/sh
# Renew the lock files: hashes, all platforms, no download addresses. Usage: lock.sh BIN_FOLDER
set -eu
uv=$1/uv
options="--universal --generate-hashes --no-header --no-emit-index-url --no-annotate --python-version 3.11 -q"
"$uv" pip compile $options pyproject.toml -o requirements.lock
"$uv" pip compile $options pyproject.toml --group dev -o requirements-dev.lock
grep '^uv==' requirements-dev.lock | sed 's/ .*//' | "$uv" pip compile $options - -o requirements-uv.lock
