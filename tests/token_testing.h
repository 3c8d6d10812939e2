/* token_testing.h - shared by the tests of src/token: opens vocabularies, encodes in blocks of exact size, compares. */
#ifndef PAL_TOKEN_TESTING_H
#define PAL_TOKEN_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/file.h"
#include "token/vocab.h"
#include "token_builder.h"

#define MARK     "\xE2\x96\x81" /* U+2581, a space in the file */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef struct {
    pal_vocab *vocab;
    unsigned char *image;
    pal_file file;
} opened;

static inline pal_status open_image(opened *o, image *m, pal_error *err)
{
    pal_gguf *g;
    *o = (opened){0};
    image_end(m);
    pal_status status = pal_gguf_open(&g, m->data, m->size, err);
    if (status) {
        free(m->data);
        return status;
    }
    status = pal_vocab_open(&o->vocab, g, err);
    pal_gguf_close(g);
    if (status)
        free(m->data);
    else
        o->image = m->data;
    return status;
}

static inline void close_vocab(opened *o)
{
    pal_vocab_close(o->vocab);
    free(o->image);
    if (o->file.data) pal_file_unmap(&o->file);
}

/* Most tests: control 0 to 2, bytes 3 to 258, then the pieces of the test from FIRST on. */
enum { FIRST = 259, UNK = 0, BYTE0 = 3 };

static inline opened make_vocab(const test_piece *extra, size_t count, bool prefix)
{
    test_piece pieces[FIRST + 300] = {
        {"<unk>", 0, PAL_PIECE_UNKNOWN, 0}, {"<s>", 0, PAL_PIECE_CONTROL, 0}, {"</s>", 0, PAL_PIECE_CONTROL, 0}};
    char names[256][7];
    opened o;
    image m;
    pal_error err;
    make_byte_pieces(pieces + BYTE0, names);
    assert_true(count <= 300);
    memcpy(pieces + FIRST, extra, count * sizeof *extra);
    image_begin_vocab(&m, pieces, FIRST + count);
    image_key_bool(&m, "tokenizer.ggml.add_space_prefix", prefix);
    assert_int_equal(open_image(&o, &m, &err), PAL_OK);
    return o;
}

/* Exact-size blocks; the caller frees the ids. */
static inline int32_t *encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, size_t *count)
{
    size_t need = pal_vocab_scratch_bytes(v, bytes);
    void *scratch = malloc(need);
    int32_t *ids = malloc((bytes + 1) * sizeof *ids);
    assert_non_null(scratch);
    assert_non_null(ids);
    *count = pal_vocab_encode(v, text, bytes, flags, ids, bytes + 1, scratch);
    free(scratch);
    assert_true(*count <= bytes + 1);
    return ids;
}

#define NO_MORE (-1)

static inline void assert_tokens(const pal_vocab *v, const char *text, size_t bytes, unsigned flags,
                                 const int32_t *expected)
{
    size_t count, n = 0;
    while (expected[n] != NO_MORE) n++;
    int32_t *ids = encode(v, text, bytes, flags, &count);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(ids[i], expected[i]);
    free(ids);
}

#define assert_encodes(v, text, flags, ...)                                                                            \
    assert_tokens(v, text, sizeof(text) - 1, flags, (const int32_t[]){__VA_ARGS__, NO_MORE})

static inline bool comes_back(const pal_vocab *v, const char *text, size_t bytes, unsigned flags)
{
    size_t count;
    bool prefixed = flags & PAL_ENCODE_PREFIX, special = flags & PAL_ENCODE_SPECIAL;
    int32_t *ids = encode(v, text, bytes, flags, &count);
    bool same = pal_vocab_decode(v, ids, count, prefixed, special, NULL, 0) == bytes;
    char *back = malloc(bytes + 1);
    assert_non_null(back);
    same = same && pal_vocab_decode(v, ids, count, prefixed, special, back, bytes) == bytes &&
           (bytes == 0 || memcmp(back, text, bytes) == 0);
    free(back);
    free(ids);
    return same;
}

static inline opened open_file(const char *path)
{
    opened o = {0};
    pal_gguf *g;
    pal_error err;
    assert_int_equal(pal_file_map(&o.file, path, &err), PAL_OK);
    assert_int_equal(pal_gguf_open(&g, o.file.data, o.file.size, &err), PAL_OK);
    assert_int_equal(pal_vocab_open(&o.vocab, g, &err), PAL_OK);
    pal_gguf_close(g);
    return o;
}

static inline opened open_ours(void)
{
    return open_file(PAL_SOURCE_DIR "/tests/models/tales-vocab.gguf");
}

static inline void assert_decodes(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special,
                                  const char *expected)
{
    char out[64];
    size_t n = pal_vocab_decode(v, ids, count, prefixed, special, out, sizeof out);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
}

/* Random numbers; the sequence is the same in every run and on every target (xorshift64*, Vigna 2016). */
static inline uint32_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 2685821657736338717u) >> 32);
}

/* Reads one line of numbers and moves *line past its line break.  Returns their count. */
static inline size_t parse_ids(const char **line, const char *end, int32_t *ids, size_t capacity)
{
    size_t n = 0;
    const char *s = *line;
    while (s < end && *s != '\n') {
        if (*s == ' ') {
            s++;
            continue;
        }
        int32_t id = 0;
        while (s < end && *s >= '0' && *s <= '9') id = id * 10 + (*s++ - '0');
        assert_true(n < capacity);
        ids[n++] = id;
    }
    *line = s + 1;
    return n;
}

/* Each block of NAME.inp encodes to its line of numbers in NAME.out, and decodes back to the same text.  Texts end with
 * "\n__ggml_vocab_test__\n"; the line break before it is not part of them. */
static inline void check_llama_cpp_vectors(const char *name, unsigned flags)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    const char *shared = getenv("PAL_SHARED");
    char path[3][1024];
    pal_file input, output;
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/fixtures/gguf-vocab/%s%s", shared ? shared : PAL_SOURCE_DIR "/../shared",
                 name,
                 i == 0   ? ""
                 : i == 1 ? ".inp"
                          : ".out");
    if (pal_file_map(&input, path[1], NULL)) {
        print_message("skipped: %s is absent\n", path[1]);
        skip();
    }
    assert_int_equal(pal_file_map(&output, path[2], NULL), PAL_OK);
    opened o = open_file(path[0]);
    const char *text = input.data, *end = text + input.size, *line = output.data, *lines_end = line + output.size;
    size_t blocks = 0;
    for (const char *s = text; (size_t)(end - s) >= sizeof separator - 1; s++) {
        if (memcmp(s, separator, sizeof separator - 1) != 0) continue;
        int32_t expected[1024];
        size_t n = parse_ids(&line, lines_end, expected, COUNT(expected) - 1);
        expected[n] = NO_MORE;
        assert_tokens(o.vocab, text, (size_t)(s - text), flags, expected);
        assert_true(comes_back(o.vocab, text, (size_t)(s - text), flags));
        text = s + sizeof separator - 1;
        s = text - 1;
        blocks++;
    }
    assert_int_equal(blocks, 46);
    assert_true(text == end && line >= lines_end);
    pal_file_unmap(&input);
    pal_file_unmap(&output);
    close_vocab(&o);
}

/* Checks that the image is refused as a vocabulary, for this reason; frees it. */
static inline void assert_refused(image *m, pal_status status, const char *text)
{
    opened o;
    pal_error err = {0};
    assert_int_equal(open_image(&o, m, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_null(o.vocab);
}

#endif
