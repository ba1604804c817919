#!/bin/sh
# Make an environment and install the package into it, with whatever this machine has:
# uv; else the venv module; else (Debian without python3-venv) venv --without-pip and the system's pip.
#   setup.sh PYTHON FOLDER WHAT [GROUP]
set -eu
python=$1
folder=$2
what=$3
group=${4:-}

"$python" - <<'PY' || { echo "Keruen needs Python 3.11 or newer. Type: make PYTHON=python3.12 $*" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

group_arguments=
[ -z "$group" ] || group_arguments="--group $group"

if command -v uv >/dev/null 2>&1; then
    [ -x "$folder/bin/python" ] || uv venv --quiet -p "$python" "$folder"
    # shellcheck disable=SC2086
    exec uv pip install --quiet -p "$folder/bin/python" -e "$what" $group_arguments
fi

if [ ! -x "$folder/bin/python" ]; then
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv "$folder"
    else
        rm -rf "$folder"
        "$python" -m venv --without-pip "$folder" || {
            echo "This Python cannot make environments. Type: sudo apt-get install python3-venv" >&2
            exit 1
        }
    fi
fi

if "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    pip() { "$folder/bin/python" -m pip "$@"; }
elif "$python" -c 'import pip' 2>/dev/null; then
    pip() { "$python" -m pip --python "$folder/bin/python" "$@"; }
else
    rm -rf "$folder"
    echo "This Python has neither venv nor pip. Type: sudo apt-get install python3-venv" >&2
    exit 1
fi

if [ -n "$group" ] && ! pip install --help | grep -q -- --group; then
    # Dependency groups came with pip 25.1; an older pip is first brought up to date inside the environment.
    pip install --quiet --disable-pip-version-check 'pip>=25.1'
    pip() { "$folder/bin/python" -m pip "$@"; }
fi
# shellcheck disable=SC2086
pip install --quiet --disable-pip-version-check -e "$what" $group_arguments
