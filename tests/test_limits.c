/* test_limits.c - every layout at the sizes that binding allows: a layout larger than memory is an overflow, and any
 * other has space for every element.  With 32-bit addresses products of such sizes wrap, for example to 0.
 *
 * The expected sizes are summed in 128 bits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "arch/unet_bind.h"
#include "image/denoise.h"
#include "image/likelihood.h"
#include "image/rk45.h"
#include "image/guidance.h"
#include "network/picture.h"
#include "text/choose.h"
#include "text/fill.h"
#include "text/layout.h"
#include "text/score.h"

__extension__ typedef unsigned __int128 wide;

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* As in src/arch/bind.c. */
enum { MAX_LAYERS = 1024, MAX_HEADS = 4096, MAX_CONTEXT = 1 << 20, MAX_VOCAB = 1 << 24, MAX_DIM = 1 << 16 };
enum { MAX_PICTURES = 65536 };

/* Bytes of the arrays that a layout must have. */
typedef struct {
    wide bytes;
    unsigned arrays;
} needs;

static void need(needs *n, wide a, wide b, wide c, wide size)
{
    n->bytes += a * b * c * size;
    n->arrays++;
}

/* `exact`: these are all its arrays. */
static void expect(const pal_arena *arena, const needs *n, bool exact)
{
    const wide rest = (wide)n->arrays * (64 + PAL_RED_ZONE);
    size_t bytes = 0;
    if (n->bytes > SIZE_MAX) {
        assert_true(arena->overflow);
        assert_false(pal_arena_bytes(arena, &bytes));
        return;
    }
    if (exact && n->bytes + rest < SIZE_MAX) assert_false(arena->overflow);
    if (arena->overflow) return;
    assert_true(arena->used >= n->bytes);
    if (exact) assert_true(arena->used <= n->bytes + rest);
}

static wide rounded(wide n)
{
    return (n + PAL_PANEL - 1) / PAL_PANEL * PAL_PANEL;
}

/* ---- transformers ----------------------------------------------------------------------------------- */

static const int heads[] = {1, 8, 1000, MAX_HEADS}, head_dims[] = {2, 64, 128, 4098, MAX_DIM};
static const int lengths[] = {1, 7, 4096, 131072, MAX_CONTEXT};

static void check_cache(const pal_cache_shape *shape, int capacity, bool keep, pal_kv_type type)
{
    const wide blocks = ((wide)shape->head_dim + PAL_BLOCK - 1) / PAL_BLOCK, layers = (wide)shape->layers;
    const wide row = (wide)shape->kv_heads * (wide)shape->head_dim, tokens = rounded((wide)capacity);
    pal_arena arena = {0};
    pal_cache c;
    needs n = {0};
    pal_cache_layout(&c, shape, capacity, keep, type, &arena);
    const wide held = keep && type == PAL_KV_F32 ? layers : 1;
    need(&n, held, tokens, row, 2 * sizeof(float));
    need(&n, 0, 0, 0, 0); /* it is two arrays */
    const wide bytes = type == PAL_KV_F16 ? 2 : 1;
    for (int i = 0; i < 2 && type != PAL_KV_F32; i++) {
        need(&n, layers, tokens, row, bytes);
        if (type == PAL_KV_Q8_0) need(&n, layers * blocks, tokens, (wide)shape->kv_heads, sizeof(uint16_t));
    }
    expect(&arena, &n, true);
}

static void caches_at_the_limits_fit_or_overflow(void **state)
{
    (void)state;
    static const int layers[] = {1, 16, 32, 64, MAX_LAYERS};
    for (size_t h = 0; h < COUNT(heads); h++)
        for (size_t d = 0; d < COUNT(head_dims); d++)
            for (size_t l = 0; l < COUNT(layers); l++)
                for (size_t p = 0; p < COUNT(lengths); p++) {
                    const pal_cache_shape shape = {.layers = layers[l], .kv_heads = heads[h], .head_dim = head_dims[d]};
                    for (int type = 0; type < PAL_KV_TYPES; type++)
                        check_cache(&shape, lengths[p], true, (pal_kv_type)type);
                    check_cache(&shape, lengths[p], false, PAL_KV_F32);
                    check_cache(&shape, INT32_MAX / 2, false, PAL_KV_F32); /* pages together */
                }
}

