/* kinds.h - the kinds of networks a program can open (internal).
 *
 * The choice is made by the linker: all.c has all of them, and a program that defines pal_network_kinds itself
 * holds only the code of those it names.  That is how the engine in a page is small for texts and for pictures. */
#ifndef PAL_NETWORKS_H
#define PAL_NETWORKS_H

#include "model.h"

struct pal_network_kind {
    const char *architecture; /* general.architecture; NULL: every other one */
    /* Binds what the file has of it.  PAL_OK and why not in m->net_error where it cannot be used; only without memory
     * does the file not open. */
    pal_status (*open)(pal_model *m, pal_error *err);
    pal_status (*pack)(pal_model *m, pal_error *err); /* weights into panels, if there is a network */
    void (*kernels)(pal_model *m);                    /* what m->kernels needs beside pal_kernels_init */
    void (*close)(pal_model *m);                      /* what open made; called after a failure too */
};

extern const pal_network_kind pal_texts, pal_pictures; /* texts.c, pictures.c */

/* Fails where keys that begin with `prefix` stand in the file twice with different values, and where the file is a
 * part of a split model: reasons that the binding does not see.  The text is the model's. */
pal_status pal_model_contradicts(pal_model *m, const char *prefix, pal_error *why);
pal_status pal_model_is_part(pal_model *m, pal_error *why);
pal_status pal_model_is_adapter(pal_model *m, pal_error *why); /* or another file that stands beside a model */

/* Adds the name and the value of the key that m->vocab_error is about. */
void pal_model_name_value(pal_model *m);

/* Fills m->info, m->pair_error and m->stored_error once the file is open. */
void pal_model_describe(pal_model *m, size_t bytes);

extern const pal_network_kind *const pal_network_kinds[]; /* tried in order; ends with NULL */

#endif
