# tasks.sh - runs tasks in parallel: each starts when the tasks that it needs have succeeded, and its output is printed
# in one piece when it ends.  Sourced after packages.sh by tools/test.
#
#   task NAME LANE NEEDS CALL     declares a task after those in NEEDS (names); CALL is a function with arguments
#   run_tasks                     runs all; prints; adds to passed, failed, skipped
#   failures                      prints what failed once more, for the end of a long output
#
# LANE is cpu, of which $PAL_LANES run at a time, or browser, of which two more run at a time, because they mostly wait.
# A task runs in its own process group.  Its counts in $passed, $failed and $skipped are returned through a file; a task
# that ends without writing it has failed.  If a task cannot run here (skip; return 1), the tasks that need it are
# skipped.
# shellcheck shell=bash

task_names=()
declare -A task_lane task_needs task_call task_state task_group
declare -A task_lanes=([cpu]=${PAL_LANES:-2} [browser]=2)
task_folder=$logs/tasks

task() {
    local name=$1
    task_names+=("$name")
    task_lane[$name]=$2 task_needs[$name]=$3 task_state[$name]=waiting
    task_call[$name]=$4
    rm -f "$task_folder/$name.out"
}

# Runs in the process of a task: counts for itself and writes the counts to the file that the parent reads.
task_body() {
    local name=$1 status start=$SECONDS
    passed=0 failed=0 skipped=0
    step "$name"
    # shellcheck disable=SC2086
    ${task_call[$name]}
    status=$?
    times >"$task_folder/$name.times" # on a shared machine processor time is more useful than wall-clock time
    printf '    %-8s %s\n' took "$((SECONDS - start)) s, $(awk -F '[ms ]+' '{n += 60 * ($1 + $3) + $2 + $4} END {printf "%.0f", n}' \
        "$task_folder/$name.times") s of processor time"
    if [ $failed -gt 0 ]; then status=1; elif [ $status -ne 0 ]; then status=3; fi
    printf '%d %d %d %d\n' $passed $failed $skipped $status >"$task_folder/$name.counts"
}

# A job of `set -m` leads a process group: ending the group ends all processes that the task has started.
task_start() {
    local name=$1
    rm -f "$task_folder/$name.counts"
    set -m
    task_body "$name" >"$task_folder/$name.out" 2>&1 </dev/null &
    set +m
    task_group[$name]=$!
    task_state[$name]=running
}

# Prints the output of a task and adds its counts.
task_end() {
    local name=$1 p f s status
    cat "$task_folder/$name.out"
    if read -r p f s status <"$task_folder/$name.counts" 2>/dev/null; then
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    else
        result FAILED "$name" "ended before its end"
        failed=$((failed + 1)) status=1
    fi
    case $status in 0) task_state[$name]=good ;; 3) task_state[$name]=absent ;; *) task_state[$name]=bad ;; esac
}

# task_ready NAME: returns 0 if it can start.  A task that needs a failed one fails too; one that needs a skipped one is
# skipped.
task_ready() {
    local name=$1 need
    for need in ${task_needs[$name]}; do
        case ${task_state[$need]} in
            good) ;;
            bad)
                step "$name"
                result FAILED "$name" "cannot run: $need failed"
                failed=$((failed + 1)) task_state[$name]=bad
                return 1 ;;
            absent)
                step "$name"
                result skipped "$name" "$need is not there"
                skipped=$((skipped + 1)) task_state[$name]=absent
                return 1 ;;
            *) return 1 ;;
        esac
    done
}

# Starts the tasks that can start; sets `running` to the number of running tasks.
tasks_start_ready() {
    local name lane
    local -A busy=([cpu]=0 [browser]=0)
    for name in "${task_names[@]}"; do
        if [ "${task_state[$name]}" = running ]; then busy[${task_lane[$name]}]=$((busy[${task_lane[$name]}] + 1)); fi
    done
    for name in "${task_names[@]}"; do
        lane=${task_lane[$name]}
        [ "${task_state[$name]}" = waiting ] && task_ready "$name" && [ "${busy[$lane]}" -lt "${task_lanes[$lane]}" ] || continue
        task_start "$name"
        busy[$lane]=$((busy[$lane] + 1))
    done
    running=$((busy[cpu] + busy[browser]))
}

tasks_stop() {
    local name
    trap - EXIT INT TERM HUP
    for name in "${task_names[@]}"; do
        [ "${task_state[$name]}" = running ] && kill -TERM -- "-${task_group[$name]}" 2>/dev/null
    done
    sleep 1
    for name in "${task_names[@]}"; do
        [ "${task_state[$name]}" = running ] && kill -KILL -- "-${task_group[$name]}" 2>/dev/null
    done
}

run_tasks() {
    local name running
    mkdir -p $task_folder
    trap tasks_stop EXIT
    trap 'tasks_stop; exit 130' INT
    trap 'tasks_stop; exit 143' TERM HUP
    while tasks_start_ready; [ "$running" -gt 0 ]; do
        wait -n 2>/dev/null || sleep 0.2 # it may have missed one that ended just now
        for name in "${task_names[@]}"; do
            [ "${task_state[$name]}" != running ] || kill -0 "${task_group[$name]}" 2>/dev/null || task_end "$name"
        done
    done
    trap - EXIT INT TERM HUP
    for name in "${task_names[@]}"; do
        [ "${task_state[$name]}" != waiting ] || { result FAILED "$name" "was never started"; failed=$((failed + 1)); }
    done
}

failures() {
    local name
    for name in "${task_names[@]}"; do
        [ "${task_state[$name]}" = bad ] && [ -f "$task_folder/$name.out" ] || continue
        grep -A 4 -E '^ *(not ok|FAILED|FAIL:|ERROR:|\[  FAILED  \])' "$task_folder/$name.out" | cut -c1-200 | head -n 60
    done
}
