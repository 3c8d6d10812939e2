/* cache.c - the KV cache: storing, rounding and expanding keys and values, and saving them as bytes. */
#include "cache.h"
#include "../core/math.h"

#include <math.h>
#include <string.h>

enum { F16_BYTES = 2, Q8_0_BYTES = 1 };

static size_t round_up(int n)
{
    return ((size_t)n + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL;
}

static size_t kv_dim(const pal_cache *c)
{
    return pal_times((size_t)c->shape.kv_heads, (size_t)c->shape.head_dim);
}

/* Numbers per layer, and scales per layer. */
static size_t layer_size(const pal_cache *c)
{
    return pal_times((size_t)c->capacity, kv_dim(c));
}

static size_t layer_scales(const pal_cache *c)
{
    return pal_times((size_t)c->capacity, pal_times((size_t)c->shape.kv_heads, (size_t)c->blocks));
}

static size_t element_bytes(pal_kv_type type)
{
    return type == PAL_KV_F32 ? sizeof(float) : type == PAL_KV_F16 ? F16_BYTES : Q8_0_BYTES;
}

static void kept_layout(pal_kept *kept, const pal_cache *c, pal_arena *arena)
{
    const size_t layers = (size_t)c->shape.layers;
    kept->data = pal_take2(arena, layers, layer_size(c), element_bytes(c->type));
    kept->scale = c->type == PAL_KV_Q8_0 ? pal_take2(arena, layers, layer_scales(c), sizeof *kept->scale) : NULL;
}

void pal_cache_layout(pal_cache *c, const pal_cache_shape *shape, int capacity, bool keep, pal_kv_type type,
                      pal_arena *arena)
{
    PAL_ASSERT(keep || type == PAL_KV_F32);
    *c = (pal_cache){.shape = *shape, .type = type, .capacity = (int)round_up(capacity)};
    c->blocks = (shape->head_dim + PAL_BLOCK - 1) / PAL_BLOCK;
    c->held = keep && type == PAL_KV_F32 ? shape->layers : 1;
    c->k = pal_take2(arena, (size_t)c->held, layer_size(c), sizeof *c->k);
    c->v = pal_take2(arena, (size_t)c->held, layer_size(c), sizeof *c->v);
    if (type == PAL_KV_F32) return;
    kept_layout(&c->kept_k, c, arena);
    kept_layout(&c->kept_v, c, arena);
}

/* Panels are read whole, so unwritten keys are cleared: they could be subnormal numbers, which are slow to add. */
void pal_cache_clear(pal_cache *c)
{
    const size_t layers = (size_t)c->shape.layers;
    memset(c->k, 0, (size_t)c->held * layer_size(c) * sizeof *c->k);
    if (c->type != PAL_KV_F32) memset(c->kept_k.data, 0, layers * layer_size(c) * element_bytes(c->type));
    if (c->type == PAL_KV_Q8_0) memset(c->kept_k.scale, 0, layers * layer_scales(c) * sizeof *c->kept_k.scale);
}

/* ---- rounding --------------------------------------------------------------------------------------- */

/* Adding 1.5 * 2^23 rounds to even and leaves the integer in the low byte; |x| < 2^22.  For NaN the byte is
 * unspecified. */
static int8_t round_to_even(float x)
{
    float sum = x + 0x1.8p23f;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (int8_t)(uint8_t)bits;
}

/* Quantises up to 32 numbers to q, `stride` apart.  Rounding the scale to half changes it by up to 2^-11, so an integer
 * may come to 127.06, which rounds to 127.  If the scale is subnormal the error is larger, and the integer is clamped.
 * A block with a NaN gets the scale NaN, so that damaged weights show in the output. */
static uint16_t round_block(int8_t *q, size_t stride, const float *x, int count)
{
    float amax = 0.0f;
    bool numbers = true;
    for (int i = 0; i < count; i++) {
        float magnitude = x[i] < 0.0f ? -x[i] : x[i];
        amax = magnitude > amax ? magnitude : amax;
        numbers = numbers && x[i] == x[i];
    }
    const uint16_t half = pal_f32_to_f16(numbers ? amax / 127.0f : NAN);
    const float scale = pal_f16_to_f32(half), inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    for (int i = 0; i < count; i++) {
        float y = x[i] * inverse;
        q[(size_t)i * stride] = round_to_even(y > 127.0f ? 127.0f : y < -127.0f ? -127.0f : y);
    }
    return half;
}

/* Rounds one head of one token: x[head_dim] to index `to`, elements `stride` apart (8 in panels), and its scales in the
 * same way. */
static void round_head(const pal_cache *c, const pal_kept *kept, size_t to, size_t scale, size_t stride, const float *x)
{
    const int head_dim = c->shape.head_dim;
    if (c->type == PAL_KV_F16) {
        uint16_t *half = (uint16_t *)kept->data + to;
        for (int d = 0; d < head_dim; d++) half[(size_t)d * stride] = pal_f32_to_f16(x[d]);
        return;
    }
    int8_t *q = (int8_t *)kept->data + to;
    for (int d = 0, block = 0; d < head_dim; d += PAL_BLOCK, block++)
        kept->scale[scale + (size_t)block * stride] =
            round_block(q + (size_t)d * stride, stride, x + d, head_dim - d < PAL_BLOCK ? head_dim - d : PAL_BLOCK);
}

/* Rounds keys and values [n, kv_heads * head_dim] to their places. */
static void round_new(const pal_cache *c, int layer, const float *k, const float *v, const int *place, int n)
{
    const size_t head_dim = (size_t)c->shape.head_dim, heads = (size_t)c->shape.kv_heads, blocks = (size_t)c->blocks;
    const size_t numbers = (size_t)layer * layer_size(c), scales = (size_t)layer * layer_scales(c);
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)place[i], lane = at % PAL_PANEL;
        for (size_t head = 0; head < heads; head++, k += head_dim, v += head_dim) {
            const size_t panel = head * (size_t)c->capacity + at - lane, row = at * heads + head;
            round_head(c, &c->kept_k, numbers + panel * head_dim + lane, scales + panel * blocks + lane, PAL_PANEL, k);
            round_head(c, &c->kept_v, numbers + row * head_dim, scales + row * blocks, 1, v);
        }
    }
}

