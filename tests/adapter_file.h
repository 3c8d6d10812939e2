/* adapter_file.h - adapter files in memory for any causal model, from which a test can omit, change or add anything.
 * Include model_testing.h first. */
#ifndef PAL_ADAPTER_FILE_H
#define PAL_ADAPTER_FILE_H

#include "core/sha256.h"
#include "kernels/panels.h"
#include "network/attached.h"
#include "token_builder.h"

/* How an adapter file differs from the normal one; all zero: not at all. */
typedef struct {
    const char *without;     /* this key or tensor is omitted ... */
    void (*put)(image *m);   /* ... and these keys are appended */
    uint32_t type;           /* of all factors; 0: F32 */
    uint32_t rank;           /* 0: 32 */
    float alpha;             /* 0: 32, unless plain */
    bool plain;              /* adapter.lora.alpha is 0 */
    bool no_change;          /* B is zero */
    const char *wider;       /* this tensor has 32 more columns */
    const char *higher;      /* this tensor has one more row */
    const char *extra;       /* a tensor [32] that nothing uses */
    bool empty;              /* with palimpsest.empty_token_id 0 */
    const char *other_bytes; /* the hash under this key is that of something else */
} adapter_spec;

enum { ADAPTER_TENSORS = 256, ADAPTER_ALPHA = 32 };

typedef struct {
    char name[80];
    uint32_t type, cols, rows; /* rows 0: a vector */
    float max;
} adapter_tensor;

static inline bool adapter_is(const char *name, const char *which)
{
    return which && strcmp(name, which) == 0;
}

static inline size_t adapter_tensors(const adapter_spec *o, const pal_model *base, adapter_tensor out[ADAPTER_TENSORS])
{
    const uint32_t rank = o->rank ? o->rank : 32;
    size_t n = 0;
    out[n++] = (adapter_tensor){"palimpsest.mask", PAL_F32, (uint32_t)base->shape.width, 0, 1.0f};
    for (size_t i = 0; i < base->matrices->count; i++) {
        const pal_named_matrix *e = &base->matrices->at[i];
        if (memcmp(e->name.data, "blk.", 4) != 0) continue;
        assert_true(n + 2 < ADAPTER_TENSORS);
        out[n] = (adapter_tensor){"", o->type, (uint32_t)e->matrix->cols, rank, 0.3f};
        snprintf(out[n++].name, sizeof out->name, "%.*s.lora_a", (int)e->name.size, e->name.data);
        out[n] = (adapter_tensor){"", o->type, rank, (uint32_t)e->matrix->rows, o->no_change ? 0.0f : 0.3f};
        snprintf(out[n++].name, sizeof out->name, "%.*s.lora_b", (int)e->name.size, e->name.data);
    }
    if (o->extra) {
        out[n] = (adapter_tensor){"", PAL_F32, 32, 0, 1.0f};
        snprintf(out[n++].name, sizeof out->name, "%s", o->extra);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (adapter_is(out[i].name, o->without)) continue;
        if (adapter_is(out[i].name, o->wider)) out[i].cols += 32;
        if (adapter_is(out[i].name, o->higher)) out[i].rows++;
        out[kept++] = out[i];
    }
    return kept;
}

static inline float *adapter_values(const adapter_tensor *t, size_t *count)
{
    *count = (size_t)t->cols * (t->rows ? t->rows : 1);
    uint32_t run = 5;
    for (const char *c = t->name; *c; c++) run = 31 * run + (unsigned char)*c;
    float *x = malloc(*count * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < *count; i++)
        x[i] = (float)((double)t->max * (2 * pal_uniform(17, PAL_DRAW_TOKEN, 0, run, (uint32_t)i) - 1));
    return x;
}

static inline void adapter_hash(image *m, const adapter_spec *o, const char *key, pal_sha256 *h)
{
    unsigned char digest[PAL_SHA256_BYTES];
    char hex[2 * PAL_SHA256_BYTES + 1];
    pal_sha256_end(h, digest);
    if (adapter_is(key, o->other_bytes)) digest[31] ^= 1;
    for (int i = 0; i < PAL_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (!adapter_is(key, o->without)) image_key_str(m, key, hex);
}

/* Names and first rows, which are the first bytes of the data in the file, of the tensors that are matrices. */
static inline void adapter_hash_matrices(const pal_model *base, pal_sha256 *h)
{
    pal_sha256_start(h);
    for (size_t i = 0; i < pal_gguf_tensors(base->gguf); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(base->gguf, i);
        char name[96];
        snprintf(name, sizeof name, "%.*s", (int)t->name.size, t->name.data);
        const pal_named_matrix *e = t->dims == 1 ? NULL : pal_matrices_find(base->matrices, name);
        if (!e) continue;
        const size_t bytes = pal_row_bytes(e->matrix->type, e->matrix->cols);
        unsigned char *row = malloc(bytes);
        assert_non_null(row);
        pal_panels_row(row, e->matrix->data, e->matrix->type, e->matrix->rows, e->matrix->cols, 0);
        pal_sha256_add(h, name, strlen(name));
        pal_sha256_add(h, row, bytes);
        free(row);
    }
}

static inline void adapter_hashes(image *m, const adapter_spec *o, const pal_model *of)
{
    const pal_gguf *base = of->gguf;
    const pal_gguf_value *tokens = pal_gguf_find(base, "tokenizer.ggml.tokens");
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, tokens->data, tokens->size);
    adapter_hash(m, o, "palimpsest.base_tokens", &h);
    pal_sha256_start(&h);
    for (size_t i = 0; i < pal_gguf_tensors(base); i++) {
        const pal_gguf_tensor *t = pal_gguf_tensor_at(base, i);
        if (t->dims != 1) continue;
        pal_sha256_add(&h, t->name.data, t->name.size);
        pal_sha256_add(&h, t->data, t->size);
    }
    adapter_hash(m, o, "palimpsest.base_vectors", &h);
    adapter_hash_matrices(of, &h);
    adapter_hash(m, o, "palimpsest.base_matrices", &h);
}

