/* cores.c - counts the physical cores that the process may use: by affinity, topology and control groups.
 *
 * The texts come from the system, but a container can put anything in their place: every number is checked. */
#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#elif !defined(__wasm__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "cores.h"
#include "say.h"

#include <string.h>

/* ---- texts ------------------------------------------------------------------------------------------ */

/* Reads a number at *at; numbers above INT32_MAX count as that.  false: there is none. */
static bool read_number(pal_str text, size_t *at, int64_t *out)
{
    const size_t from = *at;
    for (*out = 0; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
        *out = *out * 10 + (text.data[*at] - '0');
        if (*out > INT32_MAX) *out = INT32_MAX;
    }
    return *at > from;
}

static bool read_char(pal_str text, size_t *at, char wanted)
{
    if (*at >= text.size || text.data[*at] != wanted) return false;
    (*at)++;
    return true;
}

void pal_processor_list(pal_str text, uint8_t set[PAL_PROCESSORS / 8])
{
    size_t at = 0;
    int64_t first, last;
    memset(set, 0, PAL_PROCESSORS / 8);
    do {
        if (!read_number(text, &at, &first)) return;
        last = first;
        if (read_char(text, &at, '-') && !read_number(text, &at, &last)) return;
        for (int64_t i = first; i <= last && i < PAL_PROCESSORS; i++) set[i / 8] |= (uint8_t)(1 << i % 8);
    } while (read_char(text, &at, ','));
}

int pal_processor_first(const uint8_t *set, const uint8_t *other)
{
    for (int i = 0; i < PAL_PROCESSORS; i++)
        if (set[i / 8] & other[i / 8] & 1 << i % 8) return i;
    return -1;
}

static int whole_processors(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0) return 0;
    return quota < period ? 1 : (int)(quota / period);
}

int pal_quota(pal_str text)
{
    size_t at = 0;
    int64_t quota, period;
    if (!read_number(text, &at, &quota) || !read_char(text, &at, ' ') || !read_number(text, &at, &period)) return 0;
    return whole_processors(quota, period);
}

int pal_quota_v1(pal_str quota, pal_str period)
{
    size_t at = 0, then = 0;
    int64_t of, each;
    return read_number(quota, &at, &of) && read_number(period, &then, &each) ? whole_processors(of, each) : 0;
}

/* Whether a list of names with commas between them has the name. */
static bool lists(pal_str names, const char *name)
{
    const size_t size = strlen(name);
    if (!size) return !names.size;
    for (size_t from = 0, to; from < names.size; from = to + 1) {
        for (to = from; to < names.size && names.data[to] != ',';) to++;
        if (to - from == size && memcmp(names.data + from, name, size) == 0) return true;
    }
    return false;
}

/* The part of the text from *at to the next `end`, or to its end; *at moves behind it. */
static pal_str part_until(pal_str text, size_t *at, char end)
{
    const size_t from = *at;
    while (*at < text.size && text.data[*at] != end) (*at)++;
    const pal_str part = {text.data + from, *at - from};
    if (*at < text.size) (*at)++;
    return part;
}

/* A line is number:controllers:path. */
pal_str pal_group_path(pal_str text, const char *controller)
{
    for (size_t at = 0; at < text.size;) {
        const pal_str line = part_until(text, &at, '\n');
        size_t in = 0;
        part_until(line, &in, ':');
        const pal_str controllers = part_until(line, &in, ':'), path = {line.data + in, line.size - in};
        if (path.size && path.data[0] == '/' && lists(controllers, controller)) return path;
    }
    return (pal_str){"", 0};
}

/* ---- the system ------------------------------------------------------------------------------------- */

#if defined(__linux__)

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

enum { FILE_BYTES = 4096, PATH_BYTES = 1024 };

/* The start of a file; empty if it cannot be read. */
static pal_str read_start(const char *path, char *buffer)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return (pal_str){buffer, 0};
    const ssize_t size = read(file, buffer, FILE_BYTES);
    close(file);
    return (pal_str){buffer, size > 0 ? (size_t)size : 0};
}

static void find_allowed(uint8_t set[PAL_PROCESSORS / 8])
{
    cpu_set_t allowed;
    memset(set, 0, PAL_PROCESSORS / 8);
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    for (int i = 0; i < PAL_PROCESSORS && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed)) set[i / 8] |= (uint8_t)(1 << i % 8);
}

int pal_processors(void)
{
    uint8_t allowed[PAL_PROCESSORS / 8];
    int count = 0;
    find_allowed(allowed);
    for (int i = 0; i < PAL_PROCESSORS; i++) count += allowed[i / 8] >> i % 8 & 1;
    return count ? count : 1;
}

/* Of the processors of a core, the first that may be used stands for it.  If a file is missing, each is a core. */
static int count_cores(void)
{
    uint8_t allowed[PAL_PROCESSORS / 8], siblings[PAL_PROCESSORS / 8];
    char path[PATH_BYTES], buffer[FILE_BYTES];
    int count = 0;
    find_allowed(allowed);
    for (int i = 0; i < PAL_PROCESSORS; i++) {
        if (!(allowed[i / 8] >> i % 8 & 1)) continue;
        pal_say(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i);
        pal_processor_list(read_start(path, buffer), siblings);
        const int first = pal_processor_first(siblings, allowed);
        count += first < 0 || first == i;
    }
    return count ? count : 1;
}

static int limit_of(const char *root, const char *group, bool v2)
{
    char path[PATH_BYTES], buffer[FILE_BYTES], other[FILE_BYTES];
    pal_say(path, sizeof path, "%s%s/%s", root, group, v2 ? "cpu.max" : "cpu.cfs_quota_us");
    const pal_str quota = read_start(path, buffer);
    if (v2) return pal_quota(quota);
    pal_say(path, sizeof path, "%s%s/cpu.cfs_period_us", root, group);
    return pal_quota_v1(quota, read_start(path, other));
}

/* The lowest limit of a group and of all groups that contain it; 0: none.  In a container the path may be that outside
 * of it: the last group tried is the root, which there is the container's own. */
static int limit_of_groups(const char *root, pal_str path, bool v2)
{
    char group[PATH_BYTES / 2];
    int lowest = 0;
    const size_t size = path.size < sizeof group ? path.size : 0;
    memcpy(group, path.data, size);
    group[size] = '\0';
    for (char *end = group + size;; *end = '\0') {
        const int limit = limit_of(root, group, v2);
        if (limit && (!lowest || limit < lowest)) lowest = limit;
        if (end == group) return lowest;
        while (end > group && *--end != '/') continue;
    }
}

static int lower(int a, int b)
{
    return !a || (b && b < a) ? b : a;
}

int pal_cores(void)
{
    char buffer[FILE_BYTES];
    const int cores = count_cores();
    const pal_str groups = read_start("/proc/self/cgroup", buffer);
    int limit = limit_of_groups("/sys/fs/cgroup", pal_group_path(groups, ""), true);
    limit = lower(limit, limit_of_groups("/sys/fs/cgroup/cpu", pal_group_path(groups, "cpu"), false));
    return lower(limit, cores);
}

#elif !defined(__wasm__)

#include <unistd.h>

int pal_processors(void)
{
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > PAL_PROCESSORS ? PAL_PROCESSORS : (int)count;
}

int pal_cores(void)
{
    return pal_processors();
}

#else

int pal_processors(void)
{
    return 1;
}

int pal_cores(void)
{
    return 1;
}

#endif
