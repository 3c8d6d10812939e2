/* exports.c - palimpsest.h as flat functions for JavaScript: numbers and pointers in, numbers and pointers out.
 *
 * web/src/engine.ts is the other side and only moves bytes.  Functions of palimpsest.h that are flat already
 * (pal_tokenize, pal_step, ...) are exported as they are; the list is in wasm/CMakeLists.txt.  Those that take or give
 * structures do so as arrays, whose layouts are enums here, and the JavaScript names the same fields in the same
 * order.
 *
 * There are two engines, so that nobody downloads what he does not use: of texts (pages.c, generate.c) and of pictures
 * (pictures.c).  Each names its networks and checks its own kernels; this file is in both.  A module is single-threaded
 * and keeps no state of its own. */
#include "palimpsest.h"
#include "core/sha256.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

enum { FROM_SYSTEM = 1 << 30 }; /* bytes that malloc surely takes at once: from 2 GiB on it refuses */

/* What malloc has taken and is given back it keeps at the end of its memory, where the next block can begin with it. */
static void reserve(size_t bytes)
{
    void *volatile taken = malloc(bytes);
    free(taken);
}

/* Where a model's image and everything JavaScript writes lies: 64-byte aligned; NULL when memory cannot grow. */
void *pw_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - 63) return NULL;
    if (bytes > FROM_SYSTEM) reserve(bytes / 2);
    return aligned_alloc(64, (bytes + 63) & ~(size_t)63);
}

/* The block p of pw_alloc with another size, and what is in it; NULL when memory cannot grow, and the block is then gone.
 * The last block stays where it is, so that a model whose length is not known before takes no more than its own memory. */
void *pw_resize(void *p, size_t old_bytes, size_t bytes)
{
    if (bytes > old_bytes) reserve(bytes - old_bytes);
    void *moved = realloc(p, bytes);
    if (moved && (uintptr_t)moved % 64 == 0) return moved;
    void *aligned = moved ? pw_alloc(bytes) : NULL;
    if (aligned) memcpy(aligned, moved, old_bytes < bytes ? old_bytes : bytes);
    free(moved ? moved : p);
    return aligned;
}

void pw_free(void *p)
{
    free(p);
}

/* ---- hashes ------------------------------------------------------------------------------------------ */

pal_sha256 *pw_hash_start(void)
{
    pal_sha256 *h = malloc(sizeof *h);
    if (h) pal_sha256_start(h);
    return h;
}

void pw_hash_add(pal_sha256 *h, const void *data, size_t bytes)
{
    pal_sha256_add(h, data, bytes);
}

/* Writes the digest and frees the hash. */
void pw_hash_end(pal_sha256 *h, unsigned char *digest)
{
    pal_sha256_end(h, digest);
    free(h);
}

/* ---- models ------------------------------------------------------------------------------------------ */

pal_model *pw_model_open(void *image, size_t bytes, pal_error *err)
{
    pal_model *model;
    return pal_model_open(&model, image, bytes, 0, err) ? NULL : model;
}

/* pal_error as JavaScript reads it: its three fields, each 4 bytes. */
_Static_assert(sizeof(pal_error) == 12 && offsetof(pal_error, text) == 4 && offsetof(pal_error, offset) == 8,
               "engine.ts reads errors as three words");

const char *pw_model_text(const pal_model *model, int which)
{
    const pal_info *i = pal_model_info(model);
    const char *texts[] = {i->architecture, i->name, i->license, i->weights, i->tokenizer, i->isa, i->why_not};
    return texts[which];
}

enum { NUMBERS = 15 };
void pw_model_numbers(const pal_model *model, double out[NUMBERS])
{
    const pal_info *i = pal_model_info(model);
    const double numbers[NUMBERS] = {(double)i->file_bytes,
                                     (double)i->parameters,
                                     i->vocabulary,
                                     i->context,
                                     i->width,
                                     i->layers,
                                     i->heads,
                                     i->kv_heads,
                                     i->hidden,
                                     i->causal,
                                     i->can_tokenize,
                                     i->can_score,
                                     i->can_infill,
                                     i->free_length,
                                     i->can_generate};
    memcpy(out, numbers, sizeof numbers);
}
