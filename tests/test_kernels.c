/* test_kernels.c - the kernel table, quantised activations and products: every variant against its
 * reference, the references against double precision.  The other kernels are in test_kernels_rows.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_inputs.h"
#include "kernels/panels.h"

/* ---- integers and halves ------------------------------------------------ */

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

/* ---- panels ------------------------------------------------------------- */

/* Every row comes back byte for byte, for any shape: nothing is lost in a panel, and nothing moves outside it. */
static void panels_give_every_row_back(void **state)
{
    (void)state;
    static const uint32_t types[] = {PAL_Q8_0, PAL_Q4_0, PAL_F16,  PAL_F32,  PAL_BF16, PAL_Q4_1,
                                     PAL_Q5_0, PAL_Q5_1, PAL_Q4_K, PAL_Q5_K, PAL_Q6_K};
    for (size_t t = 0; t < COUNT(types); t++)
        for (int rows = 1; rows < 35; rows++) {
            const int block = (int)pal_tensor_block(types[t]),
                      cols = block * (1 + below(6)) + (block == 1 ? below(9) : 0);
            const size_t row_bytes = pal_row_bytes(types[t], cols);
            room w = take((size_t)rows, row_bytes, 1), packed = take((size_t)rows, row_bytes, 1);
            room row = take(1, row_bytes, 1), eight = take(PAL_PANEL, row_bytes, 1);
            for (size_t i = 0; i < w.bytes; i++) ((unsigned char *)w.data)[i] = (unsigned char)below(256);
            memcpy(packed.data, w.data, w.bytes);
            pal_panels_pack(packed.data, types[t], rows, cols, eight.data);
            for (int r = 0; r < rows; r++) {
                pal_panels_row(row.data, packed.data, types[t], rows, cols, r);
                assert_memory_equal(row.data, (char *)w.data + (size_t)r * row_bytes, row_bytes);
            }
            /* The layout itself, at one place: column 1 of row 7 stands where panels.h says. */
            if (rows >= PAL_PANEL && types[t] == PAL_Q8_0)
                assert_int_equal(((unsigned char *)packed.data)[16 + 7 * 4 + 1],
                                 ((unsigned char *)w.data)[7 * row_bytes + 2 + 1] ^ 0x80);
            drop(&w);
            drop(&packed);
            drop(&row);
            drop(&eight);
        }
}

/* ---- choice ------------------------------------------------------------- */

static void init_reference_only_has_mask_zero(void **state)
{
    (void)state;
    assert_int_equal(reference.isa, PAL_ISA_REF);
    assert_string_equal(pal_isa_name(reference.isa), "scalar");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128), "simd128");
    assert_string_equal(pal_isa_name(PAL_ISA_SIMD128 | PAL_ISA_RELAXED), "relaxed");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2), "avx2");
    assert_string_equal(pal_isa_name(PAL_ISA_AVX2 | PAL_ISA_VNNI), "avx512vnni");
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
        assert_true(k.matmul_bf16 != reference.matmul_bf16 && k.matmul_parts != reference.matmul_parts);
        assert_true(k.layer_norm != reference.layer_norm && k.gelu != reference.gelu);
        assert_true(k.rope_halves != reference.rope_halves);
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

/* Quantised activations as a variant makes them; `wide` is there for WebAssembly alone, but any may write it. */
typedef struct {
    room q, scale, bias, wide;
    pal_quantized x;
} quantised;

static quantised quantised_room(size_t count)
{
    quantised r = {.q = take(count, 1, 1),
                   .scale = take(count / PAL_BLOCK, sizeof(float), sizeof(float)),
                   .bias = take(count / PAL_BLOCK, sizeof(int32_t), sizeof(int32_t)),
                   .wide = take(count, sizeof(int16_t), sizeof(int16_t))};
    r.x = (pal_quantized){r.q.data, r.scale.data, r.bias.data, r.wide.data};
    return r;
}

static void quantised_drop(quantised *r)
{
    drop(&r->q);
    drop(&r->scale);
    drop(&r->bias);
    drop(&r->wide);
}

/* bias and wide as kernels.h defines them, from the integers. */
static void derive(const pal_quantized *x, size_t count)
{
    static const int order[4] = {0, 2, 1, 3};
    for (size_t b = 0; b < count / PAL_BLOCK; b++) {
        x->bias[b] = 0;
        for (size_t i = 0; i < PAL_BLOCK; i++) x->bias[b] -= 8 * x->q[b * PAL_BLOCK + i];
    }
    for (size_t i = 0; i < count; i++) x->wide[i] = x->q[i - i % 4 + (size_t)order[i % 4]];
}

