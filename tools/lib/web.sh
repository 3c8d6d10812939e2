# web.sh - builds the library and the page: Node, npm packages, Vite.  Sourced after packages.sh.
# shellcheck shell=bash

# Vite and Workbox need a newer Node than Debian 12 has.
node_is_new() { have node && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; }
have_npm() { have npm; }
node_package=node@24.9.0

# npm_node WHY: installs npm's package of a new Node in build/node.
npm_node() {
    [ -x "$npm_node_bin/node" ] && return
    note "Node $(node --version) $1: taking $node_package from npm into build/node"
    mkdir -p build/node
    quietly build/node.log npm install --prefix build/node --no-save --no-audit --no-fund "$node_package"
}
npm_node_bin=$PWD/build/node/node_modules/.bin

# Puts a Node that is new enough first on PATH: the installed one, or npm's.
ensure_new_node() {
    node_is_new && return
    npm_node "is too old for the page's build" || return
    PATH=$npm_node_bin:$PATH
    hash -r
    node_is_new
}

# Sets relaxed_node to a Node with relaxed SIMD (21 or newer): the installed one, or npm's.
find_relaxed_node() {
    relaxed_node=node
    [ "$(node -p 'parseInt(process.versions.node)')" -ge 21 ] && return
    npm_node "has no relaxed SIMD" && relaxed_node=$npm_node_bin/node
}

# quietly LOG COMMAND...: shows the end of the log only when the command fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    fail "$* failed; the end of $log:"
    tail -n 30 "$log" | cut -c1-300 >&2
    return 1
}

# install_packages FOLDER: installs the packages in its package-lock.json, unless they are there already.
install_packages() {
    local stamp=$1/node_modules/.package-lock.json
    [ -f "$stamp" ] && [ "$stamp" -nt "$1/package-lock.json" ] && return
    note "npm is installing what ${1#./}/package-lock.json names"
    mkdir -p build
    quietly "build/npm-${1//\//-}.log" npm ci --prefix "$1" --no-audit --no-fund
}

# build/wasm/palimpsest-web.wasm must be there (and build/wasm-relaxed's, for the faster engine), and the command as
# WebAssembly, whose help is documented.  Makes build/web and build/site with its documents.
build_web() {
    ensure_new_node && install_packages web && install_packages docs/site || return
    quietly build/web.log node web/build.mjs "$@" && quietly build/docs.log node docs/site/build.mjs
}

# Fetches the model of general English and sets english_model, for build_web --with "$english_model".  If that is not
# possible, sets small to the reason.
fetch_english() {
    small="models/smol-infill.gguf is not in this tree"
    [ -f models/smol-infill.gguf ] || return
    step "General English: SmolLM2-135M-Instruct"
    small="SmolLM2-135M-Instruct could not be fetched. Try again with a network, or run tools/models get smollm2 --from FILE with a file that you have"
    tools/models get smollm2 || return
    english_model=$(tools/models path smollm2) || return
    small=
}
