/* test_kernels.c - every variant of every kernel against its reference, the references against double
 * precision, and the weight formats against the `gguf` package.
 *
 * Inputs come from a fixed seed, PAL_SEED in the environment replaces it.  They lie in heap blocks of the
 * exact size, at odd addresses, so that a sanitizer sees any byte read or written too much; outputs are
 * filled with ones beforehand, which read as NaN, so that an element left out shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/math.h"
#include "core/random.h"
#include "gguf/gguf.h"
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HALF_ULP     0x1p-24 /* relative error of one rounding to float */

/* ---- inputs ------------------------------------------------------------- */

static uint64_t seed = 1;
static uint32_t drawn;

static double uniform(void)
{
    return pal_uniform(seed, PAL_DRAW_TOKEN, 0, 0, drawn++);
}

static int below(int n)
{
    return (int)(uniform() * n);
}

/* A heap block that ends where its contents end, and starts a multiple of `unit` bytes off alignment. */
typedef struct {
    unsigned char *block;
    void *data;
    size_t bytes;
} room;

static room take(size_t count, size_t size, size_t unit)
{
    size_t skew = unit * (size_t)below(8);
    room r = {malloc(count * size + skew), NULL, count * size};
    assert_non_null(r.block);
    r.data = r.block + skew;
    memset(r.data, 0xff, r.bytes);
    return r;
}

static void drop(room *r)
{
    free(r->block);
}

/* RANGE spreads over all magnitudes a sum can bear; the others are the corners of the formats. */
typedef enum { RANDOM, MAX, MIN, ZERO, DENORMAL, HUGE_VALUES, ALTERNATING, RANGE, FILLS } fill;

static const char *const fill_name[FILLS] = {"random",   "max",  "min",         "zero",
                                             "denormal", "huge", "alternating", "range"};

/* largest: the magnitude of `max`, `min` and `alternating`. */
static float fill_float(fill kind, int i, float largest)
{
    float u = (float)(2 * uniform() - 1);
    switch (kind) {
    case MAX: return largest;
    case MIN: return -largest;
    case ZERO: return i % 3 ? 0.0f : -0.0f;
    case DENORMAL: return u * 0x1p-130f;
    case HUGE_VALUES: return u * 0x1p60f;
    case ALTERNATING: return i % 2 ? -largest : largest;
    case RANGE: return u * (float)ldexp(1, below(80) - 40);
    default: return u;
    }
}

static room floats(fill kind, size_t count, float largest)
{
    room r = take(count, sizeof(float), sizeof(float));
    float *x = r.data;
    for (size_t i = 0; i < count; i++) x[i] = fill_float(kind, (int)i, largest);
    return r;
}

static int8_t fill_byte(fill kind, int i, int lowest)
{
    switch (kind) {
    case MAX: return 127;
    case MIN: return (int8_t)lowest;
    case ZERO: return 0;
    case ALTERNATING: return (int8_t)(i % 2 ? lowest : 127);
    default: return (int8_t)(lowest + below(128 - lowest));
    }
}

/* Halves that go with a fill: ordinary, subnormal, the largest there is. */
static uint16_t fill_half(fill kind)
{
    switch (kind) {
    case DENORMAL: return (uint16_t)(1 + below(1023));
    case HUGE_VALUES: return 0x7bff;
    case RANGE: return (uint16_t)(below(0x7c00) | below(2) << 15);
    default: return pal_f32_to_f16((float)(uniform() * 0.1 + 0.001) * (below(2) ? 1.0f : -1.0f));
    }
}

static void put_half(unsigned char *bytes, uint16_t half)
{
    bytes[0] = (unsigned char)(half & 255);
    bytes[1] = (unsigned char)(half >> 8);
}

static room quantised_weights(fill kind, uint32_t type, size_t count)
{
    size_t block = pal_tensor_block_bytes(type);
    room r = take(count / PAL_BLOCK, block, 1);
    unsigned char *w = r.data;
    for (size_t b = 0; b < count / PAL_BLOCK; b++, w += block) {
        put_half(w, fill_half(kind));
        for (size_t i = 2; i < block; i++) w[i] = (unsigned char)fill_byte(kind, (int)i, -128);
        /* Nibbles of 0 stand for -8, of 15 for 7. */
        if (type == PAL_Q4_0 && kind != RANDOM && kind != DENORMAL && kind != HUGE_VALUES && kind != RANGE)
            memset(w + 2, kind == MAX ? 0xff : kind == MIN ? 0x00 : kind == ZERO ? 0x88 : 0x0f, block - 2);
    }
    return r;
}

/* ---- comparison --------------------------------------------------------- */

static pal_kernels reference;

static const unsigned variants[] = {PAL_ISA_SIMD128, PAL_ISA_AVX2};

/* Fills *k with the next variant this machine has; *at starts at 0. */
static bool next_variant(pal_kernels *k, size_t *at)
{
    while (*at < COUNT(variants)) {
        unsigned isa = variants[(*at)++];
        if (!(pal_cpu_isa() & isa)) continue;
        pal_kernels_init(k, isa);
        return true;
    }
    return false;
}

