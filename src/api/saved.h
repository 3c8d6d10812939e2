/* saved.h - saved sequences and generators as bytes (internal).
 *
 * A section: magic "palsaved", version, kind, bytes in all, the model's fingerprint, its content, and the SHA-256 of
 * everything before.  Numbers are little endian, without padding; keys and values lie as the cache has them. */
#ifndef PAL_SAVED_H
#define PAL_SAVED_H

#include "../core/sha256.h"
#include "../network/model.h"

enum {
    PAL_SAVED_VERSION = 2,  /* 1: written by 0.1 */
    PAL_SAVED_SEQUENCE = 1, /* kinds */
    PAL_SAVED_GENERATOR = 2,
    PAL_SAVED_HEAD = 8 + 4 + 4 + 8 + PAL_SHA256_BYTES /* bytes before the content */
};

/* Writes in order; the caller has seen to it that there is room. */
typedef struct {
    unsigned char *out, *start;
} pal_saving;

void pal_save_begin(pal_saving *s, void *out, uint32_t kind, const pal_model *m, size_t content);
void pal_save_u32(pal_saving *s, uint32_t value);
void pal_save_u64(pal_saving *s, uint64_t value);
void pal_save_double(pal_saving *s, double value);
void pal_save_bytes(pal_saving *s, const void *data, size_t bytes);
void pal_save_ids(pal_saving *s, const int32_t *ids, int32_t n);
void pal_save_end(pal_saving *s); /* the digest */

static inline size_t pal_saved_bytes(size_t content)
{
    return PAL_SAVED_HEAD + content + PAL_SHA256_BYTES;
}

/* Reads in order; reading beyond the end gives zeros and sets `cut`. */
typedef struct {
    const unsigned char *at, *end;
    bool cut;
} pal_loading;

/* Checks the section that data[bytes] begins with; *section is then its length, and *l reads its content. */
pal_status pal_load_begin(pal_loading *l, const void *data, size_t bytes, uint32_t kind, const pal_model *m,
                          size_t *section, pal_error *err);
uint32_t pal_loaded_u32(pal_loading *l);
uint64_t pal_loaded_u64(pal_loading *l);
double pal_loaded_double(pal_loading *l);
const unsigned char *pal_loaded_bytes(pal_loading *l, size_t bytes); /* in place; NULL: cut */

#endif
