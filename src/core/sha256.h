/* sha256.h - incremental SHA-256 (FIPS 180-4) (internal). */
#ifndef PAL_SHA256_H
#define PAL_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { PAL_SHA256_BYTES = 32 };

typedef struct {
    uint32_t state[8];
    uint64_t bytes;          /* added so far */
    unsigned char block[64]; /* the last bytes % 64 bytes, not yet compressed */
} pal_sha256;

void pal_sha256_start(pal_sha256 *h);
void pal_sha256_add(pal_sha256 *h, const void *data, size_t bytes);
void pal_sha256_end(pal_sha256 *h,
                    unsigned char digest[PAL_SHA256_BYTES]); /* call pal_sha256_start before adding again */

#endif
