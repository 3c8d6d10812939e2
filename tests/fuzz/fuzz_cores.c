/* fuzz_cores.c - fuzzes the texts of /proc and /sys that decide how many threads are used.
 *
 * Each text is read by every parser of core/cores.h; its two halves are the two files of cgroup v1. */
#include "core/cores.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_cores: %s\n", what);
    abort();
}

static void check_path(pal_str text, const char *controller)
{
    const pal_str path = pal_group_path(text, controller);
    const char *end = text.data + text.size;
    check(!path.size || (path.data >= text.data && path.data + path.size <= end && *path.data == '/'),
          "a path is outside");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pal_str text = {(const char *)data, size}, half = {text.data, size / 2};
    const pal_str rest = {text.data + half.size, size - half.size};
    uint8_t set[PAL_PROCESSORS / 8];
    pal_processor_list(text, set);
    const int first = pal_processor_first(set, set);
    check(first >= -1 && first < PAL_PROCESSORS, "a processor is out of range");
    check(pal_quota(text) >= 0 && pal_quota_v1(half, rest) >= 0, "a limit is negative");
    check_path(text, "");
    check_path(text, "cpu");
    return 0;
}
