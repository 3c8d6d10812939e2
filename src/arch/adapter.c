/* adapter.c - binds the tensors of an adapter file to the matrices of a transformer. */
#include "adapter.h"
#include "bind.h"

#include <stdlib.h>
#include <string.h>

static pal_status read_alpha(pal_binder *b, float *alpha)
{
    static const char key[] = "adapter.lora.alpha";
    if (pal_gguf_get_f32(b->g, key, alpha) && *alpha >= 0.0f && *alpha < 1e30f) return PAL_OK;
    return pal_bind_fail(b, key, PAL_E_FORMAT, "the adapter needs a number from 0 to 1e30 as adapter.lora.alpha");
}

/* Embeddings and output matrices have no adapters: their rows are used without adapters. */
static bool of_layers(const pal_named_matrix *m)
{
    return m->name.size > 4 && memcmp(m->name.data, "blk.", 4) == 0;
}

static pal_status attach(pal_binder *b, const pal_named_matrix *to, float alpha, pal_adapter *by)
{
    pal_status s = pal_bind_factors(b, to->name, to->matrix->rows, to->matrix->cols, by);
    if (s || !by->a.rows) return s;
    if (alpha > 0.0f) by->scale = alpha / (float)by->a.rows;
    to->matrix->adapter = by;
    s = pal_matrices_note(b->matrices, to->name, 0, &by->a, b->err);
    return s ? s : pal_matrices_note(b->matrices, to->name, 0, &by->b, b->err);
}

static pal_status bind_all(pal_binder *b, pal_adapters *a, pal_transformer *net)
{
    float alpha = 0.0f;
    pal_status s = read_alpha(b, &alpha);
    if (!s) s = pal_bind_vector(b, -1, "palimpsest.mask", net->dim, false, &a->mask);
    net->unknown = a->mask;
    for (size_t i = 0; !s && i < a->capacity; i++)
        if (of_layers(&net->matrices.at[i])) s = attach(b, &net->matrices.at[i], alpha, &a->of[i]);
    return s;
}

pal_status pal_adapters_bind(pal_adapters *a, pal_transformer *net, const pal_gguf *g, char *why, pal_error *err)
{
    pal_binder b = {.g = g, .err = err, .why = why, .architecture = "palimpsest"};
    *a = (pal_adapters){.capacity = net->matrices.count};
    a->of = calloc(a->capacity, sizeof *a->of);
    if (!a->of) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the adapter", SIZE_MAX);
    pal_status s = pal_bind_start(&b, &a->vectors, &a->factors);
    if (!s) s = bind_all(&b, a, net);
    return pal_bind_end(&b, s);
}

void pal_adapters_release(pal_adapters *a)
{
    free(a->of);
    free(a->vectors);
    pal_matrices_release(&a->factors);
    *a = (pal_adapters){0};
}
