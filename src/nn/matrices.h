/* matrices.h - the list of all matrices of a network, by their names in the file (internal).
 *
 * The binder adds every matrix that it fills, so no other code needs its own list.  Packing goes through this list, the
 * statistics of the weights are computed from it, and adapters find their matrices in it. */
#ifndef PAL_MATRICES_H
#define PAL_MATRICES_H

#include "linear.h"

typedef struct {
    pal_str name;       /* the tensor's name, in the image of the file: "blk.0.attn_q.weight" */
    int first;          /* row of the tensor where the matrix starts; 0 unless several matrices share a tensor */
    pal_matrix *matrix; /* owned by the network; must not move */
} pal_named_matrix;

/* A matrix that a network uses twice (an output tied to the embedding) is listed once. */
typedef struct {
    pal_named_matrix *at; /* [count], owned; in memory order once the list is sorted */
    size_t count, capacity;
} pal_matrices;

/* Adds a bound matrix.  PAL_E_MEMORY: the list is unchanged. */
pal_status pal_matrices_note(pal_matrices *list, pal_str name, int first, pal_matrix *matrix, pal_error *err);

/* Sorts by address, which is the order of the file, so that packing reads the file from front to back. */
void pal_matrices_sort(pal_matrices *list);

/* The first matrix of the tensor of that name, or NULL.  Other matrices that share the tensor follow it, in row
 * order. */
const pal_named_matrix *pal_matrices_find(const pal_matrices *list, const char *name);

/* Rearranges all of them into panels, in place: the image must be writable, and other code must not read the weights in
 * it afterwards.  Call it once, before the first evaluation. */
pal_status pal_matrices_pack(const pal_matrices *list, pal_error *err);

/* The arguments of pal_adapter_layout for the attached adapters: the largest rank and number of rows, or 0. */
void pal_matrices_adapted(const pal_matrices *list, size_t *rank, size_t *rows);

void pal_matrices_release(pal_matrices *list);

#endif
