#!/bin/sh
# Make an environment in .venv and install melpy from this folder into it.
#
#   sh tools/env.sh [EXTRA[,EXTRA...]]      all (default), test, lint, ...: see pyproject.toml
#
# Needs Python 3.11 or newer and nothing else: where a bare Debian or Ubuntu has split venv off
# from Python, its package is installed first. VENV names another folder, PYTHON another Python.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=${VENV:-.venv}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "env.sh: melpy needs Python 3.11 or newer; $python is $("$python" -V 2>&1)." \
         "Name a newer one: PYTHON=python3.12 sh tools/env.sh" >&2
    exit 1
}
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "env.sh: this Python has no venv; installing $package with apt-get."
    $as_root apt-get update -q
    $as_root apt-get install -q -y --no-install-recommends "$package"
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check ".[${1:-all}]"
