/* ceilings.c - measures the peak speed of the instructions that the kernels use on this machine.
 *
 * Each loop is only the inner part of a product: per step, a panel of two registers and four rows of activations, all
 * in the first-level cache, go into eight accumulators (16 registers hold those, two weights and one activation).  The
 * other work of a kernel (scales, ends of blocks, addresses) is why it is slower. */
#include "bench.h"
#include "kernels/lanes.h"

#include <stdlib.h>

enum { STEPS = 256, ROWS = 4, PANEL_BYTES = STEPS * 64, STREAM_BYTES = 256 << 20, CACHE_FLOATS = 4096 };

typedef struct {
    unsigned char *panel; /* [STEPS, 2 registers], 64-byte aligned */
    unsigned char *rows;  /* [ROWS, STEPS, 4 bytes] */
    unsigned char *stream;
    float *out; /* [ROWS, 2 registers] */
} loops;

/* Form of all loops below: in each step, both registers of the panel are multiplied by four bytes of each row. */
#define STEP(at, k) ((k)*STEPS * 4 + (at)*4)

#if defined(PAL_HAVE_SIMD128)
/* ---- wasm simd128 ------------------------------------------------------- */

#define LOAD(at, register) wasm_v128_load(l->panel + 32 * (at) + 16 * (register))
#define SPLAT(at, k)       wasm_v128_load32_splat(l->rows + STEP(at, k))
#define INTEGER_LOOP(name, low, high, multiply_add)                                                                    \
    static void name(void *state)                                                                                      \
    {                                                                                                                  \
        const loops *l = state;                                                                                        \
        v128_t sum[ROWS][2];                                                                                           \
        for (int k = 0; k < ROWS; k++) sum[k][0] = sum[k][1] = wasm_i32x4_splat(0);                                    \
        for (int s = 0; s < STEPS; s++) {                                                                              \
            v128_t w0 = (low), w1 = (high);                                                                            \
            for (int k = 0; k < ROWS; k++) {                                                                           \
                v128_t x = SPLAT(s, k);                                                                                \
                sum[k][0] = multiply_add(sum[k][0], w0, x);                                                            \
                sum[k][1] = multiply_add(sum[k][1], w1, x);                                                            \
            }                                                                                                          \
        }                                                                                                              \
        for (int k = 0; k < ROWS; k++) {                                                                               \
            wasm_v128_store(l->out + 8 * k, sum[k][0]);                                                                \
            wasm_v128_store(l->out + 8 * k + 4, sum[k][1]);                                                            \
        }                                                                                                              \
    }

#define DOT_I16(sum, w, x)   wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(w, x))
#define FLOAT_MAC(sum, w, x) wasm_f32x4_add(sum, wasm_f32x4_mul(w, x))
INTEGER_LOOP(dot_i16, LOAD(s, 0), LOAD(s, 1), DOT_I16)
INTEGER_LOOP(dot_i8, wasm_i16x8_extend_low_i8x16(LOAD(s, 0)), wasm_i16x8_extend_high_i8x16(LOAD(s, 0)), DOT_I16)
INTEGER_LOOP(float_simd128, LOAD(s, 0), LOAD(s, 1), FLOAT_MAC)

#if defined(PAL_HAVE_RELAXED)
/* Operands of 7 bits: the panel's. */
#define RELAXED_DOT(sum, w, x) wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, w, sum)
INTEGER_LOOP(relaxed_dot, LOAD(s, 0), LOAD(s, 1), RELAXED_DOT)

/* Adds two neighbouring products in 16 bits, then in 32: for weights of at most 6 bits. */
static void pair_sums(void *state)
{
    const loops *l = state;
    const v128_t ones = wasm_i16x8_splat(1);
    v128_t sum[ROWS][2];
    for (int k = 0; k < ROWS; k++) sum[k][0] = sum[k][1] = wasm_i32x4_splat(0);
    for (int s = 0; s < STEPS; s += 2)
        for (int half = 0; half < 2; half++) {
            v128_t w0 = LOAD(s, half), w1 = LOAD(s + 1, half);
            for (int k = 0; k < ROWS; k++) {
                v128_t a = wasm_i16x8_relaxed_dot_i8x16_i7x16(SPLAT(s, k), w0);
                v128_t b = wasm_i16x8_relaxed_dot_i8x16_i7x16(SPLAT(s + 1, k), w1);
                sum[k][half] = wasm_i32x4_add(sum[k][half], wasm_i32x4_dot_i16x8(wasm_i16x8_add(a, b), ones));
            }
        }
    for (int k = 0; k < ROWS; k++) {
        wasm_v128_store(l->out + 8 * k, sum[k][0]);
        wasm_v128_store(l->out + 8 * k + 4, sum[k][1]);
    }
}
#endif

