/* neon.h - the simd128 kernels on 64-bit ARM (internal to kernels/).
 *
 * Defines those of WebAssembly's intrinsics that the kernels use, by their names, with NEON instructions that compute the
 * same bits: both have registers of 128 bits and IEEE arithmetic.  So every kernel for simd128 is also one for ARM, and
 * a new intrinsic in a kernel needs a line here.  (These names do not begin with pal_, because the kernels are written
 * with them.)  Every ARM processor with 64 bits has NEON: nothing is asked at run time. */
#ifndef PAL_NEON_H
#define PAL_NEON_H

#include <arm_neon.h>

typedef int32x4_t v128_t;

#define WASM_FN __attribute__((always_inline, unused)) static inline

/* The same bits as another kind of lanes. */
#define AS_F32(v) vreinterpretq_f32_s32(v)
#define AS_I16(v) vreinterpretq_s16_s32(v)
#define AS_I8(v)  vreinterpretq_s8_s32(v)
#define AS_U32(v) vreinterpretq_u32_s32(v)
#define OF_F32(v) vreinterpretq_s32_f32(v)
#define OF_I16(v) vreinterpretq_s32_s16(v)
#define OF_I8(v)  vreinterpretq_s32_s8(v)
#define OF_U16(v) vreinterpretq_s32_u16(v)
#define OF_U32(v) vreinterpretq_s32_u32(v)

/* ---- memory, at any address ---------------------------------------------- */

WASM_FN v128_t wasm_v128_load(const void *from)
{
    return vreinterpretq_s32_u8(vld1q_u8(from));
}

WASM_FN void wasm_v128_store(void *to, v128_t v)
{
    vst1q_u8(to, vreinterpretq_u8_s32(v));
}

WASM_FN v128_t wasm_v128_load32_splat(const void *from)
{
    int32_t four;
    __builtin_memcpy(&four, from, sizeof four);
    return vdupq_n_s32(four);
}

WASM_FN v128_t wasm_v128_load64_zero(const void *from)
{
    return vreinterpretq_s32_u8(vcombine_u8(vld1_u8(from), vdup_n_u8(0)));
}

WASM_FN v128_t wasm_i16x8_load8x8(const void *from)
{
    return OF_I16(vmovl_s8(vld1_s8(from)));
}

/* ---- bits ----------------------------------------------------------------- */

WASM_FN v128_t wasm_v128_and(v128_t a, v128_t b)
{
    return vandq_s32(a, b);
}

WASM_FN v128_t wasm_v128_or(v128_t a, v128_t b)
{
    return vorrq_s32(a, b);
}

WASM_FN v128_t wasm_v128_xor(v128_t a, v128_t b)
{
    return veorq_s32(a, b);
}

WASM_FN v128_t wasm_v128_andnot(v128_t a, v128_t b)
{
    return vbicq_s32(a, b);
}

/* Bits of a where mask has ones, of b elsewhere. */
WASM_FN v128_t wasm_v128_bitselect(v128_t a, v128_t b, v128_t mask)
{
    return vbslq_s32(AS_U32(mask), a, b);
}

WASM_FN int wasm_v128_any_true(v128_t v)
{
    return vmaxvq_u32(AS_U32(v)) != 0;
}

/* The lanes are constants, counted through both registers. */
#define wasm_i32x4_shuffle(a, b, ...) ((v128_t)__builtin_shufflevector((int32x4_t)(a), (int32x4_t)(b), __VA_ARGS__))
#define wasm_i16x8_shuffle(a, b, ...) ((v128_t)__builtin_shufflevector((int16x8_t)(a), (int16x8_t)(b), __VA_ARGS__))
#define wasm_i64x2_shuffle(a, b, ...) ((v128_t)__builtin_shufflevector((int64x2_t)(a), (int64x2_t)(b), __VA_ARGS__))

/* ---- four floats ----------------------------------------------------------- */

#define WASM_FLOATS(name, call)                                                                                        \
    WASM_FN v128_t wasm_f32x4_##name(v128_t a, v128_t b)                                                               \
    {                                                                                                                  \
        return OF_F32(call(AS_F32(a), AS_F32(b)));                                                                     \
    }
#define WASM_COMPARE(name, call)                                                                                       \
    WASM_FN v128_t wasm_f32x4_##name(v128_t a, v128_t b)                                                               \
    {                                                                                                                  \
        return OF_U32(call(AS_F32(a), AS_F32(b)));                                                                     \
    }
WASM_FLOATS(add, vaddq_f32)
WASM_FLOATS(sub, vsubq_f32)
WASM_FLOATS(mul, vmulq_f32)
WASM_FLOATS(div, vdivq_f32)
WASM_COMPARE(gt, vcgtq_f32)
WASM_COMPARE(lt, vcltq_f32)
WASM_COMPARE(ge, vcgeq_f32)

WASM_FN v128_t wasm_f32x4_ne(v128_t a, v128_t b)
{
    return vmvnq_s32(OF_U32(vceqq_f32(AS_F32(a), AS_F32(b))));
}

/* b where a < b; the first if one is not a number, unlike NEON's own maximum. */
WASM_FN v128_t wasm_f32x4_pmax(v128_t a, v128_t b)
{
    return vbslq_s32(vcltq_f32(AS_F32(a), AS_F32(b)), b, a);
}

WASM_FN v128_t wasm_f32x4_neg(v128_t v)
{
    return OF_F32(vnegq_f32(AS_F32(v)));
}

