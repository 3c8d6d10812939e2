/* cores.h - how many threads this machine is good for (internal).
 *
 * Threads of one physical core share its arithmetic units, so the second one gains little: physical cores are counted,
 * and of these only those that the process may use. */
#ifndef PAL_CORES_H
#define PAL_CORES_H

#include "core.h"

/* Processors (hardware threads) that this process may run on; at least 1. */
int pal_processors(void);

/* Physical cores that this process may run on, and not more than the processor time that its control groups allow
 * (rounded down); at least 1.  Reads /proc and /sys on Linux; elsewhere the number of processors, or 1. */
int pal_cores(void);

/* ---- the texts of these files ---- */

enum { PAL_PROCESSORS = 1024 }; /* numbers below this are known; as in cpu_set_t */

/* The processors that a list such as "0-3,8,10-11\n" names, up to its first error, as bits: bit i % 8 of byte i / 8. */
void pal_processor_list(pal_str text, uint8_t set[PAL_PROCESSORS / 8]);

/* The lowest processor that is in both sets; -1: none. */
int pal_processor_first(const uint8_t *set, const uint8_t *other);

/* Whole processors that cpu.max of cgroup v2 allows, a text such as "200000 100000\n" (microseconds of each period); at
 * least 1.  0: no limit, or another text. */
int pal_quota(pal_str text);

/* The same from the two files of cgroup v1, cpu.cfs_quota_us and cpu.cfs_period_us. */
int pal_quota_v1(pal_str quota, pal_str period);

/* Finds the control group of a process in its /proc/PID/cgroup: the one of v2 if `controller` is "", otherwise the one
 * of v1 with this controller.  The path is a part of the text and begins with '/'; its size is 0 if there is none. */
pal_str pal_group_path(pal_str text, const char *controller);

#endif