/* Rounds up to 32 numbers x[count] and converts them back. */
static void round_in_place(pal_kv_type type, float *x, int count)
{
    int8_t q[PAL_BLOCK];
    if (type == PAL_KV_F16) {
        for (int i = 0; i < count; i++) x[i] = pal_f16_to_f32(pal_f32_to_f16(x[i]));
        return;
    }
    const float scale = pal_f16_to_f32(round_block(q, 1, x, count));
    for (int i = 0; i < count; i++) x[i] = (float)q[i] * scale;
}

void pal_cache_round(const pal_cache *c, float *k, float *v, int n)
{
    const int head_dim = c->shape.head_dim;
    if (c->type == PAL_KV_F32) return;
    for (size_t head = 0; head < (size_t)n * (size_t)c->shape.kv_heads; head++, k += head_dim, v += head_dim)
        for (int d = 0; d < head_dim; d += PAL_BLOCK) {
            const int count = head_dim - d < PAL_BLOCK ? head_dim - d : PAL_BLOCK;
            round_in_place(c->type, k + d, count);
            round_in_place(c->type, v + d, count);
        }
}

/* ---- expanding -------------------------------------------------------------------------------------- */

/* Expands Q8_0: `count` units (panels of eight tokens, or heads of one token) from unit `unit` of a layer on. */
static void expand_blocks(const pal_cache *c, const pal_compute *compute, float *x, const pal_kept *kept, size_t layer,
                          size_t unit, size_t count, int lanes)
{
    const size_t head_dim = (size_t)c->shape.head_dim, wide = (size_t)lanes;
    const int8_t *q = (const int8_t *)kept->data + layer * layer_size(c) + unit * head_dim * wide;
    const uint16_t *scale = kept->scale + layer * layer_scales(c) + unit * (size_t)c->blocks * wide;
    x += unit * head_dim * wide;
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < head_dim; d += PAL_BLOCK, scale += wide) {
            const size_t dims = head_dim - d < PAL_BLOCK ? head_dim - d : PAL_BLOCK;
            compute->kernels->expand_q8_0(x, q, scale, (int)dims, lanes);
            x += dims * wide;
            q += dims * wide;
        }
}

