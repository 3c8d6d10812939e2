# count-web.awk - passed, failed and skipped in the output of `node --test` or of tests/browser/run.mjs.
/^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { pass = $1; fail = $3; skip = $5 + 0 }
$2 == "pass" && NF == 3 { pass = $3 }
$2 == "fail" && NF == 3 { fail = $3 }
$2 == "skipped" && NF == 3 { skip = $3 }
END { print pass + 0, fail + 0, skip + 0 }