static void skip_without_variants(void)
{
    if (pal_cpu_isa() != PAL_ISA_REF) return;
    print_message("no vector variant on this machine: nothing to compare with the reference\n");
    skip();
}

/* The same bits, or a failure that says where. */
static void expect_same(const room *expected, const room *got, unsigned isa, const char *what)
{
    const unsigned char *a = expected->data, *b = got->data;
    if (memcmp(a, b, expected->bytes) == 0) return;
    size_t i = 0;
    while (a[i] == b[i]) i++;
    fail_msg("%s, %s: first difference in byte %zu of %zu, seed %llu", what, pal_isa_name(isa), i, expected->bytes,
             (unsigned long long)seed);
}

/* |got - expected| <= bound; false for a NaN. */
static void expect_near(double got, double expected, double bound, const char *what)
{
    if (fabs(got - expected) <= bound) return;
    fail_msg("%s: %.9g instead of %.9g, allowed %.3g, seed %llu", what, got, expected, bound, (unsigned long long)seed);
}

/* ---- choice ------------------------------------------------------------- */

static void init_reference_only_has_mask_zero(void **state)
{
    (void)state;
    assert_int_equal(reference.isa, PAL_ISA_REF);
    assert_string_equal(pal_isa_name(reference.isa), "scalar");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128), "simd128");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2), "avx2");
}

/* Were an entry left at the reference, the comparisons below would compare it with itself. */
static void init_each_isa_has_all_variants(void **state)
{
    (void)state;
    skip_without_variants();
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        assert_true(k.isa == (k.isa & pal_cpu_isa()) && k.isa != 0);
        assert_true(k.quantize != reference.quantize && k.rms_norm != reference.rms_norm);
        assert_true(k.matmul_q8_0 != reference.matmul_q8_0 && k.matmul_q4_0 != reference.matmul_q4_0);
        assert_true(k.matmul_f32 != reference.matmul_f32 && k.matmul_f16 != reference.matmul_f16);
        assert_true(k.rope != reference.rope && k.swiglu != reference.swiglu);
        assert_true(k.add != reference.add && k.attention != reference.attention);
    }
}

static void init_all_allowed_takes_what_the_machine_has(void **state)
{
    (void)state;
    pal_kernels k;
    pal_kernels_init(&k, (unsigned)PAL_ISA_ALL);
    assert_int_equal(k.isa, pal_cpu_isa());
}

/* ---- quantising activations --------------------------------------------- */

static void quantize_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int round = 0; round < 400; round++) {
        fill kind = (fill)(round % FILLS);
        size_t count = (size_t)(1 + below(9)) * PAL_BLOCK;
        room x = floats(kind, count, round % 16 < 8 ? FLT_MAX : 0x1p-99f);
        room q = take(count, 1, 1), s = take(count / PAL_BLOCK, sizeof(float), sizeof(float));
        reference.quantize(q.data, s.data, x.data, count);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            room q2 = take(count, 1, 1), s2 = take(count / PAL_BLOCK, sizeof(float), sizeof(float));
            k.quantize(q2.data, s2.data, x.data, count);
            expect_same(&q, &q2, k.isa, "quantize, integers");
            expect_same(&s, &s2, k.isa, "quantize, scales");
            drop(&q2);
            drop(&s2);
        }
        drop(&x);
        drop(&q);
        drop(&s);
    }
}

static void quantize_zero_block_has_scale_zero(void **state)
{
    (void)state;
    float x[2 * PAL_BLOCK] = {0}, scale[2] = {1, 1};
    int8_t q[2 * PAL_BLOCK];
    x[PAL_BLOCK] = 0x1p-101f; /* not zero, but below what counts */
    memset(q, 1, sizeof q);
    reference.quantize(q, scale, x, 2 * PAL_BLOCK);
    assert_true(scale[0] == 0.0f && scale[1] == 0.0f);
    for (int i = 0; i < 2 * PAL_BLOCK; i++) assert_int_equal(q[i], 0);
}

static void quantize_halves_round_to_even(void **state)
{
    (void)state;
    static const float x[PAL_BLOCK] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 125.5f, 126.5f, -126.5f, 0.49f};
    static const int expected[PAL_BLOCK] = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0};
    float scale;
    int8_t q[PAL_BLOCK];
    reference.quantize(q, &scale, x, PAL_BLOCK);
    assert_true(scale == 1.0f);
    for (int i = 0; i < PAL_BLOCK; i++) assert_int_equal(q[i], expected[i]);
}

static void quantize_extreme_at_any_place_is_127(void **state)
{
    (void)state;
    for (int place = 0; place < PAL_BLOCK; place++)
        for (int round = 0; round < 200; round++) {
            float x[PAL_BLOCK], scale, top = (float)((1 + uniform()) * ldexp(1, below(200) - 90));
            int8_t q[PAL_BLOCK];
            for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)(2 * uniform() - 1) * top;
            x[place] = round % 2 ? top : -top;
            reference.quantize(q, &scale, x, PAL_BLOCK);
            assert_true(scale == top / 127.0f);
            assert_int_equal(q[place], round % 2 ? 127 : -127);
            for (int i = 0; i < PAL_BLOCK; i++) {
                assert_true(q[i] >= -127);
                /* Half a step, and what the two roundings of x * (127 / amax) may add. */
                assert_true(fabs(q[i] - x[i] * 127.0 / top) <= 0.5 + 127 * 0x1p-22);
            }
        }
}

