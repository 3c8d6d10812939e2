/* math.c - elementary functions that return the same bits on every target.
 *
 * The methods are the usual ones: argument reduction by Cody and Waite (Software Manual for the Elementary Functions,
 * 1980), a polynomial by Horner's rule, scaling through the exponent bits.  Polynomials are Taylor series in double
 * precision (their remainder is stated) and minimax fits in single precision (the Remez exchange in 50 digits,
 * coefficients then rounded to float).  Errors in ulp are the largest found by tests/test_math.c and the sweeps it
 * describes, rounded up. */
#include "math.h"

#include <float.h>
#include <math.h> /* NOLINT(readability-duplicate-include): the system header, for sqrtf and INFINITY */
#include <string.h>

/* Extra precision in intermediate results (x87) would break every function below. */
_Static_assert(FLT_EVAL_METHOD == 0, "floats are evaluated as floats and doubles as doubles");

static uint32_t bits_of_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float f32_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t bits_of_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double f64_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- single precision ------------------------------------------------------------------------------ */

/* Error below 1.0 ulp if the result is normal; smaller results are 0. math.h lists the steps. */
float pal_expf(float x)
{
    float t = x * PAL_EXPF_LOG2E + PAL_EXPF_MAGIC;
    float n = t - PAL_EXPF_MAGIC;
    float r = x - n * PAL_EXPF_LN2_HI;
    r = r - n * PAL_EXPF_LN2_LO;
    float q = PAL_EXPF_C6;
    q = q * r + PAL_EXPF_C5;
    q = q * r + PAL_EXPF_C4;
    q = q * r + PAL_EXPF_C3;
    q = q * r + PAL_EXPF_C2;
    q = q * (r * r) + r;
    q = q + 1.0f;
    float y = f32_of_bits(bits_of_f32(q) + (bits_of_f32(t) << 23));
    y = x < PAL_EXPF_MIN ? 0.0f : y;
    y = x > PAL_EXPF_MAX ? INFINITY : y;
    return x != x ? x : y;
}

/* Error below 1.6 ulp.  Near 0 it uses an odd polynomial, x + x^3 P(x^2), because 1 - e^-2x would cancel. */
float pal_tanhf(float x)
{
    uint32_t sign = bits_of_f32(x) & 0x80000000u;
    float a = f32_of_bits(bits_of_f32(x) ^ sign);
    float z = a * a;
    float p = -0x1.9bba6ap-8f;
    p = p * z + 0x1.595686p-6f;
    p = p * z + -0x1.b92bbap-5f;
    p = p * z + 0x1.110d3cp-3f;
    p = p * z + -0x1.55554cp-2f;
    float small = p * z * a + a;
    float e = pal_expf(-2.0f * a);
    float large = (1.0f - e) / (1.0f + e);
    float y = a < 0.55f ? small : large;
    return x != x ? x : f32_of_bits(bits_of_f32(y) | sign);
}

float pal_rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}

/* ---- half precision -------------------------------------------------------------------------------- */

