/* math.h - elementary functions that give the same bits on every target (internal).
 *
 * Built from +, -, *, / and bit operations in a fixed order, never contracted; of libm only sqrt is used,
 * which IEEE 754 rounds correctly.  tests/test_core.c holds each to its stated error against a
 * long double reference.  The f32 functions are written so that a vector unit can repeat them lane by
 * lane with the same bits; kernels do. */
#ifndef PAL_MATH_H
#define PAL_MATH_H

/* Each states its error in units in the last place, and its range, at its definition in math.c. */
float pal_expf(float x);            /* e^x; 0 below -87.3, finite up to 88.7, +inf above; NaN stays NaN */
double pal_exp(double x);
double pal_log(double x);           /* -inf at 0, NaN below */
double pal_pow(double x, double y); /* x >= 0 */
void pal_sincos(double x, double *sine, double *cosine);    /* |x| <= 2^20 */
float pal_tanhf(float x);
float pal_rsqrtf(float x);          /* 1.0f / sqrtf(x), x > 0 */

/* float to half and back, IEEE 754 round to nearest even; NaN stays NaN. */
#include <stdint.h>
float pal_f16_to_f32(uint16_t h);
uint16_t pal_f32_to_f16(float f);

#endif
