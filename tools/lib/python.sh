# python.sh - the Python of the tests: Debian's, in build/venv with the packages of tests/requirements.txt.  Sourced
# after packages.sh and web.sh.
# shellcheck shell=bash

# Debian's Python, if there are several.
system_python=/usr/bin/python3
[ -x $system_python ] || system_python=python3
have_venv() { $system_python -c 'import ensurepip, venv'; }

# Pinned versions, without optional dependencies for networks; a copy of the list records what is installed.
install_python_packages() {
    local stamp=build/venv/tests-requirements.txt
    cmp -s tests/requirements.txt $stamp && return
    note "pip is installing what tests/requirements.txt names into build/venv"
    mkdir -p build
    [ -x build/venv/bin/pip ] || quietly build/venv.log $system_python -m venv build/venv || return
    quietly build/pip.log build/venv/bin/pip install --disable-pip-version-check --no-deps --only-binary :all: \
        -r tests/requirements.txt && cp tests/requirements.txt $stamp
}

# Sets python to $PAL_PYTHON, to build/venv's, or to the system's if that cannot be made: its tests print what they
# lack.
find_python() {
    python=${PAL_PYTHON-}
    [ -z "$python" ] || return 0
    python=build/venv/bin/python
    install_python_packages && return
    note "the tests that need these packages are skipped"
    python=$system_python
}
