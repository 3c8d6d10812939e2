/* parts.c - opens models from files, also models that were split into several. */
#include "../network/model.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 99999, DIGITS = 5 }; /* NAME-00001-of-00003.gguf */

/* ---- in memory -------------------------------------------------------------------------------------- */

static void close_all(pal_gguf **parts, size_t count)
{
    for (size_t i = 0; i < count; i++) pal_gguf_close(parts[i]);
    free(parts);
}

pal_status pal_model_open_parts(pal_model **out, void *const *files, const size_t *bytes, size_t count, unsigned flags,
                                pal_error *err)
{
    if (count == 1) return pal_model_open(out, files[0], bytes[0], flags, err);
    pal_gguf **parts = count && count <= MAX_PARTS ? calloc(count, sizeof *parts) : NULL, *whole;
    size_t opened = 0, total = 0;
    pal_status s = PAL_OK;
    if (!parts) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the parts of the model", SIZE_MAX);
    for (; !s && opened < count; opened += !s) {
        s = pal_gguf_open(&parts[opened], files[opened], bytes[opened], err);
        total = pal_plus(total, bytes[opened]);
    }
    if (!s) s = pal_gguf_join(&whole, parts, count, err);
    if (s) {
        close_all(parts, opened);
        return s;
    }
    free(parts);
    return pal_model_open_gguf(out, whole, true, total, flags, err);
}

/* ---- by path ---------------------------------------------------------------------------------------- */

static bool read_digits(const char *text, size_t *out)
{
    *out = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        *out = *out * 10 + (size_t)(text[i] - '0');
    }
    return true;
}

static void write_digits(char *text, size_t number)
{
    for (int i = DIGITS; i-- > 0; number /= 10) text[i] = (char)('0' + number % 10);
}

/* Whether the path is that of a part; *at is the position of its number. */
static bool is_part(const char *path, size_t *at, size_t *count)
{
    static const char end[] = "-00001-of-00003.gguf", of[] = "-of-", suffix[] = ".gguf";
    const size_t size = strlen(path);
    size_t number;
    if (size < sizeof end - 1) return false;
    const char *tail = path + size - (sizeof end - 1);
    *at = (size_t)(tail + 1 - path);
    return tail[0] == '-' && read_digits(tail + 1, &number) && memcmp(tail + 6, of, sizeof of - 1) == 0 &&
           read_digits(tail + 10, count) && memcmp(tail + 15, suffix, sizeof suffix) == 0 && *count > 1 &&
           number >= 1 && number <= *count;
}

static void unmap_all(pal_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) pal_file_unmap(&files[i]);
    free(files);
}

/* Maps all parts beside the one at `path`; *number is the one that cannot be mapped. */
static pal_status map_all(const char *path, size_t at, size_t count, pal_file *files, size_t *number, pal_error *err)
{
    char *name = malloc(strlen(path) + 1);
    pal_status s = PAL_OK;
    if (!name) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the parts of the model", SIZE_MAX);
    memcpy(name, path, strlen(path) + 1);
    for (*number = 1; !s && *number <= count; *number += !s) {
        write_digits(name + at, *number);
        s = pal_file_map(&files[*number - 1], name, err);
    }
    free(name);
    return s;
}

static pal_status open_mapped(pal_model **out, pal_file *files, size_t count, unsigned flags, pal_error *err)
{
    void **images = calloc(count, sizeof *images);
    size_t *bytes = calloc(count, sizeof *bytes);
    pal_status s = PAL_E_MEMORY;
    if (images && bytes) {
        for (size_t i = 0; i < count; i++) {
            images[i] = files[i].data;
            bytes[i] = files[i].size;
        }
        s = pal_model_open_parts(out, images, bytes, count, flags, err);
    } else
        pal_fail(err, s, "not enough memory for the parts of the model", SIZE_MAX);
    free(images);
    free(bytes);
    return s;
}

/* Opens all parts of a split model. */
static pal_status open_all(pal_model **out, const char *path, size_t at, size_t count, unsigned flags, pal_error *err)
{
    pal_file *files = calloc(count, sizeof *files);
    size_t number;
    if (!files) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the parts of the model", SIZE_MAX);
    pal_status s = map_all(path, at, count, files, &number, err);
    if (s == PAL_E_IO)
        pal_fail(
            err, s,
            "a part of this split model is missing or cannot be read: all its files must be in one folder, with the "
            "names that they had",
            number);
    if (!s) s = open_mapped(out, files, count, flags, err);
    if (s) {
        unmap_all(files, count);
        return s;
    }
    (*out)->parts = files;
    (*out)->part_count = count;
    return PAL_OK;
}

static pal_status open_one(pal_model **out, const char *path, unsigned flags, pal_error *err)
{
    pal_file file;
    pal_status s = pal_file_map(&file, path, err);
    if (s) return s;
    s = pal_model_open(out, file.data, file.size, flags, err);
    if (s)
        pal_file_unmap(&file);
    else
        (*out)->file = file;
    return s;
}

pal_status pal_model_open_file(pal_model **out, const char *path, unsigned flags, pal_error *err)
{
    size_t at, count;
    if (!is_part(path, &at, &count)) return open_one(out, path, flags, err);
    return open_all(out, path, at, count, flags, err);
}