static void need_quantized(needs *n, wide rows, wide widest)
{
    const wide blocks = widest / PAL_BLOCK + 1;
    need(n, rows, blocks, PAL_BLOCK, sizeof(int8_t));
    need(n, rows, blocks, 1, sizeof(float));
    need(n, rows, blocks, 1, sizeof(int32_t));
#if defined(__wasm__)
    need(n, rows, blocks, PAL_BLOCK, sizeof(int16_t));
#endif
}

static void check_activations(const pal_transformer *net, int max, int positions)
{
    const wide n = (wide)max, dim = (wide)net->dim, hidden = (wide)net->hidden;
    const wide q_dim = (wide)net->heads * (wide)net->head_dim, kv_dim = (wide)net->kv_heads * (wide)net->head_dim;
    const wide half = (wide)net->head_dim / 2, gates = net->layer[0].gate.data ? 1 : 0;
    wide widest = dim > hidden ? dim : hidden;
    pal_arena arena = {0};
    pal_activations a;
    needs all = {0};
    pal_activations_layout(&a, net, 1, max, positions, &arena);
    pal_activations_table(&a, net, &arena);
    for (int i = 0; i < 2; i++) {
        need(&all, n, dim, 1, sizeof(float));
        need(&all, n, q_dim, 1, sizeof(float));
        need(&all, n, kv_dim, 1, sizeof(float));
        need(&all, net->rotary.dims ? (wide)positions : 0, half, 1, sizeof(float));
    }
    need(&all, n, hidden, gates, sizeof(float));
    need(&all, n, hidden, 1, sizeof(float));
    need(&all, rounded((wide)positions), PAL_ATTENTION_ROWS, 1, sizeof(float));
    need(&all, n, 1, 1, sizeof(pal_seen));
    for (int i = 0; i < 2; i++) need(&all, n, 1, 1, sizeof(int));
    for (int i = 0; i < 2; i++) need(&all, 0, 0, 0, 0); /* of the noise level, which these networks do not have */
    need_quantized(&all, n, q_dim > widest ? q_dim : widest);
    expect(&arena, &all, true);
}

static void activations_at_the_limits_fit_or_overflow(void **state)
{
    (void)state;
    static const int dims[] = {1, 64, 4096, MAX_DIM}, hiddens[] = {1, 11008, 4 * MAX_DIM};
    static const float data[1];
    pal_layer layer = {0};
    pal_transformer net = {.layer = &layer};
    for (size_t i = 0; i < COUNT(dims) * COUNT(hiddens) * COUNT(heads) * COUNT(head_dims) * COUNT(lengths); i++) {
        size_t at = i;
        net.dim = dims[at % COUNT(dims)], at /= COUNT(dims);
        net.hidden = hiddens[at % COUNT(hiddens)], at /= COUNT(hiddens);
        net.heads = heads[at % COUNT(heads)], at /= COUNT(heads);
        net.head_dim = head_dims[at % COUNT(head_dims)], at /= COUNT(head_dims);
        net.kv_heads = i % 3 ? net.heads : 1;
        net.rotary.dims = i % 2 ? net.head_dim : 0;
        layer.gate.data = i % 5 ? data : NULL;
        check_activations(&net, lengths[at], lengths[at]);
        check_activations(&net, lengths[at] < 256 ? lengths[at] : 256, lengths[at]);
        check_activations(&net, INT32_MAX / 2, INT32_MAX / 2);
    }
}

/* ---- parts of networks, with any size at all -------------------------------------------------------- */

static const size_t sizes[] = {0,
                               1,
                               31,
                               4096,
                               65535,
                               (size_t)1 << 20,
                               1u << 24,
                               (1u << 31) - 1,
                               1u << 31,
                               UINT32_MAX,
                               SIZE_MAX / 8,
                               SIZE_MAX / 2 + 1,
                               SIZE_MAX - 1,
                               SIZE_MAX};

