/* odd_model.h - a tiny llama model as a GGUF file in memory, from which a test can omit, change or add anything, for
 * test_odd_files.c. */
#ifndef PAL_ODD_MODEL_H
#define PAL_ODD_MODEL_H

#include "network/text_runner.h"
#include "token_builder.h"

#include <stdio.h>

enum { ODD_DIM = 32, ODD_HEADS = 4, ODD_HIDDEN = 64, ODD_LAYERS = 2, ODD_CONTEXT = 64, ODD_PIECES = 12 };

/* How a file differs from the normal one; all zero: not at all. */
typedef struct {
    const char *without;     /* this key or tensor is omitted ... */
    void (*put)(image *m);   /* ... and these keys are appended */
    void (*first)(image *m); /* or before them */
    const char *retyped;     /* this tensor has another type, with as many bytes as before */
    uint32_t type;
    const char *renamed, *to; /* and this one has another name */
    const char *moved;        /* and the offset of this one is changed by this amount */
    int by;
    const char *extra; /* a tensor that no network has: `extra_dims` extents of `extra_extent`, of `type` */
    uint32_t extra_dims, extra_extent;
    bool no_tensors;
    size_t alignment; /* alignment of the data; 0: 32 */
    size_t behind;    /* bytes after the last tensor */
} odd;

static inline bool odd_is(const char *name, const char *which)
{
    return which && strcmp(name, which) == 0;
}

static inline void odd_u32(image *m, const odd *o, const char *key, uint32_t value)
{
    if (!odd_is(key, o->without)) image_key_u32(m, key, value);
}

static inline void odd_shape(image *m, const odd *o)
{
    odd_u32(m, o, "llama.context_length", ODD_CONTEXT);
    odd_u32(m, o, "llama.embedding_length", ODD_DIM);
    odd_u32(m, o, "llama.block_count", ODD_LAYERS);
    odd_u32(m, o, "llama.feed_forward_length", ODD_HIDDEN);
    odd_u32(m, o, "llama.attention.head_count", ODD_HEADS);
    odd_u32(m, o, "llama.attention.head_count_kv", ODD_HEADS);
}

static inline void odd_vocabulary(image *m, const odd *o)
{
    static const test_piece pieces[ODD_PIECES] = {{"<unk>", 0, PAL_PIECE_UNKNOWN, 0},
                                                  {"<s>", 0, PAL_PIECE_CONTROL, 0},
                                                  {"</s>", 0, PAL_PIECE_CONTROL, 0},
                                                  {"\xE2\x96\x81", -1, 1, 0},
                                                  {"a", -2, 1, 0},
                                                  {"b", -3, 1, 0},
                                                  {"\xE2\x96\x81"
                                                   "a",
                                                   -4, 1, 0},
                                                  {"ab", -5, 1, 0},
                                                  {"c", -6, 1, 0},
                                                  {"d", -7, 1, 0},
                                                  {"e", -8, 1, 0},
                                                  {"f", -9, 1, 0}};
    if (odd_is("tokenizer", o->without)) return;
    image_key_str(m, "tokenizer.ggml.model", "llama");
    image_tokens(m, pieces, ODD_PIECES);
    image_scores(m, pieces, ODD_PIECES);
    image_types(m, pieces, ODD_PIECES);
    odd_u32(m, o, "tokenizer.ggml.bos_token_id", 1);
    image_key_u32(m, "tokenizer.ggml.eos_token_id", 2);
}

typedef struct {
    char name[40];
    uint32_t cols, rows; /* rows 0: a vector */
} odd_tensor;

