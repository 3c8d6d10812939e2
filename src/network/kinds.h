/* kinds.h - the kinds of networks that a program can open (internal).
 *
 * A kind is one row per value of general.architecture; the rows are listed below.  The linker makes the choice: all.c
 * has all rows, and a program that defines pal_network_kinds itself contains only the code of the rows in it.  This
 * keeps the engines of web pages small.  One class of networks can serve both texts and pictures: the other contents of
 * the file decide that, not the class. */
#ifndef PAL_KINDS_H
#define PAL_KINDS_H

#include "model.h"
#include "../arch/architecture.h"

/* How networks of one class are bound and closed. */
typedef struct {
    /* Binds the file's tensors to m->network and sets m->matrices.  If the network cannot be used, sets m->net_error
     * and still returns PAL_OK; fails only without memory. */
    pal_status (*open)(pal_model *m, pal_error *err);
    void (*kernels)(const pal_model *m, pal_kernels *k); /* changes *k after pal_kernels_init as the network needs */
    void (*close)(pal_model *m);                         /* frees what open allocated, also after a failure */
} pal_network_class;

extern const pal_network_class pal_transformers, pal_unets, pal_boards; /* transformers.c, unets.c, boards.c */

struct pal_network_kind {
    const char *architecture; /* general.architecture; NULL: any other, of which at most the vocabulary can be used */
    bool causal;              /* the default if the file does not say it */
    const pal_network_class *class;
    const pal_architecture *of; /* transformers only */
    /* Transformers only: reads what else the file says about the network, once it is bound and the vocabulary is open.  If
     * a key is wrong, sets m->net_error and returns its status.  NULL: there is nothing else. */
    pal_status (*read_more)(pal_model *m);
};

/* clang-format off */
#define PAL_KINDS_OF_TRANSFORMERS \
    {"llama", true,  &pal_transformers, &pal_architecture_llama, NULL}, \
    {"llada", false, &pal_transformers, &pal_architecture_llama, NULL}, \
    {"qwen2", true,  &pal_transformers, &pal_architecture_llama, NULL}, \
    {"qwen3", true,  &pal_transformers, &pal_architecture_llama, NULL}, \
    {"gpt2",  true,  &pal_transformers, &pal_architecture_gpt2, NULL}
#define PAL_KINDS_OF_DDIT \
    {"sedd",  false, &pal_transformers, &pal_architecture_sedd, pal_noise_of_sedd}, \
    {"mdlm",  false, &pal_transformers, &pal_architecture_mdlm, pal_noise_of_mdlm}
#define PAL_KINDS_OF_UNETS \
    {"unet",  false, &pal_unets, NULL, NULL}
#define PAL_KINDS_OF_BOARDS \
    {"sudoku", false, &pal_boards, NULL, NULL}
/* The last row of a program with transformers. */
#define PAL_KIND_UNKNOWN \
    {NULL,    true,  &pal_transformers, NULL, NULL}
/* clang-format on */

extern const pal_network_kind pal_network_kinds[]; /* the first row that matches is used */
extern const size_t pal_network_kind_count;

/* The row of an architecture; NULL: there is none in this program. */
const pal_network_kind *pal_network_kind_of(const char *architecture);

/* Writes the architectures of this program, as in "llama, llada and gpt2", to out[capacity]. */
void pal_network_kinds_list(char *out, size_t capacity);

/* Reasons that binding does not find.  Each fails if: a key that begins with `prefix` is in the file twice with
 * different values; the file is a part of a split model; the file is an adapter or another supplement to a model.  The
 * message belongs to the model. */
pal_status pal_model_contradicts(pal_model *m, const char *prefix, pal_error *why);
pal_status pal_model_is_part(pal_model *m, pal_error *why);
pal_status pal_model_is_adapter(pal_model *m, pal_error *why);

/* noise_keys.c: the keys of discrete diffusion.  m->noise, and of sedd also m->classes.noise, are set. */
pal_status pal_noise_of_sedd(pal_model *m), pal_noise_of_mdlm(pal_model *m);

/* Adds the name and value of the key at fault to the message of m->vocab_error. */
void pal_model_name_value(pal_model *m);

/* Sets m->net_error to `text` with the name and value of a key of g. */
pal_status pal_model_refuse(pal_model *m, const pal_gguf *g, pal_status status, const char *key, const char *text);

/* Sets m->rows from the keys of g, the file of the model or its adapter, and m->classes for pages of such models.  The
 * vocabulary must be open.  If a key is wrong, sets m->net_error and returns its status. */
pal_status pal_page_rows_read(pal_model *m, const pal_gguf *g);

/* Sets m->as_written from palimpsest.normalise of g, if it has the key; otherwise leaves it. */
pal_status pal_page_view_read(pal_model *m, const pal_gguf *g);

/* Sets m->info, m->pair_error and m->stored_error after the file is open. */
void pal_model_describe(pal_model *m, size_t bytes);

#endif
