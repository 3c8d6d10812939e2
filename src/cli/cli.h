/* cli.h - what the commands share: files, JSON, Ctrl-C (internal to the command line); options are in options.h.
 *
 * Results go to stdout, everything else to stderr.  Exit codes: 0 it worked, 1 bad input or file, 2 usage,
 * 130 stopped by Ctrl-C. */
#ifndef PAL_CLI_H
#define PAL_CLI_H

#include "options.h"

#include <stdio.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_STOPPED = 130 };

/* ---- input and errors ---- */

typedef struct {
    char *data;
    size_t size;
} bytes;

/* Exactly one of text, file and dash ("-") must be given; the file "-" is standard input too.  Returns -1 to go
 * on, otherwise the exit code, after printing what is wrong.  out->data is the caller's to free either way. */
int input_read(const char *command, const char *text, const char *file, const char *dash, bytes *out);
bool file_read(const char *path, bytes *out); /* prints what is wrong, and then out->data is NULL */

/* A file to be written.  It appears under its name only when it is whole, and until then what stood there stays; devices
 * and pipes, and files in folders where nothing can be put beside them, are written in place.  All print what is wrong. */
typedef struct {
    FILE *file;
    const char *path;
    char *target, *beside; /* behind links; where it is written meanwhile; NULL: in place */
} output;

bool output_possible(const char *path);        /* asked before the work; NULL is possible */
bool output_open(output *o, const char *path); /* path must stay until output_close */
bool output_close(output *o, bool good);       /* good: all was written; says whether the file is there */

/* The document at byte *at of a text cut at lines `<|endoftext|>`: its bytes point into the text, and *at moves behind
 * the line.  False: the text ends here. */
bool next_document(const bytes *text, size_t *at, bytes *out);
size_t without_line_break(const char *text, size_t size); /* size less that of a line break at the end */
int report(const char *where, const pal_error *err);      /* prints; returns the exit code */

/* The same where there is no memory for something.  Inline so that the static analyser sees that it is a failure. */
static inline int no_memory(const char *where, const char *what)
{
    fprintf(stderr, "palimpsest: %s: no memory for %s\n", where, what);
    return EXIT_BAD;
}

/* The model of -m; NULL after printing what is wrong, with the exit code in *code. */
pal_model *model_of(const char *command, const char *path, unsigned flags, const char *isa, int *code);
const char *model_name(const pal_model *model, const char *path);

uint64_t seed_or_drawn(uint64_t seed, bool given); /* a drawn one is printed to stderr */
double seconds_now(void);

/* ---- Ctrl-C ---- */

void stop_on_interrupt(void);
bool stop_requested(void);
void stop_forget(void); /* the next Ctrl-C is the first one again */

/* ---- text for people ---- */

/* Text out of a file, control characters as ?: a terminal obeys them. */
void put_printable(FILE *out, const char *text);

/* Text between quotes on one line: control characters and bytes that are not UTF-8 as \n or \xHH.  Returns its width in
 * characters. */
int put_quoted(FILE *out, const bytes *text);

/* ---- JSON: one object or array after the other, commas by themselves ---- */

typedef struct {
    FILE *out;
    bool comma;
} json;

void json_open(json *j, const char *key, char bracket); /* '{' or '['; key NULL inside arrays */
void json_close(json *j, char bracket);
void json_text(json *j, const char *key, const char *text, size_t size); /* bytes that are not UTF-8 become U+FFFD */
void json_string(json *j, const char *key, const char *text);
void json_int(json *j, const char *key, int64_t value);
void json_uint(json *j, const char *key, uint64_t value);
void json_number(json *j, const char *key, double value); /* null where it is not finite */
void json_bool(json *j, const char *key, bool value);
void json_end_line(json *j);
size_t utf8_length(const unsigned char *text, size_t size); /* of the well-formed character at text[size], or 0 */
/* model, isa, threads, and seconds since `start`. */
void json_run(json *j, const pal_model *model, const char *path, double start);

/* ---- commands ---- */

int command_infill(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_image(int argc, char **argv);
int command_score(int argc, char **argv);
int command_surprise(int argc, char **argv);
int command_tokenize(int argc, char **argv);
int command_detokenize(int argc, char **argv);
int command_info(int argc, char **argv);
int command_quantize(int argc, char **argv);
int command_bench(int argc, char **argv);

#endif