static inline size_t odd_tensors(odd_tensor out[32])
{
    static const odd_tensor ends[] = {{"token_embd.weight", ODD_DIM, ODD_PIECES}, {"output_norm.weight", ODD_DIM, 0}};
    static const odd_tensor layer[] = {
        {"attn_norm", ODD_DIM, 0},         {"attn_q", ODD_DIM, ODD_DIM},      {"attn_k", ODD_DIM, ODD_DIM},
        {"attn_v", ODD_DIM, ODD_DIM},      {"attn_output", ODD_DIM, ODD_DIM}, {"ffn_norm", ODD_DIM, 0},
        {"ffn_gate", ODD_DIM, ODD_HIDDEN}, {"ffn_up", ODD_DIM, ODD_HIDDEN},   {"ffn_down", ODD_HIDDEN, ODD_DIM}};
    size_t n = 0;
    memcpy(out, ends, sizeof ends);
    n = 2;
    for (int l = 0; l < ODD_LAYERS; l++)
        for (size_t i = 0; i < sizeof layer / sizeof *layer; i++, n++) {
            out[n] = layer[i];
            snprintf(out[n].name, sizeof out[n].name, "blk.%d.%.12s.weight", l % 10, layer[i].name);
        }
    return n;
}

static inline void odd_put_info(image *m, const odd *o, const odd_tensor *t, uint64_t offset)
{
    const char *name = odd_is(t->name, o->renamed) ? o->to : t->name;
    image_str(m, (pal_str){name, strlen(name)});
    image_u32(m, t->rows ? 2 : 1);
    image_u64(m, t->cols);
    if (t->rows) image_u64(m, t->rows);
    image_u32(m, odd_is(t->name, o->retyped) ? o->type : PAL_F32);
    image_u64(m, offset + (uint64_t)(odd_is(t->name, o->moved) ? o->by : 0));
}

static inline void odd_pad(image *m, size_t alignment)
{
    while (m->size % alignment) image_put(m, "", 1);
}

/* All tensors are F32 with small weights, the same every time. */
static inline void odd_put_tensors(image *m, const odd *o)
{
    odd_tensor all[32];
    const size_t count = o->no_tensors ? 0 : odd_tensors(all), alignment = o->alignment ? o->alignment : 32;
    uint64_t offset = 0, put = 0;
    for (size_t i = 0; i < count; i++) {
        if (odd_is(all[i].name, o->without)) continue;
        odd_put_info(m, o, &all[i], offset);
        offset += (4 * (uint64_t)all[i].cols * (all[i].rows ? all[i].rows : 1) + alignment - 1) / alignment * alignment;
        put++;
    }
    if (o->extra) {
        image_str(m, (pal_str){o->extra, strlen(o->extra)});
        image_u32(m, o->extra_dims);
        for (uint32_t d = 0; d < o->extra_dims; d++) image_u64(m, o->extra_extent);
        image_u32(m, o->type);
        image_u64(m, offset);
        offset += alignment;
        put++;
    }
    memcpy(m->data + 8, &put, sizeof put);
    if (put) odd_pad(m, alignment);
    for (uint64_t i = 0; i < offset / 4; i++) {
        float weight = (float)((int)(i * 7919 % 31) - 15) / 64.0f;
        image_put(m, &weight, sizeof weight);
    }
    for (size_t i = 0; i < o->behind; i++) image_put(m, "x", 1);
}

/* Returns the file, 64-byte aligned, and its size; the caller frees it. */
static inline unsigned char *odd_file(const odd *o, size_t *size)
{
    image m;
    image_begin(&m);
    if (o->first) o->first(&m);
    if (!odd_is("general.architecture", o->without)) image_key_str(&m, "general.architecture", "llama");
    odd_shape(&m, o);
    odd_vocabulary(&m, o);
    if (o->put) o->put(&m);
    odd_put_tensors(&m, o);
    memcpy(m.data + 16, &m.keys, sizeof m.keys);
    *size = m.size;
    unsigned char *aligned = aligned_alloc(64, (m.size + 63) & ~(size_t)63);
    if (!aligned) abort();
    memcpy(aligned, m.data, m.size);
    free(m.data);
    return aligned;
}

#endif
