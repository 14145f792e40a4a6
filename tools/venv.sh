#!/bin/sh
# Makes a virtual environment with the first suitable Python: 3.11 first, since the whole suite runs on it.
set -eu

# One that works is kept; what an interrupted attempt has left is cleared away.
"$1/bin/python" -m pip --version >/dev/null 2>&1 && exit 0

# A system's Python may come without ensurepip, and then cannot make an environment with pip in it.
for python in python3.11 python3.12 python3.13 python3; do
    if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$python" -m venv --clear "$1"
    fi
done
echo "Tradepost needs Python 3.11 or newer with its venv module, and found none on the PATH." >&2
exit 1
