/* main.c - runs a fuzz target without libFuzzer, with any compiler and in every test run.
 *
 *    fuzz_x CORPUS... [--runs N] [--seed S] [--save FILE]
 *
 * Every file of the corpus (files, or folders of files) runs once unchanged.  Then N inputs run, each a file of the
 * corpus with a few changes.  The same corpus, N and S give the same inputs.  Each input is in a block of exactly its
 * size, so the address sanitizer sees a read past its end.  With --save each input is written to FILE before it runs,
 * so after a crash FILE has the input that caused it.  Coverage is not measured; for that there is libFuzzer
 * (tools/fuzz). */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1 << 16 }; /* larger ones are cut, because they would be slow */

typedef struct {
    uint8_t *data;
    size_t size;
} input;

static struct {
    input *inputs;
    size_t count, capacity;
} corpus;

/* ---- corpus ---------------------------------------------------------------------------------------- */

static void die(const char *what, const char *name)
{
    fprintf(stderr, "fuzz: %s: %s\n", what, name);
    exit(2);
}

static void *must(void *memory)
{
    if (!memory) die("no memory", "");
    return memory;
}

static void add_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) die("cannot read", path);
    uint8_t *data = must(malloc(MAX_INPUT));
    size_t size = fread(data, 1, MAX_INPUT, stream);
    if (ferror(stream)) die("cannot read", path);
    fclose(stream);
    if (corpus.count == corpus.capacity) {
        corpus.capacity = corpus.capacity ? 2 * corpus.capacity : 64;
        corpus.inputs = must(realloc(corpus.inputs, corpus.capacity * sizeof *corpus.inputs));
    }
    corpus.inputs[corpus.count++] = (input){data, size};
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Adds a file, or all files of a folder in the order of their names. */
static void add_path(const char *path)
{
    struct stat info;
    if (stat(path, &info)) die("cannot find", path);
    if (!S_ISDIR(info.st_mode)) {
        add_file(path);
        return;
    }
    struct dirent **entries;
    int n = scandir(path, &entries, not_hidden, alphasort);
    if (n < 0) die("cannot list", path);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *name = must(malloc(length));
        snprintf(name, length, "%s/%s", path, entries[i]->d_name);
        if (stat(name, &info) == 0 && S_ISREG(info.st_mode)) add_file(name);
        free(name);
        free(entries[i]);
    }
    free(entries);
}

/* ---- mutation -------------------------------------------------------------------------------------- */

static uint64_t seed = 1;
static uint32_t run, draws;

/* The next number of this run, below n. */
static size_t below(size_t n)
{
    return (size_t)(pal_uniform(seed, PAL_DRAW_TOKEN, 0, run, draws++) * (double)n);
}

/* Numbers that often break lengths and counts, little endian in 1, 2, 4 or 8 bytes. */
static void overwrite_number(input *in)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       7,
                                       8,
                                       31,
                                       32,
                                       127,
                                       128,
                                       255,
                                       256,
                                       32767,
                                       65535,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       (uint64_t)1 << 32,
                                       (uint64_t)1 << 61,
                                       (uint64_t)1 << 62,
                                       INT64_MAX,
                                       (uint64_t)1 << 63,
                                       UINT64_MAX - 7,
                                       UINT64_MAX};
    size_t width = (size_t)1 << below(4);
    if (in->size < width) return;
    size_t at = below(in->size - width + 1);
    uint64_t n = numbers[below(sizeof numbers / sizeof numbers[0])];
    for (size_t i = 0; i < width; i++) in->data[at + i] = (uint8_t)(n >> 8 * i);
}

/* Adds a small number to the bytes at some place, as if they were one little-endian number. */
static void change_number(input *in)
{
    if (in->size < 8) return;
    size_t at = below(in->size - 7);
    uint64_t n = 0, change = below(65) - (uint64_t)32;
    for (size_t i = 0; i < 8; i++) n |= (uint64_t)in->data[at + i] << 8 * i;
    n += change;
    for (size_t i = 0; i < 8; i++) in->data[at + i] = (uint8_t)(n >> 8 * i);
}

static void remove_bytes(input *in)
{
    if (in->size == 0) return;
    size_t at = below(in->size), n = 1 + below(below(4) ? 8 : in->size);
    if (n > in->size - at) n = in->size - at;
    memmove(in->data + at, in->data + at + n, in->size - at - n);
    in->size -= n;
}

/* Inserts bytes of some file of the corpus (maybe this one), or overwrites others with them. */
static void splice(input *in, bool insert)
{
    input other = corpus.inputs[below(corpus.count)];
    if (other.size == 0) return;
    size_t from = below(other.size), at = below(in->size + 1), n = 1 + below(below(4) ? 16 : 256);
    if (n > other.size - from) n = other.size - from;
    if (insert) {
        if (n > MAX_INPUT - in->size) return;
        memmove(in->data + at + n, in->data + at, in->size - at);
        in->size += n;
    } else if (n > in->size - at) {
        n = in->size - at;
    }
    memcpy(in->data + at, other.data + from, n);
}

static void mutate(input *in)
{
    switch (below(8)) {
    case 0:
    case 1:
        if (in->size) in->data[below(in->size)] ^= (uint8_t)(1u << below(8));
        break;
    case 2:
        if (in->size) in->data[below(in->size)] = (uint8_t)below(256);
        break;
    case 3: overwrite_number(in); break;
    case 4: change_number(in); break;
    case 5: remove_bytes(in); break;
    case 6: splice(in, true); break;
    default: splice(in, false); break;
    }
}

/* ---- running --------------------------------------------------------------------------------------- */

static const char *save_path;

static void save(input in)
{
    FILE *stream = fopen(save_path, "wb");
    if (!stream || fwrite(in.data, 1, in.size, stream) != in.size || fclose(stream)) die("cannot write", save_path);
}

static void run_one(input in)
{
    if (save_path) save(in);
    uint8_t *exact = must(malloc(in.size ? in.size : 1));
    memcpy(exact, in.data, in.size);
    LLVMFuzzerTestOneInput(exact, in.size);
    free(exact);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text ? text : "", &end, 10);
    if (!text || end == text || *end) die("not a number", text ? text : "(nothing)");
    return n;
}

int main(int argc, char **argv)
{
    uint32_t runs = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runs") == 0)
            runs = (uint32_t)number(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = number(argv[++i]);
        else if (strcmp(argv[i], "--save") == 0)
            save_path = argv[++i];
        else
            add_path(argv[i]);
    }
    if (corpus.count == 0)
        die("no corpus given, or an empty one", "usage: CORPUS... [--runs N] [--seed S] [--save FILE]");
    for (size_t i = 0; i < corpus.count; i++) run_one(corpus.inputs[i]);

    input work = {must(malloc(MAX_INPUT)), 0};
    for (run = 0; run < runs; run++) {
        draws = 0;
        input source = corpus.inputs[below(corpus.count)];
        memcpy(work.data, source.data, source.size);
        work.size = source.size;
        for (size_t changes = 1 + below(6); changes > 0; changes--) mutate(&work);
        run_one(work);
    }
    printf("%zu files of the corpus and %u mutations of them ran\n", corpus.count, (unsigned)runs);
    for (size_t i = 0; i < corpus.count; i++) free(corpus.inputs[i].data);
    free(corpus.inputs);
    free(work.data);
    return 0;
}