static void quantize_variants_equal_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int round = 0; round < 400; round++) {
        fill kind = (fill)(round % FILLS);
        size_t count = (size_t)(1 + below(9)) * PAL_BLOCK;
        room x = floats(kind, count, round % 16 < 8 ? FLT_MAX : 0x1p-99f);
        quantised a = quantised_room(count);
        reference.quantize(&a.x, x.data, count);
        pal_kernels k;
        for (size_t at = 0; next_variant(&k, &at);) {
            quantised b = quantised_room(count);
            k.quantize(&b.x, x.data, count);
            expect_same(&a.q, &b.q, k.isa, "quantize, integers");
            expect_same(&a.scale, &b.scale, k.isa, "quantize, scales");
            expect_same(&a.bias, &b.bias, k.isa, "quantize, biases");
            derive(&a.x, count);
            if (k.isa & PAL_ISA_SIMD128) expect_same(&a.wide, &b.wide, k.isa, "quantize, 16 bits");
            quantised_drop(&b);
        }
        drop(&x);
        quantised_drop(&a);
    }
}

static void quantize_zero_block_has_scale_zero(void **state)
{
    (void)state;
    float x[2 * PAL_BLOCK] = {0}, scale[2] = {1, 1};
    int8_t q[2 * PAL_BLOCK];
    int32_t bias[2] = {1, 1};
    x[PAL_BLOCK] = 0x1p-101f; /* not zero, but below what counts */
    memset(q, 1, sizeof q);
    reference.quantize(&(pal_quantized){q, scale, bias, NULL}, x, 2 * PAL_BLOCK);
    assert_true(scale[0] == 0.0f && scale[1] == 0.0f && bias[0] == 0 && bias[1] == 0);
    for (int i = 0; i < 2 * PAL_BLOCK; i++) assert_int_equal(q[i], 0);
}

static void quantize_halves_round_to_even(void **state)
{
    (void)state;
    static const float x[PAL_BLOCK] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 125.5f, 126.5f, -126.5f, 0.49f};
    static const int expected[PAL_BLOCK] = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0};
    float scale;
    int8_t q[PAL_BLOCK];
    int32_t bias;
    reference.quantize(&(pal_quantized){q, &scale, &bias, NULL}, x, PAL_BLOCK);
    assert_int_equal(bias, -8 * (127 + 2 + 2 - 2 - 2 + 126 + 126 - 126));
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
            int32_t bias;
            for (int i = 0; i < PAL_BLOCK; i++) x[i] = (float)(2 * uniform() - 1) * top;
            x[place] = round % 2 ? top : -top;
            reference.quantize(&(pal_quantized){q, &scale, &bias, NULL}, x, PAL_BLOCK);
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

static pal_matmul_fn *entry_of(const pal_kernels *k, uint32_t type)
{
    switch (type) {
    case PAL_Q8_0: return k->matmul_q8_0;
    case PAL_Q4_0: return k->matmul_q4_0;
    case PAL_F16: return k->matmul_f16;
    default: return k->matmul_f32;
    }
}

/* Weights [rows, cols] of the file, into panels. */
static void pack(room *w, uint32_t type, int rows, int cols)
{
    room eight = take(PAL_PANEL, pal_row_bytes(type, cols), 1);
    pal_panels_pack(w->data, type, rows, cols, eight.data);
    drop(&eight);
}

/* Outputs [n, rows] with `gap` floats between them that must stay as they are: the caller's neighbours. */
static room run_product(const pal_kernels *k, uint32_t type, pal_product p, int gap)
{
    room y = take((size_t)p.n * (size_t)(p.rows + gap), sizeof(float), sizeof(float));
    p.y = y.data;
    p.y_stride = (size_t)(p.rows + gap);
    if (gap && p.n) y.bytes -= (size_t)gap * sizeof(float);
    entry_of(k, type)(&p);
    return y;
}

static void compare_products(uint32_t type, const pal_product *p, const char *x_name, const char *w_name)
{
    const int gap = (p->rows + p->n) % 3 == 0 ? 5 : 0;
    room y = run_product(&reference, type, *p, gap);
    pal_kernels k;
    for (size_t at = 0; next_variant(&k, &at);) {
        char what[100];
        room y2 = run_product(&k, type, *p, gap);
        snprintf(what, sizeof what, "%s n=%d rows=%d cols=%d x=%s w=%s", pal_tensor_type_name(type), p->n, p->rows,
                 p->cols, x_name, w_name);
        expect_same(&y, &y2, k.isa, what);
        drop(&y2);
    }
    drop(&y);
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
    size_t x_count = (size_t)c->n * (size_t)c->cols;
    room w = quantised_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    quantised x = quantised_room(x_count);
    for (size_t i = 0; i < x_count; i++) x.x.q[i] = fill_byte(c->x, (int)i, -127);
    for (size_t i = 0; i < x_count / PAL_BLOCK; i++) x.x.scale[i] = fill_scale(c->x);
    derive(&x.x, x_count);
    pack(&w, type, c->rows, c->cols);
    compare_products(type, &(pal_product){.xq = &x.x, .w = w.data, .n = c->n, .rows = c->rows, .cols = c->cols},
                     fill_name[c->x], fill_name[c->w]);
    drop(&w);
    quantised_drop(&x);
}

static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 33};