static void parts_of_networks_of_any_size_fit_or_overflow(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            const wide a = sizes[i], b = sizes[j];
            pal_arena quantized = {0}, conv = {0}, attention = {0}, norm = {0};
            pal_quantized rows;
            pal_conv2d_scratch patches;
            pal_attention_scratch heads_scratch;
            pal_group_norm_scratch sums;
            needs n = {0}, c = {0}, t = {0}, g = {0};
            pal_quantized_layout(&rows, sizes[i], sizes[j], &quantized);
            need_quantized(&n, a, b);
            expect(&quantized, &n, true);
            pal_conv2d_layout(&patches, 1, sizes[i], sizes[j], &conv);
            need(&c, PAL_CONV_PIXELS, a, 1, sizeof(float));
            need_quantized(&c, PAL_CONV_PIXELS, a);
            need_quantized(&c, 1, b);
            expect(&conv, &c, true);
            pal_attention_layout(&heads_scratch, 1, sizes[i], sizes[j], &attention);
            need(&t, a, b, 2, sizeof(float));
            need(&t, rounded(a), b, 1, sizeof(float));
            need(&t, rounded(a), PAL_ATTENTION_ROWS, 1, sizeof(float));
            need(&t, a, 1, 1, sizeof(pal_seen));
            expect(&attention, &t, false);
            pal_group_norm_layout(&sums, sizes[i], &norm);
            need(&g, a, 3, 1, sizeof(float));
            expect(&norm, &g, false);
        }
}

/* The widest U-Net that the single limits of its reader allow, and others; its check of all sizes must find those that
 * are too large together. */
