#!/usr/bin/env bash
# Set everything up in .venv: Debian packages where missing, a Python that PsychoPy runs on,
# torch first, then the project with pinned versions. Safe to run again; does nothing when done.
#
#   PYTHON=python3.12 scripts/setup.sh   choose the interpreter
#   PIP_EXTRA_INDEX_URL=... scripts/setup.sh   where PyTorch's CPU-only builds are wanted, the
#                                        index that pytorch.org names for them
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }

fingerprint() { cat pyproject.toml constraints.txt scripts/setup.sh | cksum; }
# An interpreter that vanished (an upgraded system Python) leaves a dead environment behind.
if [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/.setup-done" 2>/dev/null)" = "$(fingerprint)" ] \
    && "$VENV/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

# ---- an interpreter that PsychoPy runs on: 3.11 or 3.12 -------------------------------------
suits() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}
find_python() {
    local candidate
    # 3.11 first: on it everything was tested.
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 /usr/bin/python3.11 python3 python3.12 /usr/bin/python3.12; do
        if suits "$candidate"; then command -v "$candidate"; return; fi
        [ "$candidate" != "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.11 or 3.12, which PsychoPy needs."
    done
    if command -v uv >/dev/null 2>&1; then
        uv python find '>=3.11,<3.13' 2>/dev/null && return
        uv python install 3.11 >&2 && uv python find 3.11 && return
    fi
    return 1
}

# ---- Debian packages: probed by what they bring, since their names differ between releases --
missing_packages() {
    local libraries found=""
    libraries=$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p) )
    lib() { [[ "$libraries" == *"$1"* ]] || found+=" $2"; }
    cmd() { command -v "$1" >/dev/null 2>&1 || found+=" $2"; }
    lib libGL.so.1 libgl1
    lib libGLU.so.1 libglu1-mesa
    lib libEGL.so.1 libegl1
    lib libfontconfig.so.1 libfontconfig1
    lib libglib-2.0.so.0 libglib2.0-0
    lib libdbus-1.so.3 libdbus-1-3
    lib libxkbcommon.so.0 libxkbcommon0
    lib libusb-1.0.so.0 libusb-1.0-0
    [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || found+=" fonts-dejavu-core"
    # A virtual screen, for tests and for a demonstration without a monitor.
    cmd Xvfb xvfb
    # What xvfb-run, which messages advise, needs beside it.
    cmd xauth xauth
    cmd xdotool xdotool
    local python version
    if python=$(find_python) && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        found+=" python$version-venv"
    fi
    printf '%s' "${found# }"
}
install_packages() {
    local packages run=""
    packages=$(missing_packages)
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        say "Not a Debian system: please make sure that what these packages bring is there: $packages"
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            run=sudo
        else
            fail "these Debian packages are missing: $packages
Ask an administrator to run:  apt-get install $packages"
        fi
    fi
    say "Installing Debian packages: $packages"
    $run apt-get update -qq
    # shellcheck disable=SC2086
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
}
install_packages

PYTHON_FOUND=$(find_python) || fail \
    "PsychoPy needs Python 3.11 or 3.12, and neither is on this machine. Install one (on Debian 12: apt-get install python3.11 python3.11-venv) or uv (pip install uv), then run this again."

# ---- the environment ------------------------------------------------------------------------
if ! { [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c '' 2>/dev/null && suits "$VENV/bin/python"; }; then
    rm -rf "$VENV"
    # A torch that the machine has (with its CUDA) is used, never replaced: the environment
    # then sees the system's packages and installs its own beside them.
    if "$PYTHON_FOUND" -c 'import torch' 2>/dev/null; then
        say "Using the torch that $PYTHON_FOUND has."
        "$PYTHON_FOUND" -m venv --system-site-packages "$VENV"
    else
        "$PYTHON_FOUND" -m venv "$VENV"
    fi
fi
PIP=("$VENV/bin/python" -m pip --disable-pip-version-check)
say "Setting up $VENV with $("$VENV/bin/python" --version)"
# Debian 12's own pip needs many minutes to think about the pinned versions.
"${PIP[@]}" install -q "pip==25.3"

CONSTRAINTS=$(mktemp)
trap 'rm -f "$CONSTRAINTS"' EXIT
cp constraints.txt "$CONSTRAINTS"
if INSTALLED=$("$VENV/bin/python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null); then
    say "torch $INSTALLED is installed and stays."
    sed -i '/^torch==/d' "$CONSTRAINTS"
else
    # First and alone: a later package's looser need must not choose another build.
    say "Installing torch (with CUDA where the registry has no CPU build, this is a large download)"
    "${PIP[@]}" install -q "$(grep '^torch==' constraints.txt)"
fi
say "Installing the project and what it needs (about 2 GB with PsychoPy)"
"${PIP[@]}" install -q -c "$CONSTRAINTS" -e '.[all]'
fingerprint > "$VENV/.setup-done"
say "Ready."
