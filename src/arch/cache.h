/* cache.h - keys and values, each at its place in the text: what attention need not compute twice (internal).
 *
 * Places are written in any order, and again; what was never written, or is stale, may be anything, since attention
 * reads only what a row sees.
 *
 * Attention reads f32: keys in panels of eight, values in rows.  A cache of F32 is exactly that, for all layers.  The
 * smaller types keep all layers rounded and expand the layer at work into room for one; what is new is rounded before
 * it is read, so that a token sees the same keys and values whether they were computed just now or long ago.
 *
 *   F16   ties to even, as in files; beyond 65504 infinite
 *   Q8_0  each head's numbers of a token in blocks of 32 (the last may be shorter): scale f16(amax / 127), integers
 *         x * (1 / scale) to the nearest, ties to even, within -127..127; a value is integer * scale */
#ifndef PAL_CACHE_H
#define PAL_CACHE_H

#include "../kernels/compute.h"

typedef struct {
    int layers, kv_heads, head_dim;
} pal_cache_shape;

/* One of the two, keys or values, of all layers in a type smaller than F32. */
typedef struct {
    void *data; /* [layers, capacity * kv_heads * head_dim] u16 or i8, each layer in the order of the f32 room */
    uint16_t
        *scale; /* Q8_0: [layers, capacity * kv_heads * blocks], likewise: keys [.., block, 8], values [.., block] */
} pal_kept;

typedef struct {
    pal_cache_shape shape;
    pal_kv_type type;
    int capacity; /* positions, a multiple of 8 */
    int blocks;   /* of Q8_0 in a head */
    int held;     /* layers in k and v: all for F32, else 1 */
    float *k;     /* [held, kv_heads, capacity / 8, head_dim, 8] */
    float *v;     /* [held, capacity, kv_heads * head_dim] */
    pal_kept kept_k, kept_v;
} pal_cache;

/* What attention reads of one layer, and its strides: see pal_attention. */
typedef struct {
    const float *k, *v;
    size_t k_stride, v_stride, v_head;
} pal_cache_rows;

/* Places a cache of at least `capacity` positions, or measures it; without `keep` a layer's keys and values are
 * forgotten after it (and type is F32). */
void pal_cache_layout(pal_cache *c, const pal_cache_shape *shape, int capacity, bool keep, pal_kv_type type,
                      pal_arena *arena);
void pal_cache_clear(pal_cache *c); /* once, before the first use */

/* Keeps keys and values k, v [n, kv_heads * head_dim] of a layer at place[n], each below the capacity. */
void pal_cache_put(const pal_cache *c, int layer, const float *k, const float *v, const int *place, int n);

/* Keys and values of a layer, readable as far as places below `below`; until the next layer is asked for. */
pal_cache_rows pal_cache_layer(const pal_cache *c, const pal_compute *compute, int layer, int below);

/* Keys and values k, v [n, kv_heads * head_dim] where they lie, as they would be read had they been kept. */
void pal_cache_round(const pal_cache *c, float *k, float *v, int n);

/* All that is kept of the first `positions`, layer by layer, as bytes: how many, to bytes and back.  The bytes depend on
 * nothing else: panels are filled up with zeros. */
size_t pal_cache_bytes(const pal_cache *c, int positions);
void pal_cache_write(const pal_cache *c, int positions, unsigned char *out);
void pal_cache_read(pal_cache *c, int positions, const unsigned char *in);

#endif
