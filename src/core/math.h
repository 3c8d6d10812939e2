/* math.h - elementary functions that return the same bits on every target (internal).
 *
 * They use +, -, *, / and bit operations in a fixed order, never contracted; from libm they use only sqrt, which IEEE
 * 754 rounds correctly. tests/test_math.c checks each against its stated error with a long double reference.  The f32
 * functions are written so that vector code can compute the same bits lane by lane; the kernels do this. */
#ifndef PAL_MATH_H
#define PAL_MATH_H

#include <stdint.h>

/* math.c states the error of each, in units in the last place, and its range. */
float pal_expf(float x); /* e^x; 0 below -87.3, finite up to 88.7, +inf above; NaN stays NaN */
double pal_exp(double x);
double pal_log(double x);                                /* -inf at 0, NaN below */
double pal_pow(double x, double y);                      /* x >= 0 */
void pal_sincos(double x, double *sine, double *cosine); /* |x| <= 2^20 */
float pal_tanhf(float x);
float pal_rsqrtf(float x); /* 1.0f / sqrtf(x), x > 0 */

/* Half to float and back, rounded to nearest even as in IEEE 754.  NaN stays NaN; it becomes quiet and keeps its
 * payload, as with F16C. */
float pal_f16_to_f32(uint16_t h);
uint16_t pal_f32_to_f16(float f);

/* The steps of pal_expf, for vector code.  Each step is one f32 operation rounded to nearest even (no fused
 * multiply-add), or one 32-bit integer operation that wraps:
 *
 *    t = x * LOG2E;  t = t + MAGIC            n = round(x / ln 2) now sits in the low mantissa bits of t
 *    n = t - MAGIC                            the same n as a float
 *    a = n * LN2_HI; r = x - a                exact: LN2_HI has 15 bits, n at most 8
 *    a = n * LN2_LO; r = r - a                x = n ln 2 + r, |r| <= 0.3466
 *    q = C6
 *    q = q * r;  q = q + C5                   e^r = 1 + r + r^2 q(r), q by Horner's rule
 *    q = q * r;  q = q + C4
 *    q = q * r;  q = q + C3
 *    q = q * r;  q = q + C2
 *    s = r * r;  q = q * s;  q = q + r;  q = q + 1
 *    bits = bits_of(q) + (bits_of(t) << 23)   times 2^n: n added to the exponent
 *    y = float_of(bits)
 *    y = x < MIN ? 0 : y                      in these three cases the result so far is
 *    y = x > MAX ? +inf : y                   meaningless, and is replaced here
 *    y = x != x ? x : y
 *
 * MIN is the smallest x for which e^x is a normal float, MAX the largest for which e^x is finite. */
#define PAL_EXPF_LOG2E  0x1.715476p+0f
#define PAL_EXPF_MAGIC  0x1.8p+23f
#define PAL_EXPF_LN2_HI 0x1.62e4p-1f
#define PAL_EXPF_LN2_LO 0x1.7f7d1cp-20f
#define PAL_EXPF_C2     0x1.fffffcp-2f
#define PAL_EXPF_C3     0x1.555492p-3f
#define PAL_EXPF_C4     0x1.5558f2p-5f
#define PAL_EXPF_C5     0x1.1239f4p-7f
#define PAL_EXPF_C6     0x1.6a2416p-10f
#define PAL_EXPF_MIN    (-0x1.5d589ep+6f)
#define PAL_EXPF_MAX    0x1.62e42ep+6f

#endif