/* ---- products with quantised weights ------------------------------------ */

typedef struct {
    int n, rows, cols;
    fill x, w;
} product_case;

static pal_matmul_quant_fn *quant_entry(const pal_kernels *k, uint32_t type)
{
    return type == PAL_Q8_0 ? k->matmul_q8_0 : k->matmul_q4_0;
}

/* Scales of activations that keep a sum of 4096 columns finite beside halves of the same fill. */
static float fill_scale(fill kind)
{
    switch (kind) {
    case DENORMAL: return (float)(uniform() * 0x1p-126);
    case HUGE_VALUES: return (float)(uniform() * 0x1p80);
    case RANGE: return (float)ldexp(uniform(), below(140) - 80);
    default: return (float)uniform();
    }
}

static void compare_quant(uint32_t type, const product_case *c)
{
    size_t x_count = (size_t)c->n * (size_t)c->cols, y_count = (size_t)c->n * (size_t)c->rows;
    room w = quantised_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    room xq = take(x_count, 1, 1), xs = take(x_count / PAL_BLOCK, sizeof(float), sizeof(float));
    room y = take(y_count, sizeof(float), sizeof(float));
    for (size_t i = 0; i < x_count; i++) ((int8_t *)xq.data)[i] = fill_byte(c->x, (int)i, -127);
    for (size_t i = 0; i < x_count / PAL_BLOCK; i++) ((float *)xs.data)[i] = fill_scale(c->x);
    quant_entry(&reference, type)(y.data, xq.data, xs.data, w.data, c->n, c->rows, c->cols);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        room y2 = take(y_count, sizeof(float), sizeof(float));
        quant_entry(&k, type)(y2.data, xq.data, xs.data, w.data, c->n, c->rows, c->cols);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), c->n, c->rows,
                 c->cols, fill_name[c->x], fill_name[c->w]);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&w);
    drop(&xq);
    drop(&xs);
    drop(&y);
}

static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 33};

static void compare_quant_shapes(uint32_t type)
{
    static const int cols[] = {32, 64, 96, 160, 256, 704, 1056, 4096};
    int turn = 0;
    skip_without_variants();
    for (size_t i = 0; i < COUNT(cols); i++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t r = 0; r < COUNT(sizes); r++, turn++) {
                product_case c = {sizes[n], sizes[r], cols[i], (fill)(turn % FILLS), (fill)(turn / FILLS % FILLS)};
                if (c.cols < 1000 || turn % 8 == 0 || c.n * c.rows < 50) compare_quant(type, &c);
            }
    for (int x = 0; x < FILLS; x++)
        for (int w = 0; w < FILLS; w++) compare_quant(type, &(product_case){5, 11, 2080, (fill)x, (fill)w});
}

static void matmul_q8_0_variants_equal_reference(void **state)
{
    (void)state;
    compare_quant_shapes(PAL_Q8_0);
}

static void matmul_q4_0_variants_equal_reference(void **state)
{
    (void)state;
    compare_quant_shapes(PAL_Q4_0);
}

/* The reference against the dot products of what quantised values stand for.  A block's term takes two
 * roundings, the sum one a block: (blocks + 2) half ulps of the sum of magnitudes. */
static void check_quant_reference(uint32_t type)
{
    const int n = 3, rows = 5, cols = 352;
    room w = quantised_weights(RANDOM, type, (size_t)(rows * cols));
    room x = floats(RANDOM, (size_t)(n * cols), 1), wf = take((size_t)(rows * cols), sizeof(float), sizeof(float));
    room xq = take((size_t)(n * cols), 1, 1), xs = take((size_t)(n * cols / PAL_BLOCK), sizeof(float), sizeof(float));
    room y = take((size_t)(n * rows), sizeof(float), sizeof(float));
    reference.quantize(xq.data, xs.data, x.data, (size_t)(n * cols));
    quant_entry(&reference, type)(y.data, xq.data, xs.data, w.data, n, rows, cols);
    pal_dequantize(wf.data, w.data, type, (size_t)(rows * cols));
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int b = 0; b < cols; b += PAL_BLOCK) {
                double term = 0, scale = ((float *)xs.data)[(i * cols + b) / PAL_BLOCK];
                for (int c = b; c < b + PAL_BLOCK; c++)
                    term += ((int8_t *)xq.data)[i * cols + c] * scale * (double)((float *)wf.data)[r * cols + c];
                sum += term;
                magnitude += fabs(term);
            }
            /* One half ulp more for each weight that dequantising has rounded. */
            expect_near(((float *)y.data)[i * rows + r], sum, (cols / PAL_BLOCK + 3) * HALF_ULP * magnitude,
                        pal_tensor_type_name(type));
        }
    drop(&w);
    drop(&x);
    drop(&wf);
    drop(&xq);
    drop(&xs);
    drop(&y);
}

static void matmul_q8_0_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) check_quant_reference(PAL_Q8_0);
}

static void matmul_q4_0_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) check_quant_reference(PAL_Q4_0);
}