static void stream_simd128(void *state)
{
    const loops *l = state;
    v128_t sum[4];
    for (int i = 0; i < 4; i++) sum[i] = wasm_i32x4_splat(0);
    for (const unsigned char *at = l->stream, *end = at + STREAM_BYTES; at < end; at += 64)
        for (int i = 0; i < 4; i++) sum[i] = wasm_i32x4_add(sum[i], wasm_v128_load(at + 16 * i));
    for (int i = 0; i < 4; i++) wasm_v128_store(l->out + 4 * i, sum[i]);
}

static void cache_simd128(void *state)
{
    const loops *l = state;
    float *x = (float *)(void *)l->panel;
    for (int i = 0; i < CACHE_FLOATS; i += 4)
        wasm_v128_store(x + i, wasm_f32x4_add(wasm_v128_load(x + i), wasm_f32x4_splat(1.0f)));
}
#endif

#if defined(PAL_HAVE_AVX2)
/* ---- x86 ---------------------------------------------------------------- */

#define TARGET_VNNI        __attribute__((target("avx2,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))
#define LOAD(at, register) _mm256_load_si256((const __m256i *)(const void *)(l->panel + 64 * (at) + 32 * (register)))

__attribute__((always_inline)) PAL_AVX2 static inline __m256i splat(const loops *l, int s, int k)
{
    int32_t four;
    memcpy(&four, l->rows + STEP(s, k), sizeof four);
    return _mm256_set1_epi32(four);
}

#define LOOP(name, target, multiply_add)                                                                               \
    target static void name(void *state)                                                                               \
    {                                                                                                                  \
        const loops *l = state;                                                                                        \
        const __m256i ones = _mm256_set1_epi16(1);                                                                     \
        __m256i sum[ROWS][2];                                                                                          \
        for (int k = 0; k < ROWS; k++) sum[k][0] = sum[k][1] = _mm256_setzero_si256();                                 \
        for (int s = 0; s < STEPS; s++) {                                                                              \
            __m256i w0 = LOAD(s, 0), w1 = LOAD(s, 1);                                                                  \
            for (int k = 0; k < ROWS; k++) {                                                                           \
                __m256i x = splat(l, s, k);                                                                            \
                sum[k][0] = multiply_add(sum[k][0], w0, x, ones);                                                      \
                sum[k][1] = multiply_add(sum[k][1], w1, x, ones);                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (int k = 0; k < ROWS; k++)                                                                                 \
            for (int half = 0; half < 2; half++)                                                                       \
                _mm256_storeu_si256((__m256i *)(void *)(l->out + 16 * k + 8 * half), sum[k][half]);                    \
    }

#define MADDUBS(sum, w, x, ones) _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), ones))
#define MADD(sum, w, x, ones)    ((void)(ones), _mm256_add_epi32(sum, _mm256_madd_epi16(w, x)))
#define DPBUSD(sum, w, x, ones)  ((void)(ones), _mm256_dpbusd_epi32(sum, w, x))
#define FLOAT_MAC(sum, w, x, ones)                                                                                     \
    ((void)(ones), _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(sum),                                         \
                                                     _mm256_mul_ps(_mm256_castsi256_ps(w), _mm256_castsi256_ps(x)))))
LOOP(maddubs, PAL_AVX2, MADDUBS)
LOOP(madd, PAL_AVX2, MADD)
LOOP(dpbusd, TARGET_VNNI, DPBUSD)
LOOP(float_avx2, PAL_AVX2, FLOAT_MAC)

PAL_AVX2 static void stream_avx2(void *state)
{
    const loops *l = state;
    __m256i sum[4];
    for (int i = 0; i < 4; i++) sum[i] = _mm256_setzero_si256();
    for (const unsigned char *at = l->stream, *end = at + STREAM_BYTES; at < end; at += 128)
        for (int i = 0; i < 4; i++)
            sum[i] = _mm256_add_epi32(sum[i], _mm256_load_si256((const __m256i *)(const void *)(at + 32 * i)));
    for (int i = 0; i < 4; i++) _mm256_storeu_si256((__m256i *)(void *)(l->out + 8 * i), sum[i]);
}

