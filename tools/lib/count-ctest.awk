# count-ctest.awk - reads the log of `ctest -V` and prints "passed failed skipped", counting single cmocka
# tests.  A program without any (a script) counts as one.  A test that was begun and not ended has failed:
# its program crashed.  A program that failed with every test passed (a leak, say) counts as one failure.
#
# With -v show=FILE the output of the programs that failed is written there.

function settle(k) {            # the test begun last in program k never ended
    if (open[k]) { bad[k]++; open[k] = 0 }
}

/^[0-9]+: / {
    k = $1 + 0
    line = substr($0, index($0, " ") + 1)
    output[k] = output[k] line "\n"
    if (line ~ /^\[ RUN      \]/) { settle(k); open[k] = 1; begun[k]++ }
    else if (open[k] && line ~ /^\[       OK \]/) { open[k] = 0; passed++ }
    else if (open[k] && line ~ /^\[  SKIPPED \]/) { open[k] = 0; skipped++ }
    else if (open[k] && line ~ /^\[  FAILED  \]/) { open[k] = 0; bad[k]++ }
    next
}

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    k = $0; sub(/^[^#]*#/, "", k); k = k + 0
    settle(k)
    if ($0 ~ / Passed  +[0-9.]+ sec/) { if (!begun[k]) passed++ }
    else if ($0 ~ /\*\*\*Skipped/) skipped++
    else {
        if (!bad[k]) bad[k] = 1
        if (show) printf "%s\n%s\n", $0, output[k] > show
    }
    failed += bad[k]
    delete output[k]
}

END { print passed + 0, failed + 0, skipped + 0 }