/* ---- products with float weights ---------------------------------------- */

static pal_matmul_float_fn *float_entry(const pal_kernels *k, uint32_t type)
{
    return type == PAL_F16 ? k->matmul_f16 : k->matmul_f32;
}

static room float_weights(fill kind, uint32_t type, size_t count)
{
    room r = take(count, type == PAL_F16 ? 2 : 4, 1); /* any address: tensors are trusted to nothing */
    for (size_t i = 0; i < count; i++) {
        float value = fill_float(kind, (int)i, 1.5f);
        if (type == PAL_F16) {
            bool plain = kind != DENORMAL && kind != HUGE_VALUES && kind != RANGE;
            put_half((unsigned char *)r.data + 2 * i, plain ? pal_f32_to_f16(value) : fill_half(kind));
        } else {
            memcpy((char *)r.data + 4 * i, &value, sizeof value);
        }
    }
    return r;
}

static void compare_float(uint32_t type, const product_case *c)
{
    size_t y_count = (size_t)c->n * (size_t)c->rows;
    room w = float_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    room x = floats(c->x, (size_t)c->n * (size_t)c->cols, 3.0f), y = take(y_count, sizeof(float), sizeof(float));
    float_entry(&reference, type)(y.data, x.data, w.data, c->n, c->rows, c->cols);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        room y2 = take(y_count, sizeof(float), sizeof(float));
        float_entry(&k, type)(y2.data, x.data, w.data, c->n, c->rows, c->cols);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), c->n, c->rows,
                 c->cols, fill_name[c->x], fill_name[c->w]);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&w);
    drop(&x);
    drop(&y);
}

static void compare_float_shapes(uint32_t type)
{
    static const int cols[] = {1, 3, 7, 8, 9, 31, 32, 64, 96, 160, 255, 256, 257, 704, 4096};
    int turn = 0;
    skip_without_variants();
    for (size_t i = 0; i < COUNT(cols); i++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t r = 0; r < COUNT(sizes); r++, turn++) {
                product_case c = {sizes[n], sizes[r], cols[i], (fill)(turn % FILLS), (fill)(turn / FILLS % FILLS)};
                if (c.cols < 200 || turn % 8 == 0 || c.n * c.rows < 30) compare_float(type, &c);
            }
    for (int x = 0; x < FILLS; x++)
        for (int w = 0; w < FILLS; w++) compare_float(type, &(product_case){11, 12, 267, (fill)x, (fill)w});
}

static void matmul_f32_variants_equal_reference(void **state)
{
    (void)state;
    compare_float_shapes(PAL_F32);
}

static void matmul_f16_variants_equal_reference(void **state)
{
    (void)state;
    compare_float_shapes(PAL_F16);
}

/* Two roundings a column: (cols + 1) half ulps of the sum of magnitudes. */
static void check_float_reference(uint32_t type, int cols)
{
    const int n = 3, rows = 5;
    room w = float_weights(RANDOM, type, (size_t)(rows * cols)), x = floats(RANDOM, (size_t)(n * cols), 1);
    room wf = take((size_t)(rows * cols), sizeof(float), sizeof(float));
    room y = take((size_t)(n * rows), sizeof(float), sizeof(float));
    pal_dequantize(wf.data, w.data, type, (size_t)(rows * cols));
    float_entry(&reference, type)(y.data, x.data, w.data, n, rows, cols);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int c = 0; c < cols; c++) {
                double term = (double)((float *)x.data)[i * cols + c] * (double)((float *)wf.data)[r * cols + c];
                sum += term;
                magnitude += fabs(term);
            }
            expect_near(((float *)y.data)[i * rows + r], sum, (cols + 1) * HALF_ULP * magnitude,
                        pal_tensor_type_name(type));
        }
    drop(&w);
    drop(&x);
    drop(&wf);
    drop(&y);
}

static void matmul_float_reference_is_near_double(void **state)
{
    (void)state;
    for (int cols = 1; cols < 300; cols += 7) {
        check_float_reference(PAL_F32, cols);
        check_float_reference(PAL_F16, cols);
    }
}

/* ---- norm, rope, activation --------------------------------------------- */

static void rms_norm_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int dim = 1; dim < 80; dim++) {
        fill kind = (fill)(dim % FILLS);
        int n = 1 + below(4);
        room x = floats(kind == HUGE_VALUES ? RANDOM : kind, (size_t)(n * dim), 1e15f);
        room gain = floats(RANDOM, (size_t)dim, 1), y = take((size_t)(n * dim), sizeof(float), sizeof(float));
        reference.rms_norm(y.data, x.data, gain.data, 1e-5f, n, dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            room y2 = take((size_t)(n * dim), sizeof(float), sizeof(float));
            k.rms_norm(y2.data, x.data, gain.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "rms_norm");
            memcpy(y2.data, x.data, y2.bytes); /* y may be x */
            k.rms_norm(y2.data, y2.data, gain.data, 1e-5f, n, dim);
            expect_same(&y, &y2, k.isa, "rms_norm in place");
            drop(&y2);
        }
        drop(&x);
        drop(&gain);
        drop(&y);
    }
}

