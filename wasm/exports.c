/* exports.c - functions for JavaScript that all WebAssembly engines have: memory, hashes and models.
 *
 * JavaScript can pass only numbers and pointers.  Functions of palimpsest.h that need no more (pal_tokenize, pal_step,
 * ...) are exported unchanged; wasm/CMakeLists.txt lists them.  For those with structs, the functions here and in the
 * files below use arrays of numbers instead; web/src/engine.ts, the other side, has the same fields in the same order.
 *
 * There are three engines, so that a page downloads only what it uses: one for texts (pages.c, generate.c), one for texts
 * with networks of discrete diffusion and for boards (pages.c) and one for pictures (pictures.c).  Each lists its networks and checks its own kernels; this file is in both.  A module is
 * single-threaded and has no state of its own but its memory (allocator.c). */
#include "palimpsest.h"
#include "core/sha256.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Allocates a 64-byte aligned block for a model's image or other data from JavaScript; NULL if memory cannot grow. */
void *pw_alloc(size_t bytes)
{
    return aligned_alloc(64, bytes);
}

/* Resizes the block p of pw_alloc and keeps its contents.  If memory cannot grow, frees the block and returns NULL.
 * The last block in memory is resized in place, so that a model whose length is not known in advance needs no second
 * copy. */
void *pw_resize(void *p, size_t old_bytes, size_t bytes)
{
    if (pw_resize_in_place(p, bytes)) return p;
    void *moved = pw_alloc(bytes);
    if (moved) memcpy(moved, p, old_bytes < bytes ? old_bytes : bytes);
    free(p);
    return moved;
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

/* JavaScript reads pal_error as three fields of 4 bytes. */
_Static_assert(sizeof(pal_error) == 12 && offsetof(pal_error, text) == 4 && offsetof(pal_error, offset) == 8,
               "engine.ts reads errors as three words");

const char *pw_model_text(const pal_model *model, int which)
{
    const pal_info *i = pal_model_info(model);
    const char *texts[] = {i->architecture, i->name, i->license, i->weights, i->tokenizer, i->isa, i->why_not};
    return texts[which];
}

enum { NUMBERS = 17 };
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
                                     i->can_generate,
                                     i->board,
                                     i->loops};
    memcpy(out, numbers, sizeof numbers);
}
