# packages.sh - finds missing packages and installs them with apt-get.  Sourced by tools/demo and tools/test.
#
# A script lists its needs in a function of `need` lines and passes its name to ensure_packages, which calls it before
# and after installing.  All messages here go to stderr: stdout is for results.
# shellcheck shell=bash

if [ -t 2 ]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi

step() { printf '%s\n' "$bold==> $*$plain" >&2; }
note() { printf '    %s\n' "$@" >&2; }
fail() { printf '%s\n' "${red}error:$plain $*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# cmake --preset and the linker launcher came with 3.21.
have_cmake() { have cmake && printf '3.21\n%s\n' "$(cmake --version | sed -n '1s/.* //p')" | sort -CV; }
# Node 16 is the first with WebAssembly SIMD without a flag.
have_node() { have node && [ "$(node -p 'parseInt(process.versions.node)')" -ge 16 ]; }
have_cc() { have cc && echo '#include <stdio.h>' | cc -fsyntax-only -x c - 2>/dev/null; }
have_libpng() { echo '#include <png.h>' | cc -fsyntax-only -x c - 2>/dev/null; }
have_cmocka() { have pkg-config && pkg-config --exists cmocka; }
have_libfuzzer() { have clang && [ -e "$(clang -print-file-name=libclang_rt.fuzzer-"$(uname -m)".a)" ]; }

have_chromium() { have chromium || have chromium-browser || have google-chrome; }
have_firefox() { have firefox-esr || have firefox; }

# need PACKAGE WHAT_FOR COMMAND...: notes the package as missing if the command fails.
need() {
    local package=$1 purpose=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    missing_packages+=("$package")
    missing_notes+=("$(printf '%-20s %s' "$package" "$purpose")")
}

# The needs of both tools/demo and tools/test: native build, WebAssembly, and the page.
need_to_build() {
    need gcc "C compiler" have_cc
    need libc6-dev "C library headers" have_cc
    need cmake "build, 3.21 or newer" have_cmake
    need ninja-build "build" have ninja
    need libpng-dev "PNG files in the command" have_libpng
    need emscripten "C to WebAssembly" have emcc
    need clang-19 "C to WebAssembly with relaxed SIMD" have clang-19
    need lld-19 "C to WebAssembly with relaxed SIMD" have wasm-ld-19
    need nodejs "runs WebAssembly, 16 or newer" have_node
    need npm "the page's build tools" have_npm
    need python3 "runs Emscripten and tests, serves the page" have python3
}

find_missing() {
    missing_packages=() missing_notes=()
    "$1"
    [ ${#missing_packages[@]} -eq 0 ]
}

# Prints the command prefix that runs a command as root, if there is one.
root_prefix() {
    if [ "$(id -u)" -eq 0 ]; then
        echo env
    elif have sudo && sudo -n true 2>/dev/null; then
        echo sudo env
    else
        return 1
    fi
}

# Installs those of "$@" that the distribution has.
apt_install() {
    local log package known=() root
    read -ra root <<<"$(root_prefix)"
    root+=(DEBIAN_FRONTEND=noninteractive LC_ALL=C)
    log=$(mktemp)
    note "apt-get is installing; from nothing this takes a few minutes"
    if ! "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 update >"$log" 2>&1; then
        note "apt-get update failed; trying with the lists that are here"
    fi
    for package in "$@"; do
        if apt-cache show "$package" >/dev/null 2>&1; then known+=("$package"); else note "apt does not know $package"; fi
    done
    if ! "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install -y --no-install-recommends \
        "${known[@]}" >>"$log" 2>&1; then
        fail "apt-get failed; its last lines:"
        tail -n 15 "$log" >&2
    fi
    rm -f "$log"
}

# ensure_packages NEEDS_FUNCTION: returns 0 if all packages are there, after installing them if necessary; otherwise
# prints what to do.
ensure_packages() {
    find_missing "$1" && return
    note "missing here:" "${missing_notes[@]/#/  }"
    if ! have apt-get; then
        fail "this machine has no apt-get. Install the packages above (Debian's names) in another way and start again."
        return 1
    fi
    if ! root_prefix >/dev/null; then
        fail "installing needs root. Run this command, then start again:"
        printf '\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n\n' \
            "${missing_packages[*]}" >&2
        return 1
    fi
    apt_install "${missing_packages[@]}"
    hash -r
    find_missing "$1" && return
    fail "still missing, or older than needed:"
    note "${missing_notes[@]/#/  }"
    return 1
}