static void compare_quant_shapes(uint32_t type)
{
    static const int cols[] = {32, 64, 96, 160, 256, 704, 1056, 2080, 4096};
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

/* Q8_0 of 6 bits, as said and as found out: other instructions, the same bits, the extremes among them. */
static void matmul_q8_0_of_six_bits_equals_reference(void **state)
{
    (void)state;
    skip_without_variants();
    for (int turn = 0; turn < 400; turn++) {
        const int n = 1 + below(13), rows = 1 + below(50), cols = 32 * (1 + below(turn % 8 ? 12 : 60));
        const size_t count = (size_t)rows * (size_t)cols, x_count = (size_t)n * (size_t)cols;
        room w = quantised_weights(RANDOM, PAL_Q8_0, count);
        quantised x = quantised_room(x_count);
        for (size_t i = 0; i < w.bytes; i++)
            if (i % 34 >= 2)
                ((int8_t *)w.data)[i] = (int8_t)(turn % 3 == 0   ? below(63) - 31
                                                 : turn % 3 == 1 ? 31
                                                 : i % 2         ? 31
                                                                 : -31);
        for (size_t i = 0; i < x_count; i++) x.x.q[i] = fill_byte((fill)(turn % 4 ? MAX : RANDOM), (int)i, -127);
        for (size_t i = 0; i < x_count / PAL_BLOCK; i++) x.x.scale[i] = fill_scale(RANDOM);
        derive(&x.x, x_count);
        pack(&w, PAL_Q8_0, rows, cols);
        assert_int_equal(pal_panels_narrow(w.data, PAL_Q8_0, rows, cols), rows >= PAL_PANEL);
        compare_products(PAL_Q8_0,
                         &(pal_product){.xq = &x.x, .w = w.data, .n = n, .rows = rows, .cols = cols, .narrow = true},
                         "six bits", "six bits");
        if (rows >= PAL_PANEL) {
            ((unsigned char *)w.data)[PAL_SCALES_BYTES + below(256)] = turn % 2 ? 128 + 32 : 128 - 32;
            assert_false(pal_panels_narrow(w.data, PAL_Q8_0, rows, cols));
        }
        drop(&w);
        quantised_drop(&x);
    }
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
    const int n = 3, rows = 21, cols = 352; /* two panels, and rows as in the file */
    room w = quantised_weights(RANDOM, type, (size_t)rows * cols);
    room x = floats(RANDOM, (size_t)n * cols, 1), wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    quantised xq = quantised_room((size_t)n * cols);
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    pack(&w, type, rows, cols);
    reference.quantize(&xq.x, x.data, (size_t)n * cols);
    room y =
        run_product(&reference, type, (pal_product){.xq = &xq.x, .w = w.data, .n = n, .rows = rows, .cols = cols}, 0);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0, magnitude = 0;
            for (int b = 0; b < cols; b += PAL_BLOCK) {
                double term = 0, scale = xq.x.scale[(i * cols + b) / PAL_BLOCK];
                for (int c = b; c < b + PAL_BLOCK; c++)
                    term += xq.x.q[i * cols + c] * scale * (double)((float *)wf.data)[r * cols + c];
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
    quantised_drop(&xq);
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
    room w = float_weights(c->w, type, (size_t)c->rows * (size_t)c->cols);
    room x = floats(c->x, (size_t)c->n * (size_t)c->cols, 3.0f);
    pack(&w, type, c->rows, c->cols);
    compare_products(type, &(pal_product){.x = x.data, .w = w.data, .n = c->n, .rows = c->rows, .cols = c->cols},
                     fill_name[c->x], fill_name[c->w]);
    drop(&w);
    drop(&x);
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
    const int n = 3, rows = 13; /* a panel, and rows as in the file */
    room w = float_weights(RANDOM, type, (size_t)rows * cols), x = floats(RANDOM, (size_t)n * cols, 1);
    room wf = take((size_t)rows * cols, sizeof(float), sizeof(float));
    pal_dequantize(wf.data, w.data, type, (size_t)rows * cols);
    pack(&w, type, rows, cols);
    room y =
        run_product(&reference, type, (pal_product){.x = x.data, .w = w.data, .n = n, .rows = rows, .cols = cols}, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_give_every_row_back),
        cmocka_unit_test(init_reference_only_has_mask_zero),
        cmocka_unit_test(init_each_isa_has_all_variants),
        cmocka_unit_test(init_all_allowed_takes_what_the_machine_has),
        cmocka_unit_test(quantize_variants_equal_reference),
        cmocka_unit_test(quantize_zero_block_has_scale_zero),
        cmocka_unit_test(quantize_halves_round_to_even),
        cmocka_unit_test(quantize_extreme_at_any_place_is_127),
        cmocka_unit_test(matmul_q8_0_variants_equal_reference),
        cmocka_unit_test(matmul_q8_0_of_six_bits_equals_reference),
        cmocka_unit_test(matmul_q4_0_variants_equal_reference),
        cmocka_unit_test(matmul_q8_0_reference_is_near_double),
        cmocka_unit_test(matmul_q4_0_reference_is_near_double),
        cmocka_unit_test(matmul_f32_variants_equal_reference),
        cmocka_unit_test(matmul_f16_variants_equal_reference),
        cmocka_unit_test(matmul_float_reference_is_near_double),
    };
    kernel_inputs_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
