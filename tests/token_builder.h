/* token_builder.h - makes vocabularies in memory, for test_token.c and fuzz_token.c. */
#ifndef PAL_TOKEN_BUILDER_H
#define PAL_TOKEN_BUILDER_H

#include "token/token.h"

#include <stdlib.h>
#include <string.h>

/* A GGUF image that is being written; image_end shrinks it to its exact size, so a sanitizer sees any access
 * outside. */
typedef struct {
    unsigned char *data;
    size_t size, capacity;
    uint64_t keys;
} image;

static inline void image_put(image *m, const void *bytes, size_t size)
{
    if (m->capacity - m->size < size) {
        m->capacity = 2 * (m->size + size);
        m->data = realloc(m->data, m->capacity);
        if (!m->data) abort();
    }
    if (size > 0) memcpy(m->data + m->size, bytes, size);
    m->size += size;
}

static inline void image_u32(image *m, uint32_t value)
{
    image_put(m, &value, sizeof value);
}
static inline void image_u64(image *m, uint64_t value)
{
    image_put(m, &value, sizeof value);
}

static inline void image_str(image *m, pal_str s)
{
    image_u64(m, s.size);
    image_put(m, s.data, s.size);
}

static inline void image_begin(image *m)
{
    *m = (image){0};
    image_put(m, "GGUF", 4);
    image_u32(m, 3);
    image_u64(m, 0); /* tensors */
    image_u64(m, 0); /* keys, written by image_end */
}

static inline void image_end(image *m)
{
    memcpy(m->data + 16, &m->keys, sizeof m->keys);
    m->data = realloc(m->data, m->size);
    if (!m->data) abort();
}

static inline void image_key(image *m, const char *key, uint32_t type)
{
    image_str(m, (pal_str){key, strlen(key)});
    image_u32(m, type);
    m->keys++;
}

static inline void image_array(image *m, const char *key, uint32_t type, uint64_t count)
{
    image_key(m, key, PAL_GGUF_ARRAY);
    image_u32(m, type);
    image_u64(m, count);
}

static inline void image_key_str(image *m, const char *key, const char *value)
{
    image_key(m, key, PAL_GGUF_STRING);
    image_str(m, (pal_str){value, strlen(value)});
}

static inline void image_key_u32(image *m, const char *key, uint32_t value)
{
    image_key(m, key, PAL_GGUF_U32);
    image_u32(m, value);
}

static inline void image_key_bool(image *m, const char *key, bool value)
{
    unsigned char byte = value;
    image_key(m, key, PAL_GGUF_BOOL);
    image_put(m, &byte, 1);
}

/* One piece of a test vocabulary; size 0 means that text is terminated. */
typedef struct {
    const char *text;
    float score;
    int type;
    size_t size;
} test_piece;

static inline void image_tokens(image *m, const test_piece *pieces, size_t count)
{
    image_array(m, "tokenizer.ggml.tokens", PAL_GGUF_STRING, count);
    for (size_t i = 0; i < count; i++)
        image_str(m, (pal_str){pieces[i].text, pieces[i].size ? pieces[i].size : strlen(pieces[i].text)});
}

static inline void image_scores(image *m, const test_piece *pieces, size_t count)
{
    image_array(m, "tokenizer.ggml.scores", PAL_GGUF_F32, count);
    for (size_t i = 0; i < count; i++) image_put(m, &pieces[i].score, sizeof pieces[i].score);
}

static inline void image_types(image *m, const test_piece *pieces, size_t count)
{
    image_array(m, "tokenizer.ggml.token_type", PAL_GGUF_I32, count);
    for (size_t i = 0; i < count; i++) image_u32(m, (uint32_t)pieces[i].type);
}

/* A whole vocabulary of these pieces, without ids and flags. */
static inline void image_begin_vocab(image *m, const test_piece *pieces, size_t count)
{
    image_begin(m);
    image_key_str(m, "tokenizer.ggml.model", "llama");
    image_tokens(m, pieces, count);
    image_scores(m, pieces, count);
    image_types(m, pieces, count);
}

/* The name of a byte in a byte-level vocabulary, terminated: its character, or one from U+0100 on. */
static inline void bpe_name_of_byte(int byte, char name[3])
{
    int code = 0x100;
    bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    for (int b = 0; b < byte; b++) code += !((b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD));
    if (printable) code = byte;
    name[0] = (char)(code < 0x80 ? code : 0xC0 | code >> 6);
    name[1] = (char)(code < 0x80 ? 0 : 0x80 | (code & 0x3F));
    name[2] = '\0';
}

/* Writes 256 pieces to pieces, one per byte, and their names to names. */
static inline void make_bpe_bytes(test_piece *pieces, char names[256][3])
{
    for (int b = 0; b < 256; b++) {
        bpe_name_of_byte(b, names[b]);
        pieces[b] = (test_piece){names[b], 0, PAL_PIECE_NORMAL, 0};
    }
}

static inline void image_merges(image *m, const char *const *merges, size_t count)
{
    image_array(m, "tokenizer.ggml.merges", PAL_GGUF_STRING, count);
    for (size_t i = 0; i < count; i++) image_str(m, (pal_str){merges[i], strlen(merges[i])});
}

/* A byte-level vocabulary without merges; pre may be NULL. */
static inline void image_begin_bpe_pieces(image *m, const char *pre, const test_piece *pieces, size_t count)
{
    image_begin(m);
    image_key_str(m, "tokenizer.ggml.model", "gpt2");
    if (pre) image_key_str(m, "tokenizer.ggml.pre", pre);
    image_tokens(m, pieces, count);
    image_types(m, pieces, count);
}

/* A whole vocabulary, without ids and flags. */
static inline void image_begin_bpe(image *m, const char *pre, const test_piece *pieces, size_t count,
                                   const char *const *merges, size_t merge_count)
{
    image_begin_bpe_pieces(m, pre, pieces, count);
    image_merges(m, merges, merge_count);
}

/* Writes 256 byte pieces to pieces, their text to names. */
static inline void make_byte_pieces(test_piece *pieces, char names[256][7])
{
    static const char hex[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; b++) {
        memcpy(names[b], "<0x00>", 7);
        names[b][3] = hex[b / 16];
        names[b][4] = hex[b % 16];
        pieces[b] = (test_piece){names[b], 0, PAL_PIECE_BYTE, 6};
    }
}

#endif