float pal_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31) {
        uint32_t quiet = mantissa ? 0x400000u : 0;
        return f32_of_bits(sign | 0x7f800000u | quiet | mantissa << 13);
    }
    if (exponent == 0) { /* zero or subnormal: a multiple of 2^-24, which a float holds exactly */
        float value = (float)mantissa * 0x1p-24f;
        return f32_of_bits(sign | bits_of_f32(value));
    }
    return f32_of_bits(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

uint16_t pal_f32_to_f16(float f)
{
    uint32_t bits = bits_of_f32(f), sign = bits >> 16 & 0x8000u, a = bits & 0x7fffffffu, h;
    if (a > 0x7f800000u) {
        h = 0x7e00u | (a >> 13 & 0x3ffu);
    } else if (a >= 0x477ff000u) { /* 65520 or more: halfway to 2^16, rounds to infinity */
        h = 0x7c00u;
    } else if (a >= 0x38800000u) { /* normal: drop 13 bits, ties to even; a carry moves into the exponent */
        h = (a - 0x38000000u + 0xfffu + (a >> 13 & 1u)) >> 13;
    } else { /* subnormal: one ulp of 0.5f is 2^-24, so this addition rounds at the right bit */
        h = bits_of_f32(f32_of_bits(a) + 0.5f) - 0x3f000000u;
    }
    return (uint16_t)(sign | h);
}

/* ---- double precision ------------------------------------------------------------------------------ */

#define MAGIC  0x1.8p52             /* adding it rounds x to an integer, which is left in the low mantissa bits */
#define LN2_HI 0x1.62e42fefa3800p-1 /* 42 bits, so that its product with up to 11 bits is exact */
#define LN2_LO 0x1.ef35793c76730p-45

/* Horner's rule for c[0] + c[1] z + ... + c[n-1] z^(n-1). */
static double polynomial(const double *c, int n, double z)
{
    double p = c[n - 1];
    for (int i = n - 2; i >= 0; i--) p = p * z + c[i];
    return p;
}

/* y 2^n, for any n whose result is in or near the range of double.  It multiplies twice, so that each power of two is
 * normal and only the last product rounds. */
static double scale(double y, int n)
{
    int half = n / 2;
    y *= f64_of_bits((uint64_t)(half + 1023) << 52);
    return y * f64_of_bits((uint64_t)(n - half + 1023) << 52);
}

/* e^(x + extra) for |x| < 746 and |extra| much less than 1 ulp of x. */
static double exp_sum(double x, double extra)
{
    /* 1/2!, 1/3!, ..., 1/13!: for |r| <= 0.3466 the remainder is below 2^-57 of the result. */
    static const double c[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                               1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    double n = x * 0x1.71547652b82fep0 + MAGIC - MAGIC;
    double high = x - n * LN2_HI; /* exact */
    double low = n * LN2_LO - extra;
    double r = high - low;
    double rest = (high - r) - low; /* the rounding error of the line above */
    double q = polynomial(c, sizeof c / sizeof c[0], r);
    return scale(1.0 + (r + (r * r * q + rest)), (int)n);
}

/* Error below 0.9 ulp if the result is normal; below that, gradual underflow. */
double pal_exp(double x)
{
    if (x != x) return x;
    if (x > 0x1.62e42fefa39efp9) return INFINITY;
    if (x < -745.2) return 0;
    return exp_sum(x, 0);
}

/* x = m 2^exponent with m in [sqrt 1/2, sqrt 2); x is finite and above 0. */
static double split(double x, int *exponent)
{
    int extra = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        extra = -54;
    }
    /* Adding the distance from sqrt 1/2 to 1 carries into the exponent exactly if m would be too large. */
    uint64_t bits = bits_of_f64(x), moved = bits + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    *exponent = (int)(moved >> 52) - 1023 + extra;
    return f64_of_bits((moved & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
}

/* Error below 0.9 ulp for every x > 0, including subnormals.  With f = m - 1 and s = f / (2 + f),
 * log m = 2 atanh s = 2 s + s R(s^2).  Because 2 s = f - f^2/2 + s f^2/2, this is
 * log m = f - (f^2/2 - s (f^2/2 + R)), where f is exact and the other terms are small compared with it. */
double pal_log(double x)
{
    /* R = 2/3 z + 2/5 z^2 + ...: for z <= 0.0295 the remainder is below 2^-58 of the result. */
    static const double c[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                               2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
    if (x != x || x == INFINITY) return x;
    if (x <= 0) return x < 0 ? NAN : -INFINITY;
    int exponent;
    double f = split(x, &exponent) - 1.0; /* exact */
    double n = (double)exponent, s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double rest = z * polynomial(c, sizeof c / sizeof c[0], z);
    return n * LN2_HI - ((half - (s * (half + rest) + n * LN2_LO)) - f);
}

/* ---- powers: the logarithm to twice the precision -------------------------------------------------- */

/* A number as the unevaluated sum of two doubles, |low| at most half an ulp of high.  Products and sums are
 * Dekker's (A floating-point technique for extending the available precision, 1971) and Knuth's. */
typedef struct {
    double high, low;
} pair;

static pair pair_of_sum(double a, double b)
{
    double sum = a + b, b_part = sum - a;
    return (pair){sum, (a - (sum - b_part)) + (b - b_part)};
}

static pair pair_of_product(double a, double b)
{
    double t = a * 0x1.0000002p27, a_high = t - (t - a), a_low = a - a_high;
    t = b * 0x1.0000002p27;
    double b_high = t - (t - b), b_low = b - b_high, p = a * b;
    return (pair){p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

static pair pair_add(pair a, pair b)
{
    pair s = pair_of_sum(a.high, b.high);
    return pair_of_sum(s.high, s.low + (a.low + b.low));
}

static pair pair_multiply(pair a, pair b)
{
    pair p = pair_of_product(a.high, b.high);
    return pair_of_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/* log x with a relative error of about 2^-64, by pal_log's series 2 (s + s^3/3 + s^5/5 + ...).  The first two terms are
 * pairs.  The terms from s^5 on are below 2^-12 of the sum, so a double is precise enough for them. */
static pair log_pair(double x)
{
    static const double c[] = {2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                               2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
    static const pair two_thirds = {2.0 / 3, 0x1.5555555555555p-55};
    int exponent;
    double m = split(x, &exponent), f = m - 1.0, n = (double)exponent;
    pair d = pair_of_sum(m, 1.0), s, square, cube;
    s.high = f / d.high;
    pair back = pair_of_product(s.high, d.high);
    s.low = ((f - back.high) - back.low - s.high * d.low) / d.high;
    square = pair_multiply(s, s);
    cube = pair_multiply(pair_multiply(square, s), two_thirds);
    double tail = square.high * square.high * s.high * polynomial(c, sizeof c / sizeof c[0], square.high);
    pair sum = pair_add((pair){2 * s.high, 2 * s.low}, pair_add(cube, (pair){tail, 0}));
    return pair_add(pair_add((pair){n * LN2_HI, 0}, (pair){n * LN2_LO, 0}), sum);
}

/* Error below 1.0 ulp if the result is normal. x^0 = 1^y = 1 as in C, also for NaN; NaN for x < 0. */
double pal_pow(double x, double y)
{
    if (x == 1 || y == 0) return 1;
    if (x != x || y != y || x < 0) return NAN;
    if (x == 0) return y > 0 ? 0 : INFINITY;
    if (x == INFINITY) return y > 0 ? INFINITY : 0;
    /* |log x| is at least 2^-53: beyond this limit the result is 0 or infinite anyway, and products stay finite. */
    y = y > 0x1p70 ? 0x1p70 : y < -0x1p70 ? -0x1p70 : y;
    pair log_x = log_pair(x);
    if (y * log_x.high > 710) return INFINITY;
    if (y * log_x.high < -746) return 0;
    pair p = pair_multiply(log_x, (pair){y, 0});
    return exp_sum(p.high, p.low);
}

/* ---- sine and cosine ------------------------------------------------------------------------------- */

/* Errors below 1.1 ulp for |x| <= 2^20. pi/2 is split into three parts, two of them with 33 bits.  With n below 2^20
 * the products are exact and the remainder is known to 2^-99, which is enough even for the x closest to a multiple of
 * pi/2. */
void pal_sincos(double x, double *sine, double *cosine)
{
    static const double sine_c[] = {-1.0 / 6,
                                    1.0 / 120,
                                    -1.0 / 5040,
                                    1.0 / 362880,
                                    -1.0 / 39916800,
                                    1.0 / 6227020800.0,
                                    -1.0 / 1307674368000.0,
                                    1.0 / 355687428096000.0};
    static const double cosine_c[] = {1.0 / 24,        -1.0 / 720,           1.0 / 40320,           -1.0 / 3628800,
                                      1.0 / 479001600, -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
    double t = x * 0x1.45f306dc9c883p-1 + MAGIC, n = t - MAGIC;
    unsigned quadrant = (unsigned)(bits_of_f64(t) & 3);
    pair r = pair_of_sum(x - n * 0x1.921fb544p0, -n * 0x1.0b4611a6p-34);
    r = pair_add(r, (pair){-n * 0x1.3198a2e037073p-69, 0});
    double a = r.high, z = a * a, half = 0.5 * z, one = 1.0 - half;
    double s = a + (z * a * polynomial(sine_c, sizeof sine_c / sizeof sine_c[0], z) + r.low * one);
    double c = z * z * polynomial(cosine_c, sizeof cosine_c / sizeof cosine_c[0], z);
    c = one + (((1.0 - one) - half) + (c - a * r.low));
    double sine_of = quadrant & 1 ? c : s, cosine_of = quadrant & 1 ? s : c;
    *sine = quadrant & 2 ? -sine_of : sine_of;
    *cosine = (quadrant + 1) & 2 ? -cosine_of : cosine_of;
}
