/* io.c - input files, errors, seeds, time and Ctrl-C of the commands. */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

/* Prints the error and frees *out. */
static bool read_failed(const char *name, const char *why, bytes *out)
{
    fprintf(stderr, "palimpsest: %s: %s\n", name, why);
    free(out->data);
    *out = (bytes){0};
    return false;
}

static bool stream_read(FILE *in, const char *name, bytes *out)
{
    size_t capacity = 0;
    *out = (bytes){0};
    for (;;) {
        if (out->size == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            char *grown = realloc(out->data, capacity);
            if (!grown) return read_failed(name, "not enough memory for the text", out);
            out->data = grown;
        }
        size_t got = fread(out->data + out->size, 1, capacity - out->size, in);
        out->size += got;
        if (!got) return ferror(in) ? read_failed(name, strerror(errno), out) : true;
    }
}

bool file_read(const char *path, bytes *out)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        fprintf(stderr, "palimpsest: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = stream_read(in, path, out);
    fclose(in);
    return good;
}

int input_read(const char *command, const char *text, const char *file, const char *dash, bytes *out)
{
    if (file && !dash && strcmp(file, "-") == 0) {
        dash = file;
        file = NULL;
    }
    if (dash && strcmp(dash, "-")) return usage_error(command, "unexpected argument", dash);
    if ((text != NULL) + (file != NULL) + (dash != NULL) != 1)
        return usage_error(command, "give exactly one of --text, --file and - (standard input)", NULL);
    if (dash) return stream_read(stdin, "standard input", out) ? -1 : EXIT_BAD;
    if (file) return file_read(file, out) ? -1 : EXIT_BAD;
    out->size = strlen(text);
    out->data = malloc(out->size + 1);
    if (!out->data) return no_memory(command, "the text");
    memcpy(out->data, text, out->size + 1);
    return -1;
}

size_t without_line_break(const char *text, size_t size)
{
    if (!size || text[size - 1] != '\n') return size;
    size--;
    return size && text[size - 1] == '\r' ? size - 1 : size;
}

bool next_document(const bytes *text, size_t *at, bytes *out)
{
    static const char separator[] = "<|endoftext|>";
    size_t from = *at, line = from, end = from;
    if (from == text->size) return false;
    for (; line < text->size; line = end) {
        const char *newline = memchr(text->data + line, '\n', text->size - line);
        end = newline ? (size_t)(newline - text->data) + 1 : text->size;
        size_t size = without_line_break(text->data + line, end - line);
        if (size == sizeof separator - 1 && memcmp(text->data + line, separator, size) == 0) break;
    }
    *at = end;
    *out = (bytes){text->data + from, line - from};
    return true;
}

int report(const char *where, const pal_error *err)
{
    fprintf(stderr, "palimpsest: %s: %s", where, err->text);
    if (err->offset != SIZE_MAX)
        fprintf(stderr, " (%s %zu)", err->status == PAL_E_OPTION || err->status == PAL_E_IO ? "number" : "byte",
                err->offset);
    fputc('\n', stderr);
    return err->status == PAL_E_OPTION ? EXIT_USAGE : EXIT_BAD;
}

pal_model *model_of(const char *command, const char *path, unsigned flags, const char *isa, int32_t threads, int *code)
{
    pal_model *model;
    pal_error err;
    if (!path) {
        *code = usage_error(command, "no model: give one with -m", NULL);
        return NULL;
    }
    if (pal_model_open_file(&model, path, flags, &err)) {
        *code = report(path, &err);
        return NULL;
    }
    if (isa && pal_model_use_isa(model, isa, &err)) {
        *code = usage_error(command, err.text, isa);
        pal_model_close(model);
        return NULL;
    }
    if (pal_model_use_threads(model, threads, &err)) {
        *code = report(command, &err);
        pal_model_close(model);
        return NULL;
    }
    return model;
}

pal_model *with_adapter(pal_model *base, const char *path, int *code)
{
    pal_model *model;
    pal_error err;
    if (!base || !path) return base;
    if (pal_model_attach_file(&model, base, path, &err)) {
        *code = report(path, &err);
        return NULL;
    }
    if (pal_adapter_note(model)) fprintf(stderr, "palimpsest: %s: warning: %s\n", path, pal_adapter_note(model));
    return model;
}

const char *model_name(const pal_model *model, const char *path)
{
    const char *name = pal_model_info(model)->name;
    return *name ? name : path;
}

uint64_t seed_or_drawn(uint64_t seed, bool given)
{
    if (given) return seed;
    uint32_t drawn = 0;
    FILE *random = fopen("/dev/urandom", "rb");
    if (!random || fread(&drawn, sizeof drawn, 1, random) != 1) drawn = (uint32_t)time(NULL) ^ (uint32_t)getpid() << 16;
    if (random) fclose(random);
    fprintf(stderr, "seed %lu\n", (unsigned long)drawn);
    return drawn;
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void json_run(json *j, const pal_model *model, const char *path, double start)
{
    json_string(j, "model", model_name(model, path));
    json_number(j, "seconds", seconds_now() - start);
    json_int(j, "threads", pal_model_info(model)->threads);
    json_string(j, "isa", pal_model_info(model)->isa);
}

void put_printable(FILE *out, const char *text)
{
    for (; *text; text++) fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

int put_quoted(FILE *out, const bytes *text)
{
    int width = 2;
    fputc('"', out);
    for (size_t at = 0, length; at < text->size; at += length ? length : 1) {
        const unsigned char *c = (const unsigned char *)text->data + at;
        length = utf8_length(c, text->size - at);
        if (*c == '\n')
            width += fprintf(out, "\\n");
        else if (!length || *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) /* also controls above 127 */
            for (size_t i = 0; i < (length ? length : 1); i++) width += fprintf(out, "\\x%02x", c[i]);
        else
            width += (int)fwrite(c, length, 1, out);
    }
    fputc('"', out);
    return width;
}

static volatile sig_atomic_t stop;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

static void catch_interrupt(int flags)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = flags};
    sigaction(SIGINT, &action, NULL);
}

/* SA_RESETHAND: a second Ctrl-C ends at once.  SA_RESTART: writing goes on, nothing of the output is lost. */
void stop_on_interrupt(void)
{
    catch_interrupt(SA_RESETHAND | SA_RESTART);
}

bool input_or_stop(void)
{
    sigset_t interrupt, before;
    fd_set in;
    FD_ZERO(&in);
    FD_SET(0, &in);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before); /* arrives in pselect, never between the question and the wait */
    while (!stop && pselect(1, &in, NULL, NULL, NULL, &before) < 0 && errno == EINTR) FD_SET(0, &in);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !stop;
}

bool stop_requested(void)
{
    return stop;
}

void stop_forget(void)
{
    stop = 0;
    stop_on_interrupt();
}
