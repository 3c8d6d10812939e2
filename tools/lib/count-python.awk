# count-python.awk - passed, failed, skipped, and of these waiting for PyTorch, in the output of `python -m unittest -v`.
/^Ran [0-9]+ tests? in / { total = $2 }
/^(OK|FAILED)( |$)/ {
    fail = skip = 0
    n = split($0, part, /[(), ]+/)
    for (i = 1; i <= n; i++) {
        split(part[i], pair, "=")
        if (pair[1] == "failures" || pair[1] == "errors" || pair[1] == "successes") fail += pair[2]
        if (pair[1] == "skipped") skip += pair[2]
    }
}
/\.\.\. skipped .*PyTorch is not installed/ { waiting++ }
END { print (total > fail + skip ? total - fail - skip : 0), fail + 0, skip + 0, waiting + 0 }