/* The sum of squares is off by dim / 8 + 4 half ulps at most, its root by half of that; 6 more roundings. */
static void rms_norm_reference_is_near_double(void **state)
{
    (void)state;
    for (int dim = 1; dim < 700; dim += 13) {
        room x = floats(RANDOM, (size_t)dim, 1), gain = floats(RANDOM, (size_t)dim, 1);
        room y = take((size_t)dim, sizeof(float), sizeof(float));
        const float *v = x.data, *g = gain.data, *got = y.data;
        double sum = 0;
        reference.rms_norm(y.data, x.data, gain.data, 1e-5f, 1, dim);
        for (int i = 0; i < dim; i++) sum += (double)v[i] * (double)v[i];
        double scale = 1 / sqrt(sum / dim + (double)1e-5f);
        for (int i = 0; i < dim; i++) {
            double expected = v[i] * scale * g[i];
            expect_near(got[i], expected, (dim / 16.0 + 8) * HALF_ULP * fabs(expected), "rms_norm");
        }
        drop(&x);
        drop(&gain);
        drop(&y);
    }
}

static void rope_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int head_dim = 2; head_dim < 80; head_dim += 2) {
        int n = 1 + below(4), heads = 1 + below(3);
        size_t count = (size_t)(n * heads * head_dim), angles = (size_t)(n * head_dim / 2);
        room x = floats((fill)(head_dim / 2 % FILLS), count, 1e30f);
        room cosine = floats(RANDOM, angles, 1), sine = floats(RANDOM, angles, 1);
        room y = take(count, sizeof(float), sizeof(float));
        memcpy(y.data, x.data, x.bytes);
        reference.rope(y.data, cosine.data, sine.data, n, heads, head_dim);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            room y2 = take(count, sizeof(float), sizeof(float));
            memcpy(y2.data, x.data, x.bytes);
            k.rope(y2.data, cosine.data, sine.data, n, heads, head_dim);
            expect_same(&y, &y2, k.isa, "rope");
            drop(&y2);
        }
        drop(&x);
        drop(&cosine);
        drop(&sine);
        drop(&y);
    }
}

static void rope_position_zero_is_identity(void **state)
{
    (void)state;
    float cosine[16], sine[16] = {0}, x[3 * 32], before[3 * 32];
    for (int i = 0; i < 16; i++) cosine[i] = 1.0f;
    for (int i = 0; i < 3 * 32; i++) before[i] = x[i] = (float)(uniform() + 0.1);
    reference.rope(x, cosine, sine, 1, 3, 32);
    assert_memory_equal(x, before, sizeof x);
}

/* Each position has its own angles, all heads of it share them, and the partner of an element is its
 * neighbour. */
static void rope_reference_turns_neighbours_by_their_angle(void **state)
{
    (void)state;
    enum { N = 3, HEADS = 2, DIM = 10 };
    float cosine[N * DIM / 2], sine[N * DIM / 2], x[N * HEADS * DIM], y[N * HEADS * DIM];
    for (int i = 0; i < N * DIM / 2; i++) {
        cosine[i] = (float)cos(i * 0.37);
        sine[i] = (float)sin(i * 0.37);
    }
    for (int i = 0; i < N * HEADS * DIM; i++) y[i] = x[i] = (float)(2 * uniform() - 1);
    reference.rope(y, cosine, sine, N, HEADS, DIM);
    for (int i = 0; i < N * HEADS * DIM; i += 2) {
        double angle = (i / (HEADS * DIM) * (DIM / 2) + i % DIM / 2) * 0.37;
        expect_near(y[i], x[i] * cos(angle) - x[i + 1] * sin(angle), 6 * HALF_ULP, "rope, first of a pair");
        expect_near(y[i + 1], x[i] * sin(angle) + x[i + 1] * cos(angle), 6 * HALF_ULP, "rope, second of a pair");
    }
}

static void compare_swiglu(const room *gate, const room *up)
{
    size_t count = gate->bytes / sizeof(float);
    room y = take(count, sizeof(float), sizeof(float));
    memcpy(y.data, gate->data, gate->bytes);
    reference.swiglu(y.data, up->data, count);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        room y2 = take(count, sizeof(float), sizeof(float));
        memcpy(y2.data, gate->data, gate->bytes);
        k.swiglu(y2.data, up->data, count);
        expect_same(&y, &y2, k.isa, "swiglu");
        drop(&y2);
    }
    drop(&y);
}

static void swiglu_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int count = 1; count < 60; count++) {
        room gate = floats((fill)(count % FILLS), (size_t)count, 88.5f), up = floats(RANDOM, (size_t)count, 1);
        compare_swiglu(&gate, &up);
        drop(&gate);
        drop(&up);
    }
}

/* Any finite float, and densely where exp neither under- nor overflows: this is what holds the vector
 * versions of pal_expf to the scalar one. */
static void swiglu_exponential_equals_reference_on_all_magnitudes(void **state)
{
    (void)state;
    skip_without_variants();
    const size_t count = 1 << 18;
    room gate = take(count, sizeof(float), sizeof(float)), up = floats(MAX, count, 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(uniform() * 0x1p32);
        float value;
        memcpy(&value, &bits, sizeof value);
        ((float *)gate.data)[i] = i % 2 || !isfinite(value) ? (float)(uniform() * 200 - 100) : value;
    }
    compare_swiglu(&gate, &up);
    drop(&gate);
    drop(&up);
}

