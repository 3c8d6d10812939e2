/* compress.c - palimpsest compress and decompress: texts, coded by the probabilities of a causal model.
 *
 * A file has a head of 17 bytes: "PALZ", version, the first 4 bytes of the SHA-256 of the model's file, the first 8 of that
 * of the text; then one arithmetic code (core/range_coder.h).  It is a row of chunks, each with its kind and its length:
 *
 *   end       nothing follows
 *   tokens    their number, then each by its probability after all tokens before it
 *   bytes     their number, then each with 8 bits: what no tokens spell
 *
 * The model begins with the token that begins texts, or one that ends them.  When its context is full, the last quarter is read again.  The network gives the same bits on
 * every target, so a file can be decompressed on another machine. */
#include "cli.h"
#include "../core/range_coder.h"
#include "../core/sha256.h"
#include "../core/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 17, CHUNK = 4096, KIND_BITS = 2, LENGTH_BITS = 13, END = 0, TOKENS = 1, BYTES = 2 };
static const unsigned char MAGIC[5] = {'P', 'A', 'L', 'Z', 1};

/* What the model has read, and its prediction. */
typedef struct {
    const char *command;
    const pal_model *model;
    pal_sequence *sequence;
    int32_t vocabulary, capacity;
    bool begun;      /* a token was coded */
    int32_t *again;  /* [capacity] */
    float *logits;   /* [vocabulary] */
    double *exp;     /* [vocabulary] */
    uint32_t *width; /* [vocabulary] */
    void *block;
} reader;

static void reader_free(reader *r)
{
    free(r->again);
    free(r->logits);
    free(r->exp);
    free(r->width);
    free(r->block);
}

static bool reader_memory(reader *r, size_t sequence)
{
    const size_t n = (size_t)r->vocabulary;
    r->block = malloc(sequence);
    r->again = malloc(pal_times((size_t)r->capacity, sizeof *r->again));
    r->logits = malloc(pal_times(n, sizeof *r->logits));
    r->exp = malloc(pal_times(n, sizeof *r->exp));
    r->width = malloc(pal_times(n, sizeof *r->width));
    return r->block && r->again && r->logits && r->exp && r->width;
}

/* The token that begins texts under its usual names, or one that ends them; without both token 0, which does no harm. */
static int32_t start_token(const pal_model *model)
{
    static const char *const names[] = {"<s>", "<bos>", "<|begin_of_text|>"};
    int32_t id = 0;
    size_t count;
    pal_error err;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!pal_tokenize(model, names[i], strlen(names[i]), PAL_TOKENIZE_INSIDE | PAL_TOKENIZE_SPECIAL, &id, 1, &count,
                          &err) &&
            count == 1)
            return id;
    id = 0;
    pal_text_ends(model, &id, 1);
    return id;
}

static pal_status reader_start(reader *r, const pal_model *model, pal_error *err)
{
    const pal_sequence_options o = pal_sequence_defaults();
    const pal_info *info = pal_model_info(model);
    size_t size;
    pal_status s = pal_sequence_bytes(model, &o, &size, err);
    if (s) return s;
    r->model = model;
    r->vocabulary = info->vocabulary;
    r->capacity = info->context < 4096 ? info->context : 4096;
    if (!reader_memory(r, size)) {
        *err = (pal_error){PAL_E_MEMORY, "not enough memory for the context of the model", SIZE_MAX};
        return PAL_E_MEMORY;
    }
    s = pal_sequence_init(&r->sequence, model, &o, r->block, size, err);
    const int32_t start = start_token(model);
    return s ? s : pal_sequence_append(r->sequence, &start, 1, err);
}

/* Computes the widths of all tokens that can come next. */
static pal_status reader_predict(reader *r, pal_error *err)
{
    pal_status s = pal_sequence_logits(r->sequence, r->logits, err);
    if (!s) pal_range_widths(r->logits, r->vocabulary, r->exp, r->width);
    return s;
}

