/* ddit_file.h - networks of discrete diffusion as GGUF files in memory, with computed weights, for test_ddit.c.  The same
 * weights are computed by tools/make_ddit_golden.py. */
#ifndef PAL_DDIT_FILE_H
#define PAL_DDIT_FILE_H

#include "token_builder.h"

#include <stdio.h>

/* One layer.  `keys` appends the keys of this engine; the others follow from the shape. */
typedef struct {
    const char *architecture;
    uint32_t dim, heads, width, vocab;
    void (*keys)(image *m);
    const char *without, *misshapen, *extra; /* a tensor that is omitted; has a column more; is added */
} ddit_spec;

typedef struct {
    const char *name;
    uint32_t cols, rows; /* rows 0: a vector */
    int power;           /* weights are up to 2^power */
} ddit_tensor;

enum { DDIT_TENSORS = 24 };

/* In the order in which the weights are numbered. */
static inline size_t ddit_tensors(const ddit_spec *o, ddit_tensor out[DDIT_TENSORS])
{
    const uint32_t dim = o->dim, width = o->width;
    const ddit_tensor all[] = {{"token_embd.weight", dim, o->vocab, -1},
                               {"blk.0.attn_norm.weight", dim, 0, -1},
                               {"blk.0.ffn_norm.weight", dim, 0, -1},
                               {"blk.0.attn_qkv.weight", dim, 3 * dim, -5},
                               {"blk.0.attn_output.weight", dim, dim, -5},
                               {"blk.0.ffn_up.weight", dim, 4 * dim, -5},
                               {"blk.0.ffn_up.bias", 4 * dim, 0, -1},
                               {"blk.0.ffn_down.weight", 4 * dim, dim, -5},
                               {"blk.0.ffn_down.bias", dim, 0, -1},
                               {"output_norm.weight", dim, 0, -1},
                               {"output.weight", dim, o->vocab, -5},
                               {"output.bias", o->vocab, 0, -1},
                               {"time_embd.0.weight", 256, width, -5},
                               {"time_embd.0.bias", width, 0, -1},
                               {"time_embd.1.weight", width, width, -5},
                               {"time_embd.1.bias", width, 0, -1},
                               {"blk.0.modulation.weight", width, 6 * dim, -5},
                               {"blk.0.modulation.bias", 6 * dim, 0, -1},
                               {"output_modulation.weight", width, 2 * dim, -5},
                               {"output_modulation.bias", 2 * dim, 0, -1}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!o->without || strcmp(all[i].name, o->without) != 0) out[count++] = all[i];
    if (o->extra) out[count++] = (ddit_tensor){o->extra, dim, 0, -1};
    for (size_t i = 0; i < count; i++) out[i].cols += o->misshapen && strcmp(out[i].name, o->misshapen) == 0;
    return count;
}

static inline void ddit_u32(image *m, const ddit_spec *o, const char *name, uint32_t value)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%s", o->architecture, name);
    image_key_u32(m, key, value);
}

static inline void ddit_keys(image *m, const ddit_spec *o)
{
    image_key_str(m, "general.architecture", o->architecture);
    ddit_u32(m, o, "context_length", 16);
    ddit_u32(m, o, "embedding_length", o->dim);
    ddit_u32(m, o, "block_count", 1);
    ddit_u32(m, o, "feed_forward_length", 4 * o->dim);
    ddit_u32(m, o, "attention.head_count", o->heads);
    if (o->keys) o->keys(m);
}

static inline uint32_t ddit_hash(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7FEB352D;
    x = (x ^ x >> 16) * 0x846CA68B;
    return x ^ x >> 16;
}

/* Element i of tensor `number`. */
static inline float ddit_weight(const ddit_tensor *t, uint32_t number, uint32_t i)
{
    float x = (float)((double)(ddit_hash(i + number * 0x9E3779B1u) >> 8) * 0x1p-23 - 1.0);
    for (int p = 0; p > t->power; p--) x *= 0.5f;
    return strstr(t->name, "norm") ? x + 1.0f : x;
}

static inline void ddit_pad(image *m)
{
    while (m->size % 32) image_put(m, "", 1);
}

/* Appends the list of tensors and their weights to a file with its keys, and returns it in a 64-byte aligned block. */
static inline unsigned char *ddit_put_tensors(image *m, const ddit_tensor *all, uint64_t count, size_t *size)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t rows = all[i].rows ? all[i].rows : 1;
        image_str(m, (pal_str){all[i].name, strlen(all[i].name)});
        image_u32(m, all[i].rows ? 2 : 1);
        image_u64(m, all[i].cols);
        if (all[i].rows) image_u64(m, rows);
        image_u32(m, PAL_F32);
        image_u64(m, offset);
        offset += (4 * all[i].cols * rows + 31) / 32 * 32;
    }
    ddit_pad(m);
    for (uint32_t i = 0; i < count; i++, ddit_pad(m))
        for (uint32_t e = 0; e < all[i].cols * (all[i].rows ? all[i].rows : 1); e++) {
            const float x = ddit_weight(&all[i], i, e);
            image_put(m, &x, sizeof x);
        }
    image_end(m);
    *size = m->size;
    unsigned char *aligned = aligned_alloc(64, (m->size + 63) & ~(size_t)63);
    if (!aligned) abort();
    memcpy(aligned, m->data, m->size);
    free(m->data);
    return aligned;
}

/* The file in a 64-byte aligned block; free it. */
static inline unsigned char *ddit_file(const ddit_spec *o, size_t *size)
{
    ddit_tensor all[DDIT_TENSORS];
    const uint64_t count = ddit_tensors(o, all);
    image m;
    image_begin(&m);
    memcpy(m.data + 8, &count, sizeof count);
    ddit_keys(&m, o);
    return ddit_put_tensors(&m, all, count, size);
}

#endif
