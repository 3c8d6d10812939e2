/* kinds.h - the kinds of networks that a program can open (internal).
 *
 * A row for each value of general.architecture; the rows themselves are the lists below.  The choice is made by the
 * linker: all.c has all rows, and a program that defines pal_network_kinds itself holds only the code of the rows that it
 * names.  That is how the engines in a page are small.  A network may serve texts and pictures alike: what stands beside it
 * in the file decides, not its class. */
#ifndef PAL_KINDS_H
#define PAL_KINDS_H

#include "model.h"
#include "../arch/architecture.h"

/* How networks of one class are bound and closed. */
typedef struct {
    /* Binds what the file has of it into m->network, and notes m->matrices.  PAL_OK and why not in m->net_error where it cannot be used; only
     * without memory does the file not open. */
    pal_status (*open)(pal_model *m, pal_error *err);
    void (*kernels)(const pal_model *m, pal_kernels *k); /* what *k needs beside pal_kernels_init */
    void (*close)(pal_model *m);                         /* what open made; called after a failure too */
} pal_network_class;

extern const pal_network_class pal_transformers, pal_unets; /* transformers.c, unets.c */

struct pal_network_kind {
    const char
        *architecture; /* general.architecture; NULL: every other one, of which at most the vocabulary is of use */
    bool causal;       /* unless the file says otherwise */
    const pal_network_class *class;
    const pal_architecture *of; /* of transformers */
};

/* clang-format off */
#define PAL_KINDS_OF_TRANSFORMERS \
    {"llama", true,  &pal_transformers, &pal_architecture_llama}, \
    {"llada", false, &pal_transformers, &pal_architecture_llama}, \
    {"qwen2", true,  &pal_transformers, &pal_architecture_llama}, \
    {"qwen3", true,  &pal_transformers, &pal_architecture_llama}, \
    {"gpt2",  true,  &pal_transformers, &pal_architecture_gpt2}, \
    {NULL,    true,  &pal_transformers, NULL}
#define PAL_KINDS_OF_UNETS \
    {"unet",  false, &pal_unets, NULL}
/* clang-format on */

extern const pal_network_kind pal_network_kinds[]; /* the first that fits is taken */
extern const size_t pal_network_kind_count;

/* The row of an architecture; NULL: none here. */
const pal_network_kind *pal_network_kind_of(const char *architecture);

/* "llama, llada and gpt2": the architectures of this program, in out[capacity]. */
void pal_network_kinds_list(char *out, size_t capacity);

/* Fails where keys that begin with `prefix` stand in the file twice with different values, and where the file is a
 * part of a split model: reasons that the binding does not see.  The text is the model's. */
pal_status pal_model_contradicts(pal_model *m, const char *prefix, pal_error *why);
pal_status pal_model_is_part(pal_model *m, pal_error *why);
pal_status pal_model_is_adapter(pal_model *m, pal_error *why); /* or another file that stands beside a model */

/* Adds the name and the value of the key that m->vocab_error is about. */
void pal_model_name_value(pal_model *m);

/* Fills m->info, m->pair_error and m->stored_error once the file is open. */
void pal_model_describe(pal_model *m, size_t bytes);

#endif
