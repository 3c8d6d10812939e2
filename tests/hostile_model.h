/* hostile_model.h - makes whole model files in memory with sizes chosen by the test: a few tokens, all weights zero. */
#ifndef PAL_HOSTILE_MODEL_H
#define PAL_HOSTILE_MODEL_H

#include "token_builder.h"

typedef struct {
    uint32_t layers, dim, heads, kv_heads, head_dim, hidden, context;
} hostile_shape;

enum { HOSTILE_VOCAB = 4 };

/* Tensor infos that are being written, and the end of the data that they declare. */
typedef struct {
    image infos;
    uint64_t tensors, data;
} hostile_tensors;

static inline void hostile_tensor(hostile_tensors *t, const char *name, uint64_t cols, uint64_t rows, uint32_t type)
{
    const uint64_t bytes = cols * (rows ? rows : 1) * (type == PAL_F32 ? 4 : 2);
    image_str(&t->infos, (pal_str){name, strlen(name)});
    image_u32(&t->infos, rows ? 2 : 1);
    image_u64(&t->infos, cols);
    if (rows) image_u64(&t->infos, rows);
    image_u32(&t->infos, type);
    image_u64(&t->infos, t->data);
    t->data += (bytes + 31) / 32 * 32;
    t->tensors++;
}

static inline void hostile_layer(hostile_tensors *t, const hostile_shape *s, uint32_t layer)
{
    const uint64_t dim = s->dim, q_dim = (uint64_t)s->heads * s->head_dim, kv_dim = (uint64_t)s->kv_heads * s->head_dim;
    const struct {
        const char *name;
        uint64_t cols, rows;
    } all[] = {{"attn_norm", dim, 0},        {"ffn_norm", dim, 0},       {"attn_q", dim, q_dim},
               {"attn_k", dim, kv_dim},      {"attn_v", dim, kv_dim},    {"attn_output", q_dim, dim},
               {"ffn_gate", dim, s->hidden}, {"ffn_up", dim, s->hidden}, {"ffn_down", s->hidden, dim}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)layer, all[i].name);
        hostile_tensor(t, name, all[i].cols, all[i].rows, all[i].rows ? PAL_F16 : PAL_F32);
    }
}

static inline void hostile_keys(image *m, const hostile_shape *s)
{
    static const test_piece pieces[HOSTILE_VOCAB] = {{"<unk>", 0, PAL_PIECE_UNKNOWN, 0},
                                                     {"<s>", 0, PAL_PIECE_CONTROL, 0},
                                                     {"</s>", 0, PAL_PIECE_CONTROL, 0},
                                                     {"a", 0, PAL_PIECE_NORMAL, 0}};
    image_begin_vocab(m, pieces, HOSTILE_VOCAB);
    image_key_u32(m, "tokenizer.ggml.bos_token_id", 1);
    image_key_u32(m, "tokenizer.ggml.eos_token_id", 2);
    image_key_str(m, "general.architecture", "llama");
    image_key_u32(m, "llama.block_count", s->layers);
    image_key_u32(m, "llama.embedding_length", s->dim);
    image_key_u32(m, "llama.attention.head_count", s->heads);
    image_key_u32(m, "llama.attention.head_count_kv", s->kv_heads);
    image_key_u32(m, "llama.attention.key_length", s->head_dim);
    image_key_u32(m, "llama.attention.value_length", s->head_dim);
    image_key_u32(m, "llama.feed_forward_length", s->hidden);
    image_key_u32(m, "llama.context_length", s->context);
}

/* Returns the file, 64-byte aligned in a block that the caller frees. */
static inline unsigned char *hostile_model(const hostile_shape *s, size_t *size, void **block)
{
    hostile_tensors t = {{0}, 0, 0};
    image m;
    hostile_keys(&m, s);
    hostile_tensor(&t, "token_embd.weight", s->dim, HOSTILE_VOCAB, PAL_F16);
    hostile_tensor(&t, "output_norm.weight", s->dim, 0, PAL_F32);
    for (uint32_t l = 0; l < s->layers; l++) hostile_layer(&t, s, l);
    image_put(&m, t.infos.data, t.infos.size);
    image_end(&m);
    memcpy(m.data + 8, &t.tensors, sizeof t.tensors);
    const size_t start = (m.size + 31) / 32 * 32;
    *size = start + (size_t)t.data;
    *block = calloc(*size + 63, 1);
    if (!*block) abort();
    unsigned char *file = (unsigned char *)(((uintptr_t)*block + 63) & ~(uintptr_t)63);
    memcpy(file, m.data, m.size);
    free(t.infos.data);
    free(m.data);
    return file;
}

#endif
