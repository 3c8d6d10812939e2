/* cache.h - the KV cache: keys and values by their place in the text, so that they are computed once (internal).
 *
 * Places can be written in any order, and again.  Places that were never written, or are stale, may hold anything,
 * because attention uses only what a row sees.
 *
 * Attention reads f32: keys in panels of eight, values in rows.  An F32 cache stores this form for all layers.  The
 * smaller types store all layers rounded, and expand the current layer into an f32 buffer for one layer.  New keys and
 * values are rounded before they are read, so a token sees the same numbers whether they were computed in this
 * evaluation or earlier.
 *
 *   F16   rounded to nearest, ties to even, as in files; infinite beyond 65504
 *   Q8_0  the numbers of each head and token in blocks of 32 (the last may be shorter): scale f16(amax / 127), integers
 *         x * (1 / scale) to the nearest, ties to even, within -127..127; a value is integer * scale */
#ifndef PAL_CACHE_H
#define PAL_CACHE_H

#include "../kernels/compute.h"

typedef struct {
    int layers, kv_heads, head_dim;
} pal_cache_shape;

/* The keys, or the values, of all layers, in a type smaller than F32. */
typedef struct {
    void *data;      /* [layers, capacity * kv_heads * head_dim] u16 or i8, each layer in the order of the f32 buffer */
    uint16_t *scale; /* Q8_0: [layers, capacity * kv_heads * blocks]; keys [.., block, 8], values [.., block] */
} pal_kept;

typedef struct {
    pal_cache_shape shape;
    pal_kv_type type;
    int capacity; /* positions, a multiple of 8 */
    int blocks;   /* Q8_0 blocks per head */
    int held;     /* layers in k and v: all for F32, otherwise 1 */
    float *k;     /* [held, kv_heads, capacity / 8, head_dim, 8] */
    float *v;     /* [held, capacity, kv_heads * head_dim] */
    pal_kept kept_k, kept_v;
} pal_cache;

/* What attention reads of one layer, with its strides: see pal_attention. */
typedef struct {
    const float *k, *v;
    size_t k_stride, v_stride, v_head;
} pal_cache_rows;

/* Places a cache of at least `capacity` positions, or measures it.  Without `keep` the cache holds one layer at a time,
 * and type must be F32. */
void pal_cache_layout(pal_cache *c, const pal_cache_shape *shape, int capacity, bool keep, pal_kv_type type,
                      pal_arena *arena);
void pal_cache_clear(pal_cache *c); /* call once, before the first use */

/* Copies the keys and values of places 0 .. places - 1 from a cache of the same shape and type.  Both keep all layers. */
void pal_cache_copy(pal_cache *c, const pal_cache *from, int places);

/* Stores keys and values k, v [n, kv_heads * head_dim] of a layer at place[n], each below the capacity. */
void pal_cache_put(const pal_cache *c, int layer, const float *k, const float *v, const int *place, int n);

/* Keys and values of a layer, readable for places below `below`, until the next layer is requested. */
pal_cache_rows pal_cache_layer(const pal_cache *c, const pal_compute *compute, int layer, int below);

/* Rounds keys and values k, v [n, kv_heads * head_dim] in place, as storing and reading them would. */
void pal_cache_round(const pal_cache *c, float *k, float *v, int n);

/* The stored contents of the first `positions`, layer by layer, as bytes: their number, writing and reading.  The bytes
 * depend on nothing else; unused ends of panels are zero. */
size_t pal_cache_bytes(const pal_cache *c, int positions);
void pal_cache_write(const pal_cache *c, int positions, unsigned char *out);
void pal_cache_read(pal_cache *c, int positions, const unsigned char *in);

#endif