/* Expanding the first `positions` places of a layer.  Tiles are the keys of each head, then the values of VALUES places. */
enum { VALUES = 64 };

typedef struct {
    const pal_cache *cache;
    const pal_compute *compute;
    int layer, positions;
} expansion;

static void expand_keys(const expansion *e, size_t head)
{
    const pal_cache *c = e->cache;
    const size_t head_dim = (size_t)c->shape.head_dim, from = head * (size_t)c->capacity * head_dim;
    const size_t panels = round_up(e->positions) / PAL_PANEL, each = (size_t)c->capacity / PAL_PANEL;
    const size_t at = (size_t)e->layer;
    if (c->type == PAL_KV_F16)
        e->compute->kernels->expand_f16(c->k + from, (const uint16_t *)c->kept_k.data + at * layer_size(c) + from,
                                        panels * PAL_PANEL * head_dim);
    else
        expand_blocks(c, e->compute, c->k, &c->kept_k, at, head * each, panels, PAL_PANEL);
}

static void expand_values(const expansion *e, size_t first, size_t count)
{
    const pal_cache *c = e->cache;
    const size_t heads = (size_t)c->shape.kv_heads, at = (size_t)e->layer, from = first * kv_dim(c);
    if (c->type == PAL_KV_F16)
        e->compute->kernels->expand_f16(c->v + from, (const uint16_t *)c->kept_v.data + at * layer_size(c) + from,
                                        count * kv_dim(c));
    else
        expand_blocks(c, e->compute, c->v, &c->kept_v, at, first * heads, count * heads, 1);
}

static void expand_tiles(void *context, int from, int to, int thread)
{
    const expansion *e = context;
    const int heads = e->cache->shape.kv_heads;
    (void)thread;
    for (; from < to && from < heads; from++) expand_keys(e, (size_t)from);
    if (from == to) return;
    const int first = (from - heads) * VALUES, end = (to - heads) * VALUES;
    expand_values(e, (size_t)first, (size_t)((end < e->positions ? end : e->positions) - first));
}

/* Expands the first `positions` places of a layer to the f32 buffer; unwritten places may hold anything. */
static void expand(const pal_cache *c, const pal_compute *compute, int layer, int positions)
{
    const size_t work = 4 * (size_t)positions * kv_dim(c);
    const int tiles = c->shape.kv_heads + (positions + VALUES - 1) / VALUES;
    pal_team_run(pal_compute_team(compute, work), expand_tiles, &(expansion){c, compute, layer, positions}, tiles);
}

/* ---- the current layer ------------------------------------------------------------------------------ */

/* The index in k and v where a layer starts. */
static size_t layer_at(const pal_cache *c, int layer)
{
    return c->held > 1 ? (size_t)layer * layer_size(c) : 0;
}