/* Four roundings and pal_expf, which is good to 2 ulp; below -80 the exponential is near its end, and what
 * is left is smaller than 1e-33. */
static void swiglu_reference_is_near_double(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        float gate = (float)(uniform() * 240 - 120), up = (float)(2 * uniform() - 1), got = gate;
        reference.swiglu(&got, &up, 1);
        double expected = gate / (1 + exp(-(double)gate)) * up;
        expect_near(got, expected, 8 * HALF_ULP * fabs(expected) + (gate < -80 ? 1e-32 : 0), "swiglu");
    }
}

static void add_variants_equal_sum(void **state)
{
    (void)state;
    for (int count = 1; count < 60; count++) {
        room x = floats((fill)(count % FILLS), (size_t)count, 1e30f), y = floats(RANGE, (size_t)count, 1);
        room sum = take((size_t)count, sizeof(float), sizeof(float));
        for (int i = 0; i < count; i++) ((float *)sum.data)[i] = ((float *)x.data)[i] + ((float *)y.data)[i];
        room got = take((size_t)count, sizeof(float), sizeof(float));
        memcpy(got.data, x.data, x.bytes);
        reference.add(got.data, y.data, (size_t)count);
        expect_same(&sum, &got, PAL_ISA_REF, "add");
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            memcpy(got.data, x.data, x.bytes);
            k.add(got.data, y.data, (size_t)count);
            expect_same(&sum, &got, k.isa, "add");
        }
        drop(&x);
        drop(&y);
        drop(&sum);
        drop(&got);
    }
}

/* ---- attention ---------------------------------------------------------- */

typedef struct {
    room q, k, v, scores;
    size_t y_count;
} attention_input;

static attention_input attention_draw(const pal_attention_shape *s, fill kind, float largest)
{
    size_t kv = (size_t)s->n_k * (size_t)s->kv_heads * (size_t)s->head_dim;
    size_t q = (size_t)s->n_q * (size_t)s->heads * (size_t)s->head_dim;
    return (attention_input){floats(kind, q, largest), floats(RANDOM, kv, largest), floats(kind, kv, largest),
                             take((size_t)s->n_k, sizeof(float), sizeof(float)), q};
}

static void attention_drop(attention_input *in)
{
    drop(&in->q);
    drop(&in->k);
    drop(&in->v);
    drop(&in->scores);
}

static room attention_run(const pal_kernels *k, const attention_input *in, const pal_attention_shape *s)
{
    room y = take(in->y_count, sizeof(float), sizeof(float));
    k->attention(y.data, in->q.data, in->k.data, in->v.data, in->scores.data, s);
    return y;
}

static pal_attention_shape attention_shape(int round)
{
    static const int dims[] = {8, 16, 24, 32, 40, 64, 72, 104, 128};
    int kv_heads = 1 + below(3), group = 1 + below(3), n_k = 1 + below(round % 10 ? 40 : 200);
    int n_q = 1 + below(n_k);
    bool causal = round % 2;
    return (pal_attention_shape){.n_q = n_q,
                                 .n_k = n_k,
                                 .heads = kv_heads * group,
                                 .kv_heads = kv_heads,
                                 .head_dim = dims[round % (int)COUNT(dims)],
                                 .causal = causal,
                                 .first = causal ? below(n_k - n_q + 1) : 0,
                                 .scale = (float)(uniform() * 3)};
}

static void attention_variants_equal_reference(void **state)
{
    (void)state;
    static const fill fills[] = {RANDOM, MAX, ALTERNATING, ZERO, DENORMAL, RANGE};
    skip_without_variants();
    for (int round = 0; round < 300; round++) {
        pal_attention_shape s = attention_shape(round);
        attention_input in = attention_draw(&s, fills[round % (int)COUNT(fills)], 5.0f);
        room y = attention_run(&reference, &in, &s);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            char what[100];
            room y2 = attention_run(&k, &in, &s);
            snprintf(what, sizeof what, "attention n_q=%d n_k=%d heads=%d/%d head_dim=%d causal=%d", s.n_q, s.n_k,
                     s.heads, s.kv_heads, s.head_dim, s.causal);
            expect_same(&y, &y2, k.isa, what);
            drop(&y2);
        }
        drop(&y);
        attention_drop(&in);
    }
}

/* One output row in double precision; returns the error a float computation may have.  A score is off by at
 * most d = (head_dim / 8 + 5) half ulps of its sum of magnitudes, so a weight by a factor exp(2 d), by the
 * rounding of score - maximum and by pal_expf and the sum (n_k + 10 half ulps); mixing adds n_k more. */