static pal_status reader_read(reader *r, int32_t token, pal_error *err)
{
    r->begun = true;
    const int32_t kept = r->capacity / 4;
    if (pal_sequence_length(r->sequence) == r->capacity) {
        memcpy(r->again, pal_sequence_tokens(r->sequence) + r->capacity - kept, (size_t)kept * sizeof *r->again);
        pal_sequence_rewind(r->sequence, 0);
        pal_status s = pal_sequence_append(r->sequence, r->again, kept, err);
        if (s) return s;
    }
    return pal_sequence_append(r->sequence, &token, 1, err);
}

/* ---- progress and errors ----------------------------------------------------------------------------- */

static void show_progress(size_t done, size_t all)
{
    if (isatty(2)) fprintf(stderr, "\r%.0f %%\033[K", 100.0 * (double)done / (double)(all ? all : 1));
}

static void hide_progress(void)
{
    if (isatty(2)) fputs("\r\033[K", stderr);
}

static pal_status damaged(pal_error *err, const char *why)
{
    *err = (pal_error){PAL_E_FORMAT, why, SIZE_MAX};
    return PAL_E_FORMAT;
}

/* ---- compressing ------------------------------------------------------------------------------------- */

/* The first token of a file has no space before it, as in training. */
static unsigned flags_of(const reader *r)
{
    return r->begun ? PAL_TOKENIZE_INSIDE : 0;
}

/* Whether ids[count] spell text[size]. */
static bool spells(const reader *r, const int32_t *ids, size_t count, const char *text, size_t size)
{
    char back[CHUNK];
    size_t first = 0, rest = 0;
    pal_error err;
    return count && !pal_detokenize(r->model, ids, 1, flags_of(r), back, CHUNK, &first, &err) && first <= size &&
           !pal_detokenize(r->model, ids + 1, count - 1, PAL_TOKENIZE_INSIDE, back + first, CHUNK - first, &rest,
                           &err) &&
           first + rest == size && memcmp(back, text, size) == 0;
}

/* The tokens of a chunk; 0 if they do not spell it byte by byte. */
static size_t spell(const reader *r, const char *text, size_t size, int32_t *ids)
{
    size_t count;
    pal_error err;
    if (pal_tokenize(r->model, text, size, flags_of(r), ids, CHUNK + 1, &count, &err) || count > CHUNK + 1) return 0;
    return spells(r, ids, count, text, size) ? count : 0;
}

static pal_status put_chunk(reader *r, pal_range_encoder *e, const char *text, size_t size, pal_error *err)
{
    int32_t ids[CHUNK + 1];
    const size_t count = spell(r, text, size, ids);
    pal_range_encode_bits(e, count ? TOKENS : BYTES, KIND_BITS);
    pal_range_encode_bits(e, (uint32_t)(count ? count : size), LENGTH_BITS);
    if (!count)
        for (size_t i = 0; i < size; i++) pal_range_encode_bits(e, (unsigned char)text[i], 8);
    for (size_t i = 0; i < count; i++) {
        pal_status s = stop_requested() ? PAL_MORE : reader_predict(r, err);
        if (s) return s;
        pal_range_encode_symbol(e, r->width, ids[i]);
        s = reader_read(r, ids[i], err);
        if (s) return s;
    }
    return PAL_OK;
}

/* The length of the next chunk: as many lines as fit, so that few words are cut. */
static size_t chunk_of(const char *text, size_t left)
{
    if (left <= CHUNK) return left;
    for (size_t i = CHUNK; i > CHUNK / 2; i--)
        if (text[i - 1] == '\n') return i;
    return CHUNK;
}

static pal_status put_text(reader *r, pal_range_encoder *e, const bytes *text, pal_error *err)
{
    pal_status s = PAL_OK;
    for (size_t at = 0; !s && at < text->size;) {
        const size_t size = chunk_of(text->data + at, text->size - at);
        s = put_chunk(r, e, text->data + at, size, err);
        at += size;
        show_progress(at, text->size);
    }
    pal_range_encode_bits(e, END, KIND_BITS);
    return s;
}

/* ---- decompressing ----------------------------------------------------------------------------------- */

