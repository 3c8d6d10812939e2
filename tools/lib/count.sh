# count.sh - runs tests, each with its log, and counts them in $passed, $failed and $skipped.  Sourced by tools/test.
# shellcheck shell=bash

passed=0 failed=0 skipped=0
logs=build/test-logs

# result OK|FAILED|skipped NAME [DETAIL]
result() { printf '    %-8s %s%s\n' "$1" "$2" "${3:+: $3}"; }
skip() { result skipped "$1" "$2"; skipped=$((skipped + 1)); }

# The end of a log, indented; lines of thousands of columns (minified JavaScript) are cut.
show() { tail -n "$2" "$1" | cut -c1-300 | sed 's/^/        /'; }

# add NAME PASSED FAILED SKIPPED SECONDS LOG LINES: counts; shows the end of the log if some failed.
add() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    if [ "$3" -eq 0 ]; then
        result ok "$1" "$2 passed, $4 skipped, $5 s"
    else
        result FAILED "$1" "$2 passed, $3 failed, $4 skipped, $5 s"
        show "$6" "$7"
    fi
}

# check NAME COMMAND...: runs one test; shows its output if it fails.
check() {
    local name=$1 log start=$SECONDS
    log=$logs/${1//[^a-zA-Z0-9]/-}.log
    shift
    if "$@" >"$log" 2>&1; then
        result ok "$name" "$((SECONDS - start)) s"
        passed=$((passed + 1))
    else
        result FAILED "$name"
        show "$log" 60
        failed=$((failed + 1))
        return 1
    fi
}

# suite NAME: the ctest suite of a build directory, counting the tests inside each program.
suite() {
    local name=$1 log=$logs/ctest-$1.log bad=$logs/ctest-$1-failed.log start=$SECONDS p f s status
    rm -f "$bad"
    ctest --test-dir "build/$name" -V -j "$(nproc)" >"$log" 2>&1
    status=$?
    read -r p f s < <(awk -v show="$bad" -f tools/lib/count-ctest.awk "$log")
    # ctest may fail without having run a test: that is a failure too, never a silent zero.
    if [ "$((p + s))" -eq 0 ] || { [ $status -ne 0 ] && [ "$f" -eq 0 ]; }; then f=$((f + 1)); cp "$log" "$bad"; fi
    add "tests $name" "$p" "$f" "$s" $((SECONDS - start)) "$bad" 200
}

# counted NAME COMMAND...: runs a test runner that prints `N passed, N failed, N skipped`, or node --test.
counted() {
    local name=$1 log=$logs/${1//[^a-zA-Z0-9]/-}.log start=$SECONDS status p f s
    shift
    "$@" >"$log" 2>&1
    status=$?
    read -r p f s < <(awk -f tools/lib/count-web.awk "$log")
    if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ $((p + f)) -eq 0 ]; then f=1; fi
    # Test runners go on after a failure: the end of the log is not where the failed test is.
    grep -A 2 '^ *again ' "$log" | cut -c1-300 | sed 's/^/        /'
    [ "$f" -eq 0 ] || grep -A 24 -E '^ *(not ok|FAILED)' "$log" | head -n 100 | cut -c1-300 | sed 's/^/        /'
    add "$name" "$p" "$f" "$s" $((SECONDS - start)) "$log" 30
}

# python_tests: tests/test_*.py by $python.  Writes how many need PyTorch to a file, for the last lines.
python_tests() {
    local log=$logs/python.log start=$SECONDS status p f s waiting
    PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest discover -v -s tests -p 'test_*.py' >"$log" 2>&1
    status=$?
    read -r p f s waiting < <(awk -f tools/lib/count-python.awk "$log")
    if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ $((p + f)) -eq 0 ]; then f=1; fi
    add "tests/test_*.py" "$p" "$f" "$s" $((SECONDS - start)) "$log" 100
    grep -E "\.\.\. skipped " "$log" | grep -v "PyTorch is not" | cut -c1-200 | sed 's/^/        /'
    [ "$waiting" -eq 0 ] || echo "$waiting" >$logs/python-waiting
}