/* Copies keys [n, kv_heads * head_dim] to their panels, and values to their rows. */
static void store(const pal_cache *c, int layer, const float *k, const float *v, const int *place, int n)
{
    const size_t head_dim = (size_t)c->shape.head_dim, capacity = (size_t)c->capacity, row = kv_dim(c);
    float *panels = c->k + layer_at(c, layer), *rows = c->v + layer_at(c, layer);
    for (int i = 0; i < n; i++, v += row) {
        const size_t at = (size_t)place[i], lane = at % PAL_PANEL;
        memcpy(rows + at * row, v, row * sizeof *v);
        for (size_t head = 0; head < (size_t)c->shape.kv_heads; head++, k += head_dim) {
            float *to = panels + (head * capacity + at - lane) * head_dim + lane;
            for (size_t d = 0; d < head_dim; d++) to[d * PAL_PANEL] = k[d];
        }
    }
}

void pal_cache_put(const pal_cache *c, int layer, const float *k, const float *v, const int *place, int n)
{
    for (int i = 0; i < n; i++) PAL_ASSERT(place[i] >= 0 && place[i] < c->capacity);
    if (c->type == PAL_KV_F32)
        store(c, layer, k, v, place, n);
    else
        round_new(c, layer, k, v, place, n);
}

pal_cache_rows pal_cache_layer(const pal_cache *c, const pal_compute *compute, int layer, int below)
{
    PAL_ASSERT(below >= 0 && below <= c->capacity);
    if (c->type != PAL_KV_F32) expand(c, compute, layer, below);
    return (pal_cache_rows){.k = c->k + layer_at(c, layer),
                            .v = c->v + layer_at(c, layer),
                            .k_stride = (size_t)c->capacity * (size_t)c->shape.head_dim,
                            .v_stride = kv_dim(c),
                            .v_head = (size_t)c->shape.head_dim};
}

/* ---- copying ---------------------------------------------------------------------------------------- */

/* Copies the keys of the first places of a layer, in whole panels, with `bytes` per place and head. */
static void copy_panels(const pal_cache *c, char *to, const pal_cache *of, const char *from, size_t bytes, int places)
{
    for (size_t head = 0; head < (size_t)c->shape.kv_heads; head++)
        memcpy(to + head * (size_t)c->capacity * bytes, from + head * (size_t)of->capacity * bytes,
               round_up(places) * bytes);
}

static void copy_f32(const pal_cache *c, const pal_cache *from, int places)
{
    const size_t layers = (size_t)c->shape.layers, head = (size_t)c->shape.head_dim * sizeof(float);
    for (size_t layer = 0; layer < layers; layer++) {
        const size_t to = layer * layer_size(c), at = layer * layer_size(from);
        copy_panels(c, (char *)(c->k + to), from, (const char *)(from->k + at), head, places);
        memcpy(c->v + to, from->v + at, (size_t)places * kv_dim(c) * sizeof *c->v);
    }
}

static void copy_kept(const pal_cache *c, const pal_cache *from, int places)
{
    const size_t number = element_bytes(c->type), head = (size_t)c->shape.head_dim * number;
    const size_t scale = (size_t)c->blocks * sizeof(uint16_t), rows = (size_t)places * (size_t)c->shape.kv_heads;
    for (size_t layer = 0; layer < (size_t)c->shape.layers; layer++) {
        const size_t to = layer * layer_size(c) * number, at = layer * layer_size(from) * number;
        copy_panels(c, (char *)c->kept_k.data + to, from, (const char *)from->kept_k.data + at, head, places);
        memcpy((char *)c->kept_v.data + to, (const char *)from->kept_v.data + at, rows * head);
        if (c->type != PAL_KV_Q8_0) continue;
        uint16_t *k = c->kept_k.scale + layer * layer_scales(c), *v = c->kept_v.scale + layer * layer_scales(c);
        copy_panels(c, (char *)k, from, (const char *)(from->kept_k.scale + layer * layer_scales(from)), scale, places);
        memcpy(v, from->kept_v.scale + layer * layer_scales(from), rows * scale);
    }
}

void pal_cache_copy(pal_cache *c, const pal_cache *from, int places)
{
    PAL_ASSERT(c->type == from->type && places <= c->capacity && places <= from->capacity);
    PAL_ASSERT(c->shape.layers == from->shape.layers && kv_dim(c) == kv_dim(from));
    if (c->type == PAL_KV_F32)
        copy_f32(c, from, places);
    else
        copy_kept(c, from, places);
}