static void unets_at_the_limits_fit_or_are_refused(void **state)
{
    (void)state;
    static const int widths[] = {8, 512, PAL_UNET_WIDTH}, sides[] = {4, 64, PAL_UNET_SIDE};
    for (size_t i = 0; i < COUNT(widths) * COUNT(sides) * 2; i++) {
        pal_unet net = {.channels = 3, .patch = i % 2 ? 4 : 1, .sinusoids = 1 << 14, .embedding = 1 << 14};
        wide skips = 0, values = 0;
        net.levels = PAL_UNET_LEVELS;
        net.blocks = net.up_blocks = PAL_UNET_BLOCKS;
        for (int l = 0; l < net.levels; l++) {
            const int side = sides[i / 2 % COUNT(sides)], channels = widths[i / 2 / COUNT(sides)];
            net.level[l] = (pal_unet_level){.height = side, .width = side, .channels = channels, .attends = true};
            skips += (wide)net.blocks * (wide)side * (wide)side * (wide)channels;
            values = (wide)side * (wide)side * 2 * (wide)channels;
        }
        assert_true(skips > SIZE_MAX ? pal_unet_skips(&net) == SIZE_MAX : pal_unet_skips(&net) == skips);
        assert_true(values > SIZE_MAX ? pal_unet_sizes(&net).values == SIZE_MAX
                                      : pal_unet_sizes(&net).values >= values);
        pal_arena arena = {0};
        pal_unet_scratch scratch;
        needs n = {0};
        pal_unet_layout(&scratch, &net, 1, &arena);
        need(&n, skips, 1, 1, sizeof(float));
        need(&n, values, 5, 1, sizeof(float)); /* x, y, joined, h, t */
        expect(&arena, &n, false);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------ */

static void text_layouts_at_the_limits_fit_or_overflow(void **state)
{
    (void)state;
    static const int32_t vocabs[] = {1, 32768, MAX_VOCAB, INT32_MAX}, max[] = {1, MAX_CONTEXT, INT32_MAX};
    for (size_t v = 0; v < COUNT(vocabs); v++)
        for (size_t m = 0; m < COUNT(max); m++) {
            const wide vocab = (wide)vocabs[v], tokens = (wide)max[m];
            pal_arena filled = {0}, scored = {0}, decoded = {0};
            pal_fill f = {0};
            pal_scorer s = {0};
            pal_choose_scratch d;
            needs n = {0}, k = {0}, w = {0};
            pal_fill_layout(&f, vocabs[v], max[m], max[m], &filled);
            need(&n, PAL_FILL_ROWS, vocab, 1, sizeof(float));
            need(&n, vocab, 1, 1, sizeof(double) + 2 * sizeof(int32_t));
            need(&n, tokens, 1, 1, sizeof(double) + 3 * sizeof(int32_t) + sizeof(int));
            expect(&filled, &n, false);
            pal_scorer_layout(&s, vocabs[v], max[m], &scored);
            need(&k, PAL_FILL_ROWS, vocab, 1, sizeof(float));
            need(&k, tokens, 1, 1, 3 * sizeof(int32_t) + sizeof(int));
            expect(&scored, &k, false);
            pal_choose_layout(&d, vocabs[v], true, &decoded);
            need(&w, vocab, 1, 1, 2 * sizeof(double) + 2 * sizeof(int32_t));
            expect(&decoded, &w, false);
        }
}

/* ---- pictures --------------------------------------------------------------------------------------- */

static void picture_layouts_at_the_limits_fit_or_overflow(void **state)
{
    (void)state;
    static const int32_t counts[] = {1, 21845, 21846, MAX_PICTURES}; /* 21846 * 256 * 256 * 3 is above 2^32 */
    const int32_t size = PAL_UNET_SIDE * PAL_UNET_SIDE * 3;
    for (size_t i = 0; i < COUNT(counts); i++) {
        const wide row = (wide)counts[i] * (wide)size;
        const pal_noise_predictor shape = {.size = size};
        for (int sampler = 0; sampler < PAL_IMAGE_SAMPLERS; sampler++) {
            pal_denoise d = {.predictor = shape, .options = pal_image_defaults((pal_image_sampler)sampler)};
            pal_arena arena = {0};
            needs n = {0};
            d.count = d.options.count = counts[i];
            d.options.solver = PAL_FLOW_RK45;
            d.channels = 3;
            pal_denoise_layout(&d, &arena);
            need(&n, row, sampler == PAL_IMAGE_PROBABILITY_FLOW ? 4 + PAL_RK45_STAGES : 3, 1, sizeof(float));
            expect(&arena, &n, false);
        }
        pal_flow f = {.predictor = shape, .count = counts[i]};
        pal_bound b = {.predictor = shape, .count = counts[i], .options.steps = 1 << 16};
        pal_guidance g = {.with = shape};
        pal_arena flowing = {0}, bounded = {0}, guided = {0};
        needs n = {0}, k = {0}, w = {0};
        pal_flow_layout(&f, &flowing);
        need(&n, row, 6 + PAL_RK45_STAGES, 1, sizeof(float));
        expect(&flowing, &n, false);
        pal_bound_layout(&b, &bounded);
        need(&k, row, 5, 1, sizeof(float));
        expect(&bounded, &k, false);
        pal_guidance_layout(&g, counts[i], &guided);
        need(&w, row, 1, 1, sizeof(float));
        expect(&guided, &w, true);
    }
}

/* ---- the checked product itself --------------------------------------------------------------------- */

static void products_and_sums_are_right_or_the_largest_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            const wide a = sizes[i], b = sizes[j];
            assert_true(pal_times(sizes[i], sizes[j]) == (a * b > SIZE_MAX ? SIZE_MAX : (size_t)(a * b)));
            assert_true(pal_plus(sizes[i], sizes[j]) == (a + b > SIZE_MAX ? SIZE_MAX : (size_t)(a + b)));
            for (size_t k = 0; k < COUNT(sizes); k++) {
                pal_arena arena = {0};
                needs n = {0};
                pal_take3(&arena, sizes[i], sizes[j], sizes[k], 4);
                const wide c = sizes[k];
                if (c && (a * b > SIZE_MAX || a * b * c > SIZE_MAX)) { /* times 4 it may not fit 128 bits */
                    assert_true(arena.overflow);
                    continue;
                }
                need(&n, a, c ? b : 0, c, 4);
                expect(&arena, &n, true);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_are_right_or_the_largest_size),
        cmocka_unit_test(caches_at_the_limits_fit_or_overflow),
        cmocka_unit_test(activations_at_the_limits_fit_or_overflow),
        cmocka_unit_test(parts_of_networks_of_any_size_fit_or_overflow),
        cmocka_unit_test(unets_at_the_limits_fit_or_are_refused),
        cmocka_unit_test(text_layouts_at_the_limits_fit_or_overflow),
        cmocka_unit_test(picture_layouts_at_the_limits_fit_or_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
