/* matrices.h - all matrices of a network, by the names that its file gives them (internal).
 *
 * The binder notes every matrix that it fills, and nobody lists them a second time: packing goes through this list,
 * what is said of the weights is added up from it, and adapters find in it what they belong to. */
#ifndef PAL_MATRICES_H
#define PAL_MATRICES_H

#include "linear.h"

typedef struct {
    pal_str name;       /* of the file's tensor, in the file's image: "blk.0.attn_q.weight" */
    int first;          /* the tensor's row that is the matrix's first; not 0 only where matrices share a tensor */
    pal_matrix *matrix; /* the network's, which must not move */
} pal_named_matrix;

/* A matrix that a network uses twice (an output tied to the embedding) is in it once. */
typedef struct {
    pal_named_matrix *at; /* [count], owned; in the order in which they lie once the list is sorted */
    size_t count, capacity;
} pal_matrices;

/* Adds a matrix that is bound.  PAL_E_MEMORY: the list is as it was. */
pal_status pal_matrices_note(pal_matrices *list, pal_str name, int first, pal_matrix *matrix, pal_error *err);

/* By address, which is the order of the file: packing then reads it from front to back. */
void pal_matrices_sort(pal_matrices *list);

/* The first matrix of the tensor of that name; others that share the tensor follow it, by rows.  NULL: none. */
const pal_named_matrix *pal_matrices_find(const pal_matrices *list, const char *name);

/* Puts all of them into the panels that products read, where they lie: the image must be writable and is the network's
 * from then on.  Once, before the first evaluation. */
pal_status pal_matrices_pack(const pal_matrices *list, pal_error *err);

/* What pal_adapter_layout must know of the adapters attached to them: the largest rank and number of rows, or 0. */
void pal_matrices_adapted(const pal_matrices *list, size_t *rank, size_t *rows);

void pal_matrices_release(pal_matrices *list);

#endif
