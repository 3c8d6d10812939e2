/* matrices.c - the list of the matrices of a network. */
#include "matrices.h"
#include "../kernels/panels.h"

#include <stdlib.h>

pal_status pal_matrices_note(pal_matrices *list, pal_str name, int first, pal_matrix *matrix, pal_error *err)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        pal_named_matrix *at = realloc(list->at, pal_times(capacity, sizeof *at));
        if (!at) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
        list->at = at;
        list->capacity = capacity;
    }
    list->at[list->count++] = (pal_named_matrix){name, first, matrix};
    return PAL_OK;
}

static int by_address(const void *a, const void *b)
{
    const pal_named_matrix *x = a, *y = b;
    const uintptr_t i = (uintptr_t)x->matrix->data, j = (uintptr_t)y->matrix->data;
    return (i > j) - (i < j);
}

void pal_matrices_sort(pal_matrices *list)
{
    if (list->count) qsort(list->at, list->count, sizeof *list->at, by_address);
}

const pal_named_matrix *pal_matrices_find(const pal_matrices *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (pal_str_is(list->at[i].name, name)) return &list->at[i];
    return NULL;
}

pal_status pal_matrices_pack(const pal_matrices *list, pal_error *err)
{
    size_t widest = 0; /* bytes of the largest row */
    for (size_t i = 0; i < list->count; i++) {
        const size_t bytes = pal_row_bytes(list->at[i].matrix->type, list->at[i].matrix->cols);
        if (bytes > widest) widest = bytes;
    }
    void *scratch = malloc(pal_times(widest, PAL_PANEL));
    if (!scratch && list->count)
        return pal_fail(err, PAL_E_MEMORY, "not enough memory to rearrange the weights", SIZE_MAX);
    for (size_t i = 0; i < list->count; i++) pal_matrix_pack(list->at[i].matrix, scratch);
    free(scratch);
    return PAL_OK;
}

void pal_matrices_adapted(const pal_matrices *list, size_t *rank, size_t *rows)
{
    *rank = *rows = 0;
    for (size_t i = 0; i < list->count; i++) {
        const pal_adapter *by = list->at[i].matrix->adapter;
        if (!by) continue;
        if ((size_t)by->a.rows > *rank) *rank = (size_t)by->a.rows;
        if ((size_t)by->b.rows > *rows) *rows = (size_t)by->b.rows;
    }
}

void pal_matrices_release(pal_matrices *list)
{
    free(list->at);
    *list = (pal_matrices){0};
}
