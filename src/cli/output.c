/* output.c - writes output files so that a file is either complete or absent, and checks before the work that it can be
 * written. */
#define _XOPEN_SOURCE 700 /* realpath; NOLINT(bugprone-reserved-identifier): POSIX reserves it for this */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "palimpsest: %s: %s\n", path, what);
    return false;
}

/* Whether to write in place: devices, pipes, and files that are named by their descriptor. */
static bool in_place(const char *path, const struct stat *about)
{
    return !S_ISREG(about->st_mode) || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* Sets o->target to the path with links resolved, and o->beside to a temporary name in the same folder. */
static bool name_both(output *o)
{
    char *real = realpath(o->path, NULL);
    const size_t capacity = strlen(real ? real : o->path) + 32;
    o->target = real ? real : strdup(o->path);
    o->beside = malloc(capacity);
    if (o->target && o->beside) snprintf(o->beside, capacity, "%s.%ld.part", o->target, (long)getpid());
    return o->target && o->beside;
}

static void forget_names(output *o)
{
    free(o->target);
    free(o->beside);
    o->target = o->beside = NULL;
}

/* Whether the existing file may be written to, or there is none.  Prints an error if not. */
static bool may_stand(const char *path, bool exists, const struct stat *about)
{
    if (exists && S_ISDIR(about->st_mode)) return complain(path, "cannot be written: it is a folder");
    return !exists || access(path, W_OK) == 0 || complain(path, strerror(errno));
}

bool output_open(output *o, const char *path)
{
    struct stat about;
    const bool exists = stat(path, &about) == 0;
    *o = (output){.path = path};
    if (!may_stand(path, exists, &about)) return false;
    if (!exists || !in_place(path, &about)) {
        if (name_both(o)) o->file = fopen(o->beside, "wb");
        if (o->file && exists) (void)chmod(o->beside, about.st_mode & 07777);
    }
    if (!o->file && (exists || errno == ENAMETOOLONG)) { /* the temporary file cannot be made: write in place */
        forget_names(o);
        o->file = fopen(path, "wb");
    }
    if (o->file) return true;
    complain(path, strerror(errno));
    forget_names(o);
    return false;
}

bool output_close(output *o, bool good)
{
    bool written = !ferror(o->file);
    int why = written ? 0 : errno;
    if (fclose(o->file) || (good && written && o->beside && rename(o->beside, o->target))) {
        if (!why) why = errno;
        written = false;
    }
    if (good && !written) complain(o->path, why ? strerror(why) : "it could not be written");
    if (o->beside && !(good && written)) remove(o->beside);
    forget_names(o);
    return good && written;
}

/* Does not change an existing file, and leaves no new one. */
bool output_possible(const char *path)
{
    output o;
    struct stat about;
    if (!path) return true;
    if (stat(path, &about) == 0) return may_stand(path, true, &about);
    if (!output_open(&o, path)) return false;
    fclose(o.file);
    remove(o.beside ? o.beside : path);
    forget_names(&o);
    return true;
}