static pal_status take_tokens(reader *r, pal_range_decoder *d, size_t count, bytes *out, pal_error *err)
{
    for (size_t i = 0; i < count; i++) {
        char piece[CHUNK];
        size_t size;
        pal_status s = stop_requested() ? PAL_MORE : reader_predict(r, err);
        if (s) return s;
        const int32_t id = pal_range_decode_symbol(d, r->width, r->vocabulary);
        if (id < 0 || d->at > d->size + 8) return damaged(err, "the file is damaged or incomplete");
        s = pal_detokenize(r->model, &id, 1, flags_of(r), piece, sizeof piece, &size, err);
        if (!s && size > sizeof piece) s = damaged(err, "the file is damaged or incomplete");
        if (s) return s;
        char *grown = realloc(out->data, out->size + size + 1);
        if (!grown) return damaged(err, "not enough memory for the text");
        out->data = grown;
        memcpy(out->data + out->size, piece, size);
        out->size += size;
        s = reader_read(r, id, err);
        if (s) return s;
    }
    return PAL_OK;
}

static pal_status take_bytes(pal_range_decoder *d, size_t count, bytes *out, pal_error *err)
{
    char *grown = realloc(out->data, out->size + count + 1);
    if (!grown) return damaged(err, "not enough memory for the text");
    out->data = grown;
    for (size_t i = 0; i < count; i++) out->data[out->size++] = (char)pal_range_decode_bits(d, 8);
    return d->at > d->size + 8 ? damaged(err, "the file is damaged or incomplete") : PAL_OK;
}

static pal_status take_text(reader *r, pal_range_decoder *d, bytes *out, pal_error *err)
{
    for (;;) {
        const uint32_t kind = pal_range_decode_bits(d, KIND_BITS);
        if (kind == END) return PAL_OK;
        const size_t count = pal_range_decode_bits(d, LENGTH_BITS);
        pal_status s = kind == TOKENS  ? take_tokens(r, d, count, out, err)
                       : kind == BYTES ? take_bytes(d, count, out, err)
                                       : damaged(err, "the file is damaged or incomplete");
        if (s) return s;
        show_progress(d->at, d->size);
    }
}

/* ---- files ------------------------------------------------------------------------------------------- */

static void digest_of(const void *data, size_t size, unsigned char digest[PAL_SHA256_BYTES])
{
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, data, size);
    pal_sha256_end(&h, digest);
}

/* Writes the head for a model and a text. */
static bool make_head(const char *path, const bytes *text, unsigned char head[HEAD])
{
    unsigned char model[PAL_SHA256_BYTES], content[PAL_SHA256_BYTES];
    bytes file;
    if (!file_read(path, &file)) return false;
    digest_of(file.data, file.size, model);
    free(file.data);
    digest_of(text->data, text->size, content);
    memcpy(head, MAGIC, sizeof MAGIC);
    memcpy(head + sizeof MAGIC, model, 4);
    memcpy(head + sizeof MAGIC + 4, content, 8);
    return true;
}

static int write_out(const char *path, const void *head, size_t head_size, const void *data, size_t size)
{
    output o;
    if (!output_open(&o, path)) return EXIT_BAD;
    bool good = fwrite(head, 1, head_size, o.file) == head_size;
    good = good && fwrite(data, 1, size, o.file) == size;
    return output_close(&o, good) && good ? EXIT_GOOD : EXIT_BAD;
}

typedef struct {
    const char *command, *model, *file, *text, *dash, *out, *isa;
    int32_t threads;
} request;

static int ended(const request *q, pal_status s, const pal_error *err)
{
    hide_progress();
    if (s == PAL_MORE) return EXIT_STOPPED;
    return s ? report(q->command, err) : -1;
}

