/* stream.c - reads memory as fast as simd128 can: the ceiling for a product with a vector, which reads every weight
 * once.  Built by run.mjs with clang; page/stream.mjs calls it. */
#include <stdint.h>
#include <wasm_simd128.h>

/* 16 loads of 16 bytes, and 4 independent sums. */
static inline void add_256_bytes(v128_t sum[4], const v128_t *p)
{
    for (int i = 0; i < 16; i++) sum[i % 4] = wasm_i32x4_add(sum[i % 4], wasm_v128_load(p + i));
}

/* The sum of the int32 in data[bytes], modulo 2^32; bytes is a multiple of 256. */
__attribute__((export_name("sum"))) int32_t sum(const v128_t *data, uint32_t bytes)
{
    v128_t s[4] = {wasm_i32x4_const_splat(0), wasm_i32x4_const_splat(0), wasm_i32x4_const_splat(0),
                   wasm_i32x4_const_splat(0)};
    for (const v128_t *end = data + bytes / 16; data < end; data += 16) add_256_bytes(s, data);
    v128_t all = wasm_i32x4_add(wasm_i32x4_add(s[0], s[1]), wasm_i32x4_add(s[2], s[3]));
    return (int32_t)((uint32_t)wasm_i32x4_extract_lane(all, 0) + (uint32_t)wasm_i32x4_extract_lane(all, 1) +
                     (uint32_t)wasm_i32x4_extract_lane(all, 2) + (uint32_t)wasm_i32x4_extract_lane(all, 3));
}