PAL_AVX2 static void cache_avx2(void *state)
{
    const loops *l = state;
    float *x = (float *)(void *)l->panel;
    for (int i = 0; i < CACHE_FLOATS; i += 8)
        _mm256_store_ps(x + i, _mm256_add_ps(_mm256_load_ps(x + i), _mm256_set1_ps(1.0f)));
}
#endif

/* ---- all of them -------------------------------------------------------- */

typedef struct {
    ceiling what;
    bench_call *call;
    double units; /* multiply-adds or bytes per call */
} measure;

/* Multiply-adds per call, with `lanes` of them per product of two registers. */
#define MACS(lanes) ((double)(STEPS * ROWS * 2 * (lanes)))
#define IN_CACHE    ((double)(CACHE_FLOATS * 4 * 2))

static const measure measures[] = {
#if defined(PAL_HAVE_SIMD128)
    {{INTEGER, PAL_ISA_SIMD128, "i16 dot", 0}, dot_i16, MACS(8)},
    {{INTEGER, PAL_ISA_SIMD128, "i8 extended, i16 dot", 0}, dot_i8, MACS(8)},
    {{FLOAT, PAL_ISA_SIMD128, "f32 multiply, add", 0}, float_simd128, MACS(4)},
    {{STREAM, PAL_ISA_SIMD128, "reading 256 MB", 0}, stream_simd128, STREAM_BYTES},
    {{CACHE, PAL_ISA_SIMD128, "adding to 16 KB", 0}, cache_simd128, IN_CACHE},
#endif
#if defined(PAL_HAVE_RELAXED)
    {{INTEGER, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, "relaxed dot", 0}, relaxed_dot, MACS(16)},
    {{INTEGER, PAL_ISA_SIMD128 | PAL_ISA_RELAXED, "relaxed dot, pair sums", 0}, pair_sums, MACS(16)},
#endif
#if defined(PAL_HAVE_AVX2)
    {{INTEGER, PAL_ISA_AVX2, "maddubs, madd", 0}, maddubs, MACS(32)},
    {{INTEGER, PAL_ISA_AVX2, "i16 madd", 0}, madd, MACS(16)},
    {{FLOAT, PAL_ISA_AVX2, "f32 multiply, add", 0}, float_avx2, MACS(8)},
    {{STREAM, PAL_ISA_AVX2, "reading 256 MB", 0}, stream_avx2, STREAM_BYTES},
    {{CACHE, PAL_ISA_AVX2, "adding to 16 KB", 0}, cache_avx2, IN_CACHE},
    {{INTEGER, PAL_ISA_AVX2 | PAL_ISA_VNNI, "dpbusd", 0}, dpbusd, MACS(32)},
#endif
};

enum { MEASURES = sizeof measures / sizeof *measures };

const ceiling *bench_ceilings(size_t *count)
{
    static ceiling found[MEASURES];
    float out[64];
    loops l = {aligned_alloc(64, PANEL_BYTES), calloc(ROWS * STEPS, 4), aligned_alloc(64, STREAM_BYTES), out};
    *count = 0;
    if (!l.panel || !l.rows || !l.stream) return NULL;
    /* Bytes 1 and 63 are ordinary numbers, read as integers or as floats (none is subnormal, which would be slow). */
    memset(l.panel, 63, PANEL_BYTES);
    memset(l.rows, 63, ROWS * STEPS * 4);
    memset(l.stream, 1, STREAM_BYTES);
    for (size_t i = 0; i < MEASURES; i++) {
        ceiling c = measures[i].what;
        if ((c.isa & pal_cpu_isa()) != c.isa) continue;
        if (c.kind == CACHE) memset(l.panel, 0, PANEL_BYTES);
        c.rate = measures[i].units / bench_seconds(measures[i].call, &l) * 1e-9;
        if (c.kind == CACHE) memset(l.panel, 63, PANEL_BYTES);
        found[(*count)++] = c;
    }
    free(l.panel);
    free(l.rows);
    free(l.stream);
    return found;
}