static int compress(const request *q, reader *r, const bytes *text)
{
    unsigned char head[HEAD];
    pal_error err;
    pal_range_encoder e;
    const size_t capacity = pal_plus(pal_times(text->size + 1, PAL_RANGE_SYMBOL), 64);
    unsigned char *out = capacity < SIZE_MAX ? malloc(capacity) : NULL;
    if (!out) return no_memory(q->command, "the code");
    int code = make_head(q->model, text, head) ? -1 : EXIT_BAD;
    pal_range_encode_start(&e, out, capacity);
    if (code < 0) code = ended(q, put_text(r, &e, text, &err), &err);
    if (code < 0) {
        const size_t size = pal_range_encode_end(&e);
        PAL_ASSERT(!e.full);
        code = write_out(q->out, head, HEAD, out, size);
        if (code == EXIT_GOOD)
            fprintf(stderr, "%zu bytes to %zu: %.3f bits per byte, and %d bytes of head\n", text->size, size,
                    text->size ? 8.0 * (double)size / (double)text->size : 0.0, HEAD);
    }
    free(out);
    return code;
}

static int decompress(const request *q, reader *r, const bytes *file)
{
    unsigned char head[HEAD];
    pal_error err;
    pal_range_decoder d;
    bytes text = {0};
    if (file->size < HEAD || memcmp(file->data, MAGIC, sizeof MAGIC)) {
        damaged(&err, "this is no file of palimpsest compress");
        return report(q->command, &err);
    }
    pal_range_decode_start(&d, file->data + HEAD, file->size - HEAD);
    int code = make_head(q->model, &text, head) ? -1 : EXIT_BAD;
    if (code < 0 && memcmp(head, file->data, sizeof MAGIC + 4)) {
        damaged(&err, "the text was compressed with another model");
        code = report(q->command, &err);
    }
    if (code < 0) code = ended(q, take_text(r, &d, &text, &err), &err);
    if (code < 0 && (!make_head(q->model, &text, head) || memcmp(head, file->data, HEAD))) {
        damaged(&err, "the file is damaged or incomplete");
        code = report(q->command, &err);
    }
    if (code < 0) code = write_out(q->out, "", 0, text.data ? text.data : "", text.size);
    free(text.data);
    return code;
}

/* ---- the commands ------------------------------------------------------------------------------------ */

static const option options[] = {
    MODEL_OPTION(request, model, "GGUF, a model that reads from left to right"),
    TEXT_OPTION(request, "file", file, "F", "the input"),
    TEXT_OPTION(request, "text", text, "T", "the input itself"),
    TEXT_OPTION(request, "o", out, "OUT", "the file to write"),
    ISA_OPTION(request, isa),
    THREADS_OPTION(request, threads),
};

static int parse(request *q, const char *about, int argc, char **argv)
{
    option_group group = OPTION_GROUP(options, q);
    const option_set set = {q->command, "-m MODEL (--file F | -) -o OUT", about, &group, 1, &q->dash};
    return options_parse(&set, argc, argv);
}

static int run(request *q, int (*work)(const request *, reader *, const bytes *))
{
    pal_error err;
    reader r = {0};
    bytes input = {0};
    int code;
    if (!q->out) return usage_error(q->command, "no output: give one with -o", NULL);
    if (!output_possible(q->out)) return EXIT_BAD;
    pal_model *model = model_of(q->command, q->model, 0, q->isa, q->threads, &code);
    if (!model) return code;
    code = input_read(q->command, q->text, q->file, q->dash, &input);
    if (code < 0 && reader_start(&r, model, &err)) code = report(q->command, &err);
    stop_on_interrupt();
    if (code < 0) code = work(q, &r, &input);
    reader_free(&r);
    pal_model_close(model);
    free(input.data);
    return code;
}

int command_compress(int argc, char **argv)
{
    request q = {.command = "compress"};
    const int code =
        parse(&q,
              "Makes a text small: each token is written by an arithmetic coder with the probability that the\n"
              "model gives it after the tokens before it.  Only the same model can decompress it.",
              argc, argv);
    return code >= 0 ? code : run(&q, compress);
}

int command_decompress(int argc, char **argv)
{
    request q = {.command = "decompress"};
    const int code = parse(&q, "Gives back the bytes that compress was given, with the same model.", argc, argv);
    return code >= 0 ? code : run(&q, decompress);
}