static inline void adapter_str(image *m, const adapter_spec *o, const char *key, const char *value)
{
    if (!adapter_is(key, o->without)) image_key_str(m, key, value);
}

static inline void adapter_keys(image *m, const adapter_spec *o, const pal_model *base)
{
    const float alpha = o->plain ? 0.0f : o->alpha > 0.0f ? o->alpha : ADAPTER_ALPHA;
    adapter_str(m, o, "general.type", "adapter");
    adapter_str(m, o, "general.architecture", base->architecture);
    adapter_str(m, o, "adapter.type", "lora");
    adapter_str(m, o, "palimpsest.rows", "left");
    if (!adapter_is("palimpsest.start_token_id", o->without)) image_key_u32(m, "palimpsest.start_token_id", 1);
    if (o->empty) image_key_u32(m, "palimpsest.empty_token_id", 0);
    if (!adapter_is("adapter.lora.alpha", o->without)) {
        image_key(m, "adapter.lora.alpha", PAL_GGUF_F32);
        image_put(m, &alpha, sizeof alpha);
    }
    adapter_hashes(m, o, base);
    if (o->put) o->put(m);
}

static inline void adapter_pad(image *m)
{
    while (m->size % 32) image_put(m, "", 1);
}

static inline void adapter_put_tensor(image *m, const adapter_tensor *t)
{
    size_t count;
    float *x = adapter_values(t, &count);
    unsigned char *data = malloc(4 * count);
    assert_non_null(data);
    assert_true(pal_quantize_weights(data, x, t->type, count));
    image_put(m, data, (t->rows ? t->rows : 1) * pal_row_bytes(t->type, (int)t->cols));
    adapter_pad(m);
    free(data);
    free(x);
}

/* Returns the file in a 64-byte aligned block of a whole number of 64 bytes, and its size; the caller frees it. */
static inline unsigned char *adapter_file(const adapter_spec *o, const pal_model *base, size_t *size)
{
    adapter_tensor all[ADAPTER_TENSORS];
    const uint64_t count = adapter_tensors(o, base, all);
    uint64_t offset = 0;
    image m;
    image_begin(&m);
    adapter_keys(&m, o, base);
    memcpy(m.data + 8, &count, sizeof count);
    memcpy(m.data + 16, &m.keys, sizeof m.keys);
    for (size_t i = 0; i < count; i++) {
        image_str(&m, (pal_str){all[i].name, strlen(all[i].name)});
        image_u32(&m, all[i].rows ? 2 : 1);
        image_u64(&m, all[i].cols);
        if (all[i].rows) image_u64(&m, all[i].rows);
        image_u32(&m, all[i].type);
        image_u64(&m, offset);
        offset += ((all[i].rows ? all[i].rows : 1) * pal_row_bytes(all[i].type, (int)all[i].cols) + 31) / 32 * 32;
    }
    adapter_pad(&m);
    for (size_t i = 0; i < count; i++) adapter_put_tensor(&m, &all[i]);
    *size = m.size;
    unsigned char *aligned = aligned_alloc(64, (m.size + 63) & ~(size_t)63);
    assert_non_null(aligned);
    memcpy(aligned, m.data, m.size);
    free(m.data);
    return aligned;
}

/* A base and what its adapter made of it. */
typedef struct {
    pal_model *model;
    unsigned char *image;
    size_t size;
    pal_status status;
    pal_error err;
} attached;

static inline attached attach_to(const pal_model *base, const adapter_spec *o)
{
    attached a = {0};
    a.image = adapter_file(o, base, &a.size);
    a.status = pal_model_attach(&a.model, base, a.image, a.size, &a.err);
    return a;
}

static inline void close_attachment(attached *a)
{
    pal_model_close(a->model);
    free(a->image);
}

#endif
