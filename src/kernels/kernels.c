/* kernels.c - fills the kernel table; the only file that queries the CPU. */
#include "kernels.h"
#include "lanes.h"
#include "../core/tensor_type.h"

#if defined(PAL_HAVE_AVX2)
#include <cpuid.h>

/* __builtin_cpu_supports also checks that the system saves the wide registers, but clang 14 has no name for F16C there,
 * so CPUID leaf 1 is read. */
static bool has_avx2_and_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

static unsigned has_vnni(void)
{
    return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

#endif

unsigned pal_cpu_isa(void)
{
    unsigned isa = PAL_ISA_REF;
#if defined(PAL_HAVE_SIMD128)
    isa |= PAL_ISA_SIMD128; /* a module that has loaded can use it */
#endif
#if defined(PAL_HAVE_RELAXED)
    isa |= PAL_ISA_RELAXED; /* the same; kernels/self_check.c checks that the engine computes it correctly */
#endif
#if defined(PAL_HAVE_AVX2)
    if (has_avx2_and_f16c()) isa |= PAL_ISA_AVX2 | (has_vnni() ? PAL_ISA_VNNI : 0);
#endif
    return isa;
}

const char *pal_isa_name(unsigned isa)
{
    if (isa & PAL_ISA_VNNI) return "avx512vnni";
    if (isa & PAL_ISA_AVX2) return "avx2";
    if (isa & PAL_ISA_RELAXED) return "relaxed";
    if (isa & PAL_ISA_SIMD128) return "simd128";
    return "scalar";
}

void pal_kernels_init(pal_kernels *k, unsigned allowed)
{
    *k = (pal_kernels){.isa = allowed & pal_cpu_isa()};
    pal_pick_quantize(k);
    pal_pick_matmul_q8_0(k);
    pal_pick_matmul_q4_0(k);
    pal_pick_matmul_float(k);
    pal_pick_matmul_bf16(k);
    pal_pick_matmul_parts(k);
    pal_pick_norm(k);
    pal_pick_layer_norm(k);
    pal_pick_rope(k);
    pal_pick_rope_halves(k);
    pal_pick_activation(k);
    pal_pick_gelu(k);
    pal_pick_attention(k);
    pal_pick_expand(k);
}

pal_matmul_fn *pal_matmul_of(const pal_kernels *k, uint32_t type)
{
    switch (type) {
    case PAL_F32: return k->matmul_f32;
    case PAL_F16: return k->matmul_f16;
    case PAL_BF16: return k->matmul_bf16;
    case PAL_Q8_0: return k->matmul_q8_0;
    case PAL_Q4_0: return k->matmul_q4_0;
    case PAL_Q4_1:
    case PAL_Q5_0:
    case PAL_Q5_1:
    case PAL_Q4_K:
    case PAL_Q5_K:
    case PAL_Q6_K: return k->matmul_parts;
    default: return NULL;
    }
}

bool pal_weights_known(uint32_t type)
{
    pal_kernels reference;
    pal_kernels_init(&reference, PAL_ISA_REF);
    return pal_matmul_of(&reference, type) != NULL;
}

bool pal_weights_float(uint32_t type)
{
    return type == PAL_F32 || type == PAL_F16 || type == PAL_BF16;
}
