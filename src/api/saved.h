/* saved.h - the format of saved sequences and generators (internal).
 *
 * A section consists of the magic "palsaved", version, kind, its length in bytes, the model's fingerprint, its content
 * and the SHA-256 of all that.  Numbers are little endian, without padding; keys and values are stored as in the
 * cache. */
#ifndef PAL_SAVED_H
#define PAL_SAVED_H

#include "../core/sha256.h"
#include "../network/model.h"

enum {
    PAL_SAVED_VERSION = 2,  /* release 0.1 writes version 1 */
    PAL_SAVED_SEQUENCE = 1, /* this and the next: kinds */
    PAL_SAVED_GENERATOR = 2,
    PAL_SAVED_HEAD = 8 + 4 + 4 + 8 + PAL_SHA256_BYTES /* bytes before the content */
};

/* Writes values one after the other.  The caller must check the capacity before. */
typedef struct {
    unsigned char *out, *start;
} pal_saving;

void pal_save_begin(pal_saving *s, void *out, uint32_t kind, const pal_model *m, size_t content);
void pal_save_u32(pal_saving *s, uint32_t value);
void pal_save_u64(pal_saving *s, uint64_t value);
void pal_save_double(pal_saving *s, double value);
void pal_save_bytes(pal_saving *s, const void *data, size_t bytes);
void pal_save_ids(pal_saving *s, const int32_t *ids, int32_t n);
void pal_save_end(pal_saving *s); /* writes the digest */

static inline size_t pal_saved_bytes(size_t content)
{
    return PAL_SAVED_HEAD + content + PAL_SHA256_BYTES;
}

/* Reads values one after the other; reading beyond the end returns zeros and sets `cut`. */
typedef struct {
    const unsigned char *at, *end;
    bool cut;
} pal_loading;

/* Checks the section at the start of data[bytes], sets *section to its length, and prepares *l to read its content. */
pal_status pal_load_begin(pal_loading *l, const void *data, size_t bytes, uint32_t kind, const pal_model *m,
                          size_t *section, pal_error *err);
uint32_t pal_loaded_u32(pal_loading *l);
uint64_t pal_loaded_u64(pal_loading *l);
double pal_loaded_double(pal_loading *l);
const unsigned char *pal_loaded_bytes(pal_loading *l, size_t bytes); /* in place; NULL: beyond the end */

#endif
