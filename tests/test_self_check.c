/* test_self_check.c - the self-check of an engine: it passes with every instruction set of this machine, and covers
 * every kernel and every type of weights. (The mutants of tests/engines show that it fails if an instruction computes
 * wrongly.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"
#include "kernels/panels.h"
#include "kernels/self_check.h"

static void self_check_every_variant_passes(void **state)
{
    (void)state;
    skip_without_variants();
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) assert_true(pal_self_check(k.isa) && pal_self_check_pictures(k.isa));
}

static void self_check_all_of_the_machine_passes(void **state)
{
    (void)state;
    assert_true(pal_self_check(pal_cpu_isa()));
    assert_true(pal_self_check_pictures(pal_cpu_isa()));
}

static void self_check_of_the_reference_has_the_stored_digests(void **state)
{
    (void)state;
    pal_kernels k = reference;
    pal_kernels_add_pictures(&k);
    const uint32_t texts = pal_kernels_digest(&k), pictures = pal_kernels_digest_pictures(&k);
    printf("digests 0x%08x and 0x%08x\n", (unsigned)texts, (unsigned)pictures);
    assert_true(texts == PAL_DIGEST_TEXTS && pictures == PAL_DIGEST_PICTURES);
}

/* ---- nothing is left out ------------------------------------------------ */

static void no_quantize(const pal_quantized *to, const float *x, size_t count)
{
    (void)to, (void)x, (void)count;
}

static void no_product(const pal_product *p)
{
    (void)p;
}

static void no_rms_norm(float *y, const float *x, const float *gain, float eps, int n, int dim)
{
    (void)y, (void)x, (void)gain, (void)eps, (void)n, (void)dim;
}

static void no_layer_norm(float *y, const float *x, const float *gain, const float *bias, float eps, int n, int dim)
{
    (void)y, (void)x, (void)gain, (void)bias, (void)eps, (void)n, (void)dim;
}

static void no_rope(float *x, const float *cosine, const float *sine, int n, int heads, int head_dim)
{
    (void)x, (void)cosine, (void)sine, (void)n, (void)heads, (void)head_dim;
}

static void nothing_of_two(float *x, const float *y, size_t count)
{
    (void)x, (void)y, (void)count;
}

static void nothing_of_one(float *x, size_t count)
{
    (void)x, (void)count;
}

static void no_attention(const pal_attention *a)
{
    (void)a;
}

static void no_expand_f16(float *x, const uint16_t *half, size_t count)
{
    (void)x, (void)half, (void)count;
}

static void no_expand_q8_0(float *x, const int8_t *q, const uint16_t *scale, int dims, int lanes)
{
    (void)x, (void)q, (void)scale, (void)dims, (void)lanes;
}

static void no_column_sums(float *sum, const float *x, int n, int dim)
{
    (void)sum, (void)x, (void)n, (void)dim;
}

static void no_column_squares(float *sum, const float *x, const float *mean, int n, int dim)
{
    (void)sum, (void)x, (void)mean, (void)n, (void)dim;
}

static void no_scale_shift(float *y, const float *x, const float *factor, const float *addend, int n, int dim)
{
    (void)y, (void)x, (void)factor, (void)addend, (void)n, (void)dim;
}

/* Replaces member `which`, in the order of kernels.h, by a function that does nothing; false if there is no such
 * member. */
static bool take_away(pal_kernels *k, size_t which)
{
    switch (which) {
    case 0: k->quantize = no_quantize; return true;
    case 1: k->matmul_q8_0 = no_product; return true;
    case 2: k->matmul_q4_0 = no_product; return true;
    case 3: k->matmul_f32 = no_product; return true;
    case 4: k->matmul_f16 = no_product; return true;
    case 5: k->matmul_bf16 = no_product; return true;
    case 6: k->matmul_parts = no_product; return true;
    case 7: k->rms_norm = no_rms_norm; return true;
    case 8: k->layer_norm = no_layer_norm; return true;
    case 9: k->rope = no_rope; return true;
    case 10: k->rope_halves = no_rope; return true;
    case 11: k->swiglu = nothing_of_two; return true;
    case 12: k->gelu = nothing_of_one; return true;
    case 13: k->add = nothing_of_two; return true;
    case 14: k->attention = no_attention; return true;
    case 15: k->expand_f16 = no_expand_f16; return true;
    case 16: k->expand_q8_0 = no_expand_q8_0; return true;
    case 17: k->column_sums = no_column_sums; return true;
    case 18: k->column_squares = no_column_squares; return true;
    case 19: k->scale_shift = no_scale_shift; return true;
    case 20: k->scale_shift_silu = no_scale_shift; return true;
    case 21: k->silu = nothing_of_one; return true;
    default: return false;
    }
}

/* Regression: the expand kernels were not run.  A member added to pal_kernels fails here until take_away knows it, and
 * then until the check runs it. */
static void self_check_runs_every_member_of_the_table(void **state)
{
    (void)state;
    const size_t first = offsetof(pal_kernels, quantize), pointer = sizeof(pal_matmul_fn *);
    size_t which = 0;
    for (pal_kernels k = reference; pal_kernels_add_pictures(&k), take_away(&k, which); k = reference, which++) {
        pal_kernels whole = reference;
        pal_kernels_add_pictures(&whole);
        assert_int_equal(0, memcmp(&whole, &k, first + which * pointer)); /* in the order of the table */
        assert_int_not_equal(0, memcmp(&whole, &k, first + (which + 1) * pointer));
        assert_true(pal_kernels_digest(&k) != PAL_DIGEST_TEXTS ||
                    pal_kernels_digest_pictures(&k) != PAL_DIGEST_PICTURES);
    }
    assert_true(sizeof(pal_kernels) - first == which * pointer);
}

/* The products that product_but_one omits; for all others it calls the reference. */
static struct {
    uint32_t type;
    int min, max; /* rows of activations */
    bool narrow, large;
} missing;

static void product_but_one(const pal_product *p)
{
    const bool large = p->cols > 256;
    if (p->type == missing.type && p->n >= missing.min && p->n <= missing.max && p->narrow == missing.narrow &&
        large == missing.large)
        return;
    pal_matmul_of(&reference, p->type)(p);
}

static bool seen_without(uint32_t type, int min, int max, bool narrow, bool large)
{
    pal_kernels k = reference;
    missing.type = type, missing.min = min, missing.max = max, missing.narrow = narrow, missing.large = large;
    k.matmul_q8_0 = k.matmul_q4_0 = k.matmul_f32 = k.matmul_f16 = k.matmul_bf16 = product_but_one;
    if (k.matmul_parts == pal_matmul_of(&k, type)) k.matmul_parts = product_but_one;
    return pal_kernels_digest(&k) != PAL_DIGEST_TEXTS;
}

/* Regression: weights of 6 bits were never multiplied as such. */
static void self_check_multiplies_with_every_type_of_weights(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 256; type++) {
        if (!pal_weights_known(type)) continue;
        for (int narrow = 0; narrow <= (type == PAL_Q8_0); narrow++) {
            for (int n = 1; n <= 3; n++) assert_true(seen_without(type, n, n, narrow, false));
            assert_true(seen_without(type, 4, 99, narrow, false)); /* a whole tile of activations */
            assert_true(seen_without(type, 4, 99, narrow, true));  /* several tiles of weights */
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_check_every_variant_passes),
        cmocka_unit_test(self_check_all_of_the_machine_passes),
        cmocka_unit_test(self_check_of_the_reference_has_the_stored_digests),
        cmocka_unit_test(self_check_runs_every_member_of_the_table),
        cmocka_unit_test(self_check_multiplies_with_every_type_of_weights),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