/* ---- as bytes --------------------------------------------------------------------------------------- */

size_t pal_cache_bytes(const pal_cache *c, int positions)
{
    const size_t numbers = pal_times(kv_dim(c), element_bytes(c->type));
    const size_t scales = c->type == PAL_KV_Q8_0
                              ? pal_times(pal_times((size_t)c->shape.kv_heads, (size_t)c->blocks), sizeof(uint16_t))
                              : 0;
    return pal_times(pal_times((size_t)c->shape.layers, round_up(positions) + (size_t)positions),
                     pal_plus(numbers, scales));
}

/* The last panel of a run: its bytes, bytes per number, and the number of positions in it that are used. */
typedef struct {
    size_t bytes, number, lanes;
} last_panel;

/* Called for the pieces of a layer's bytes, in order, the same for writing and reading; last is NULL for rows. */
typedef void piece_fn(void *context, void *memory, size_t bytes, const last_panel *last);

/* Passes the keys of each head as whole panels, with `bytes` per position and `number` bytes per number. */
static void panel_pieces(const pal_cache *c, char *data, size_t bytes, size_t number, int positions, piece_fn *piece,
                         void *context)
{
    const size_t all = round_up(positions);
    const last_panel last = {PAL_PANEL * bytes, number, PAL_PANEL - (all - (size_t)positions)};
    for (int head = 0; head < c->shape.kv_heads; head++)
        piece(context, data + (size_t)head * (size_t)c->capacity * bytes, all * bytes, &last);
}

static void all_pieces(const pal_cache *c, int positions, piece_fn *piece, void *context)
{
    const bool plain = c->type == PAL_KV_F32;
    const size_t bytes = element_bytes(c->type), head = (size_t)c->shape.head_dim * bytes;
    const size_t scale = (size_t)c->blocks * sizeof(uint16_t), rows = (size_t)positions * (size_t)c->shape.kv_heads;
    char *k = plain ? (char *)c->k : c->kept_k.data, *v = plain ? (char *)c->v : c->kept_v.data;
    for (size_t layer = 0; layer < (size_t)c->shape.layers; layer++) {
        panel_pieces(c, k + layer * layer_size(c) * bytes, head, bytes, positions, piece, context);
        piece(context, v + layer * layer_size(c) * bytes, rows * head, NULL);
        if (c->type != PAL_KV_Q8_0) continue;
        panel_pieces(c, (char *)(c->kept_k.scale + layer * layer_scales(c)), scale, sizeof(uint16_t), positions, piece,
                     context);
        piece(context, c->kept_v.scale + layer * layer_scales(c), rows * scale, NULL);
    }
}

/* Unused positions of the last panel are written as zeros, so that equal contents give equal bytes. */
static void put_piece(void *context, void *memory, size_t bytes, const last_panel *last)
{
    unsigned char **out = context;
    memcpy(*out, memory, bytes);
    *out += bytes;
    if (!last || bytes == 0 || last->lanes == PAL_PANEL) return;
    unsigned char *panel = *out - last->bytes;
    for (size_t at = 0; at < last->bytes; at += PAL_PANEL * last->number)
        memset(panel + at + last->lanes * last->number, 0, (PAL_PANEL - last->lanes) * last->number);
}

static void get_piece(void *context, void *memory, size_t bytes, const last_panel *last)
{
    const unsigned char **in = context;
    (void)last;
    memcpy(memory, *in, bytes);
    *in += bytes;
}

void pal_cache_write(const pal_cache *c, int positions, unsigned char *out)
{
    all_pieces(c, positions, put_piece, &out);
}

void pal_cache_read(pal_cache *c, int positions, const unsigned char *in)
{
    all_pieces(c, positions, get_piece, (void *)&in);
}