static double attention_row(double *y, const attention_input *in, const pal_attention_shape *s, int i, int head)
{
    const float *q = (const float *)in->q.data + (i * s->heads + head) * s->head_dim;
    const float *k = in->k.data, *v = in->v.data;
    int kv_head = head / (s->heads / s->kv_heads), keys = s->causal ? s->first + i + 1 : s->n_k;
    double score[256], top = -INFINITY, sum = 0, worst = 0, largest = 0;
    for (int j = 0; j < keys; j++) {
        double magnitude = 0;
        score[j] = 0;
        for (int d = 0; d < s->head_dim; d++) {
            double term = (double)q[d] * (double)k[(j * s->kv_heads + kv_head) * s->head_dim + d] * (double)s->scale;
            score[j] += term;
            magnitude += fabs(term);
        }
        top = fmax(top, score[j]);
        worst = fmax(worst, magnitude);
    }
    for (int j = 0; j < keys; j++) sum += score[j] = exp(score[j] - top);
    for (int d = 0; d < s->head_dim; d++) {
        y[d] = 0;
        for (int j = 0; j < keys; j++) {
            double value = (double)v[(j * s->kv_heads + kv_head) * s->head_dim + d];
            y[d] += score[j] / sum * value;
            largest = fmax(largest, fabs(value));
        }
    }
    return largest * HALF_ULP * (2 * worst * (s->head_dim / 8 + 7) + 2 * keys + 12);
}

static void attention_reference_is_near_double(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        pal_attention_shape s = attention_shape(round);
        attention_input in = attention_draw(&s, RANDOM, 1);
        room y = attention_run(&reference, &in, &s);
        for (int i = 0; i < s.n_q; i++)
            for (int head = 0; head < s.heads; head++) {
                double expected[128], bound = attention_row(expected, &in, &s, i, head);
                const float *got = (const float *)y.data + (i * s.heads + head) * s.head_dim;
                for (int d = 0; d < s.head_dim; d++) expect_near(got[d], expected[d], bound, "attention");
            }
        drop(&y);
        attention_drop(&in);
    }
}

/* What a causal query sees does not depend on how many queries run with it: prefill equals steps. */
static void attention_causal_rows_equal_single_queries(void **state)
{
    (void)state;
    pal_attention_shape s = {9, 14, 4, 2, 32, true, 5, 0.2f};
    attention_input in = attention_draw(&s, RANDOM, 1);
    room y = attention_run(&reference, &in, &s);
    for (int i = 0; i < s.n_q; i++) {
        pal_attention_shape one = {1, s.first + i + 1, 4, 2, 32, false, 0, 0.2f};
        float row[4 * 32];
        reference.attention(row, (const float *)in.q.data + i * 4 * 32, in.k.data, in.v.data, in.scores.data, &one);
        assert_memory_equal(row, (const float *)y.data + i * 4 * 32, sizeof row);
    }
    drop(&y);
    attention_drop(&in);
}

static void attention_equal_scores_average_the_values(void **state)
{
    (void)state;
    float q[8] = {0}, k[4 * 8], v[4 * 8], y[8], scores[4];
    for (int i = 0; i < 4 * 8; i++) {
        k[i] = (float)i;
        v[i] = (float)(i / 8); /* key j has value j everywhere */
    }
    reference.attention(y, q, k, v, scores, &(pal_attention_shape){1, 4, 1, 1, 8, false, 0, 1});
    for (int i = 0; i < 8; i++) assert_true(y[i] == 1.5f);
}

/* ---- weights ------------------------------------------------------------ */

