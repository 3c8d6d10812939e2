/* random.c - Philox4x32-10, implemented from the paper cited in random.h. */
#include "random.h"

enum { ROUNDS = 10 };

void pal_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * c0;
        uint64_t b = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9e3779b9u; /* Weyl sequences with the constants of the paper: the golden ratio and sqrt(3) - 1 */
        k1 += 0xbb67ae85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

double pal_uniform(uint64_t seed, pal_purpose purpose, uint32_t draft, uint32_t step, uint32_t position)
{
    const uint32_t counter[4] = {position, step, draft, (uint32_t)purpose};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];
    pal_philox(word, counter, key);
    uint64_t bits = (uint64_t)word[0] << 21 | word[1] >> 11;
    return (double)bits * 0x1p-53;
}
