/* cli.h - functions that the commands share: files, JSON, Ctrl-C (internal to the command line).  Options are in
 * options.h.
 *
 * Results go to stdout, everything else to stderr.  Exit codes: 0 success, 1 bad input or file, 2 wrong usage, 130
 * stopped by Ctrl-C. */
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

/* Reads the input.  Exactly one of text, file and dash ("-") must be given; the file "-" is standard input too.
 * Returns -1 on success; otherwise prints an error and returns the exit code.  The caller frees out->data in both
 * cases. */
int input_read(const char *command, const char *text, const char *file, const char *dash, bytes *out);
bool file_read(const char *path, bytes *out); /* if it fails, prints an error and sets out->data to NULL */

/* A file to be written.  It is written under another name in the same folder and renamed when it is complete, so that
 * an existing file is kept until then.  Devices, pipes, and files in folders that cannot be written to are written in
 * place.  All functions print errors. */
typedef struct {
    FILE *file;
    const char *path;
    char *target, *beside; /* the path with links resolved; the temporary file; both NULL if written in place */
} output;

bool output_possible(const char *path);        /* whether path can be written, to check before the work; NULL: true */
bool output_open(output *o, const char *path); /* path must stay valid until output_close */
bool output_close(output *o, bool good);       /* good: everything was written; returns whether the file is complete */

/* Finds the document at byte *at of a text whose documents are separated by lines `<|endoftext|>`.  Points *out into
 * the text and moves *at behind the separator.  false: the text has no more documents. */
bool next_document(const bytes *text, size_t *at, bytes *out);
size_t without_line_break(const char *text, size_t size); /* size without a line break at the end */
int report(const char *where, const pal_error *err);      /* prints the error; returns the exit code */

/* Reports that there is not enough memory.  Inline so that the static analyser sees that it is a failure. */
static inline int no_memory(const char *where, const char *what)
{
    fprintf(stderr, "palimpsest: %s: not enough memory for %s\n", where, what);
    return EXIT_BAD;
}

/* Opens the model of option -m, for the threads of option --threads.  If it fails, prints an error, sets *code to the
 * exit code and returns NULL. */
pal_model *model_of(const char *command, const char *path, unsigned flags, const char *isa, int32_t threads, int *code);

/* Opens the adapter of option --adapter.  Returns a model to be closed before `base`, or base itself if path is NULL; if
 * it fails, or base is NULL, returns NULL. */
pal_model *with_adapter(pal_model *base, const char *path, int *code);
const char *model_name(const pal_model *model, const char *path);

uint64_t seed_or_drawn(uint64_t seed, bool given); /* prints a drawn seed to stderr */
double seconds_now(void);

/* ---- Ctrl-C ---- */

void stop_on_interrupt(void);
bool input_or_stop(void); /* waits until standard input has something to read; false: Ctrl-C came first */
bool stop_requested(void);
void stop_forget(void); /* the next Ctrl-C counts as the first one again */

/* ---- text for people ---- */

/* Prints text from a file, with ? for control characters: a terminal would execute them. */
void put_printable(FILE *out, const char *text);

/* Prints text between quotes on one line, control characters and bytes that are not UTF-8 as \n or \xHH.  Returns the
 * width in characters. */
int put_quoted(FILE *out, const bytes *text);

/* ---- JSON: written in order; commas are added automatically ---- */

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
void json_number(json *j, const char *key, double value); /* null if it is not finite */
void json_exact(json *j, const char *key, double value);  /* the same with all digits of a double */
void json_bool(json *j, const char *key, bool value);
void json_end_line(json *j);
size_t utf8_length(const unsigned char *text, size_t size); /* bytes of the first character of text[size]; 0: invalid */
/* Writes model, isa, threads, and the seconds since `start`. */
void json_run(json *j, const pal_model *model, const char *path, double start);

/* ---- commands ---- */

int command_infill(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_image(int argc, char **argv);
int command_score(int argc, char **argv);
int command_surprise(int argc, char **argv);
int command_compress(int argc, char **argv);
int command_decompress(int argc, char **argv);
int command_tokenize(int argc, char **argv);
int command_detokenize(int argc, char **argv);
int command_info(int argc, char **argv);
int command_quantize(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_sudoku(int argc, char **argv);
int command_probe(int argc, char **argv);

#endif