static unsigned char *read_golden(size_t *size)
{
    FILE *file = fopen(PAL_SOURCE_DIR "/tests/golden/kernels.bin", "rb");
    assert_non_null(file);
    assert_true(fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    assert_memory_equal(bytes, "PALGOLD1", 8);
    return bytes;
}

static uint32_t read_u32(const unsigned char **at)
{
    uint32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static void weights_of_golden_file_are_equal_both_ways(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = read_golden(&size);
    const unsigned char *at = file + 8;
    uint32_t sections = read_u32(&at);
    assert_int_equal(sections, 3);
    while (sections--) {
        uint32_t type = read_u32(&at), count = read_u32(&at);
        room x = take(count, sizeof(float), sizeof(float)), back = take(count, sizeof(float), sizeof(float));
        memcpy(x.data, at, x.bytes);
        at += x.bytes;
        uint32_t bytes = read_u32(&at);
        assert_int_equal(bytes, count / pal_tensor_block(type) * pal_tensor_block_bytes(type));
        room w = take(bytes, 1, 1);
        assert_true(pal_quantize_weights(w.data, x.data, type, count));
        assert_memory_equal(w.data, at, bytes);
        pal_dequantize(back.data, at, type, count);
        assert_memory_equal(back.data, at + bytes, back.bytes);
        at += bytes + back.bytes;
        drop(&x);
        drop(&back);
        drop(&w);
    }
    assert_true(at == file + size);
    free(file);
}

static void weights_f32_come_back_as_they_were(void **state)
{
    (void)state;
    float x[5] = {1.5f, -0.0f, 0x1p-140f, FLT_MAX, -3}, back[5];
    unsigned char w[sizeof x + 1];
    assert_true(pal_quantize_weights(w + 1, x, PAL_F32, 5));
    pal_dequantize(back, w + 1, PAL_F32, 5);
    assert_memory_equal(back, x, sizeof x);
}

static void dequantize_q4_0_low_nibbles_come_first(void **state)
{
    (void)state;
    unsigned char w[18];
    float x[PAL_BLOCK];
    put_half(w, pal_f32_to_f16(0.5f));
    for (int i = 0; i < 16; i++) w[2 + i] = (unsigned char)(i | (15 - i) << 4);
    pal_dequantize(x, w, PAL_Q4_0, PAL_BLOCK);
    for (int i = 0; i < 16; i++) {
        assert_true(x[i] == 0.5f * (float)(i - 8));
        assert_true(x[i + 16] == 0.5f * (float)(7 - i));
    }
}

/* Too small for a scale that is a half, and for one whose inverse is finite. */
static void quantize_weights_tiny_values_become_zero(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_Q8_0, PAL_Q4_0};
    for (size_t t = 0; t < COUNT(types); t++) {
        float x[PAL_BLOCK], back[PAL_BLOCK];
        unsigned char w[34];
        for (int i = 0; i < PAL_BLOCK; i++) x[i] = (i % 2 ? 1.0f : -1.0f) * 0x1p-149f * (float)i;
        assert_true(pal_quantize_weights(w, x, types[t], PAL_BLOCK));
        pal_dequantize(back, w, types[t], PAL_BLOCK);
        for (int i = 0; i < PAL_BLOCK; i++) assert_true(back[i] == 0.0f);
    }
}

static void quantize_weights_refuses_what_has_no_finite_form(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        float largest; /* that fits */
    } cases[] = {{PAL_F16, 65504.0f}, {PAL_Q8_0, 65504.0f * 127}, {PAL_Q4_0, 65504.0f * 8}};
    for (size_t t = 0; t < COUNT(cases); t++) {
        float x[PAL_BLOCK] = {0};
        unsigned char w[2 * PAL_BLOCK];
        x[17] = -cases[t].largest;
        assert_true(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = cases[t].largest * 1.01f;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = -INFINITY;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
        x[17] = NAN;
        assert_false(pal_quantize_weights(w, x, cases[t].type, PAL_BLOCK));
    }
}

static void quantize_weights_refuses_other_types_and_broken_blocks(void **state)
{
    (void)state;
    float x[PAL_BLOCK] = {0};
    unsigned char w[2 * PAL_BLOCK];
    assert_false(pal_quantize_weights(w, x, PAL_Q4_K, PAL_BLOCK));
    assert_false(pal_quantize_weights(w, x, 99, PAL_BLOCK));
    assert_false(pal_quantize_weights(w, x, PAL_Q8_0, PAL_BLOCK - 1));
    assert_false(pal_quantize_weights(w, x, PAL_Q4_0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_reference_only_has_mask_zero),
        cmocka_unit_test(init_each_isa_has_all_variants),
        cmocka_unit_test(init_all_allowed_takes_what_the_machine_has),
        cmocka_unit_test(quantize_variants_equal_reference),
        cmocka_unit_test(quantize_zero_block_has_scale_zero),
        cmocka_unit_test(quantize_halves_round_to_even),
        cmocka_unit_test(quantize_extreme_at_any_place_is_127),
        cmocka_unit_test(matmul_q8_0_variants_equal_reference),
        cmocka_unit_test(matmul_q4_0_variants_equal_reference),
        cmocka_unit_test(matmul_q8_0_reference_is_near_double),
        cmocka_unit_test(matmul_q4_0_reference_is_near_double),
        cmocka_unit_test(matmul_f32_variants_equal_reference),
        cmocka_unit_test(matmul_f16_variants_equal_reference),
        cmocka_unit_test(matmul_float_reference_is_near_double),
        cmocka_unit_test(rms_norm_variants_equal_reference),
        cmocka_unit_test(rms_norm_reference_is_near_double),
        cmocka_unit_test(rope_variants_equal_reference),
        cmocka_unit_test(rope_position_zero_is_identity),
        cmocka_unit_test(rope_reference_turns_neighbours_by_their_angle),
        cmocka_unit_test(swiglu_variants_equal_reference),
        cmocka_unit_test(swiglu_exponential_equals_reference_on_all_magnitudes),
        cmocka_unit_test(swiglu_reference_is_near_double),
        cmocka_unit_test(add_variants_equal_sum),
        cmocka_unit_test(attention_variants_equal_reference),
        cmocka_unit_test(attention_reference_is_near_double),
        cmocka_unit_test(attention_causal_rows_equal_single_queries),
        cmocka_unit_test(attention_equal_scores_average_the_values),
        cmocka_unit_test(weights_of_golden_file_are_equal_both_ways),
        cmocka_unit_test(weights_f32_come_back_as_they_were),
        cmocka_unit_test(dequantize_q4_0_low_nibbles_come_first),
        cmocka_unit_test(quantize_weights_tiny_values_become_zero),
        cmocka_unit_test(quantize_weights_refuses_what_has_no_finite_form),
        cmocka_unit_test(quantize_weights_refuses_other_types_and_broken_blocks),
    };
    if (getenv("PAL_SEED")) seed = strtoull(getenv("PAL_SEED"), NULL, 0);
    print_message("seed %llu, isa mask 0x%x (%s)\n", (unsigned long long)seed, pal_cpu_isa(),
                  pal_isa_name(pal_cpu_isa()));
    pal_kernels_init(&reference, PAL_ISA_REF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