WASM_FN v128_t wasm_f32x4_abs(v128_t v)
{
    return OF_F32(vabsq_f32(AS_F32(v)));
}

WASM_FN v128_t wasm_f32x4_nearest(v128_t v) /* ties to even */
{
    return OF_F32(vrndnq_f32(AS_F32(v)));
}

WASM_FN v128_t wasm_f32x4_convert_i32x4(v128_t v)
{
    return OF_F32(vcvtq_f32_s32(v));
}

WASM_FN v128_t wasm_i32x4_trunc_sat_f32x4(v128_t v) /* 0 for what is not a number, in NEON too */
{
    return vcvtq_s32_f32(AS_F32(v));
}

WASM_FN v128_t wasm_f32x4_splat(float x)
{
    return OF_F32(vdupq_n_f32(x));
}

#define wasm_f32x4_extract_lane(v, lane) vgetq_lane_f32(AS_F32(v), lane)

/* ---- four integers --------------------------------------------------------- */

WASM_FN v128_t wasm_i32x4_splat(int32_t x)
{
    return vdupq_n_s32(x);
}

#define wasm_i32x4_const(a, b, c, d)     ((v128_t){a, b, c, d})
#define wasm_i32x4_extract_lane(v, lane) vgetq_lane_s32(v, lane)

WASM_FN v128_t wasm_i32x4_add(v128_t a, v128_t b)
{
    return vaddq_s32(a, b);
}

WASM_FN v128_t wasm_i32x4_max(v128_t a, v128_t b)
{
    return vmaxq_s32(a, b);
}

WASM_FN v128_t wasm_i32x4_shl(v128_t v, int bits)
{
    return vshlq_s32(v, vdupq_n_s32(bits));
}

WASM_FN v128_t wasm_i32x4_shr(v128_t v, int bits)
{
    return vshlq_s32(v, vdupq_n_s32(-bits));
}

/* Products of 16-bit lanes, each pair added. */
WASM_FN v128_t wasm_i32x4_dot_i16x8(v128_t a, v128_t b)
{
    const int32x4_t low = vmull_s16(vget_low_s16(AS_I16(a)), vget_low_s16(AS_I16(b)));
    return vpaddq_s32(low, vmull_high_s16(AS_I16(a), AS_I16(b)));
}

WASM_FN v128_t wasm_i32x4_extend_low_i16x8(v128_t v)
{
    return vmovl_s16(vget_low_s16(AS_I16(v)));
}

WASM_FN v128_t wasm_i32x4_extend_high_i16x8(v128_t v)
{
    return vmovl_high_s16(AS_I16(v));
}

/* ---- eight and sixteen integers --------------------------------------------- */

WASM_FN v128_t wasm_i16x8_splat(int x)
{
    return OF_I16(vdupq_n_s16((int16_t)x));
}

WASM_FN v128_t wasm_i16x8_add(v128_t a, v128_t b)
{
    return OF_I16(vaddq_s16(AS_I16(a), AS_I16(b)));
}

WASM_FN v128_t wasm_i16x8_sub(v128_t a, v128_t b)
{
    return OF_I16(vsubq_s16(AS_I16(a), AS_I16(b)));
}

WASM_FN v128_t wasm_i16x8_gt(v128_t a, v128_t b)
{
    return OF_U16(vcgtq_s16(AS_I16(a), AS_I16(b)));
}

WASM_FN v128_t wasm_i16x8_shl(v128_t v, int bits)
{
    return OF_I16(vshlq_s16(AS_I16(v), vdupq_n_s16((int16_t)bits)));
}

WASM_FN v128_t wasm_i16x8_shr(v128_t v, int bits)
{
    return OF_I16(vshlq_s16(AS_I16(v), vdupq_n_s16((int16_t)-bits)));
}

WASM_FN v128_t wasm_u16x8_shr(v128_t v, int bits)
{
    return OF_U16(vshlq_u16(vreinterpretq_u16_s32(v), vdupq_n_s16((int16_t)-bits)));
}

WASM_FN v128_t wasm_i16x8_narrow_i32x4(v128_t a, v128_t b)
{
    return OF_I16(vqmovn_high_s32(vqmovn_s32(a), b));
}

WASM_FN v128_t wasm_i16x8_extend_low_i8x16(v128_t v)
{
    return OF_I16(vmovl_s8(vget_low_s8(AS_I8(v))));
}

WASM_FN v128_t wasm_i16x8_extend_high_i8x16(v128_t v)
{
    return OF_I16(vmovl_high_s8(AS_I8(v)));
}

WASM_FN v128_t wasm_i8x16_splat(int x)
{
    return OF_I8(vdupq_n_s8((int8_t)x));
}

WASM_FN v128_t wasm_i8x16_sub(v128_t a, v128_t b)
{
    return OF_I8(vsubq_s8(AS_I8(a), AS_I8(b)));
}

WASM_FN v128_t wasm_i8x16_narrow_i16x8(v128_t a, v128_t b)
{
    return OF_I8(vqmovn_high_s16(vqmovn_s16(AS_I16(a)), AS_I16(b)));
}

WASM_FN v128_t wasm_u8x16_shr(v128_t v, int bits)
{
    return vreinterpretq_s32_u8(vshlq_u8(vreinterpretq_u8_s32(v), vdupq_n_s8((int8_t)-bits)));
}

#endif
