/* gpt2.c - GPT-2 (Radford et al. 2019): learned positions, LayerNorm, one tensor for q, k and v (bound as three
 * matrices here), GELU in its tanh form (Hendrycks and Gimpel 2016), biases everywhere. */
#include "architecture.h"
#include "../nn/rows.h"

static void embed(const pal_pass *p, const int32_t *tokens)
{
    const size_t dim = (size_t)p->net->dim;
    pal_activations *a = p->a;
    pal_pass_embed(p, tokens);
    for (int i = 0; i < p->n; i++) {
        pal_matrix_row(a->attended, &p->net->position_embd, a->place[i], a->h); /* a->attended holds at least [dim] */
        p->compute->kernels->add(a->x + (size_t)i * dim, a->attended, dim);
    }
}

static void norm(const pal_pass *p, const pal_norm *by, int n)
{
    pal_rows_layer_norm(p->compute, p->a->h, p->a->x, by->gain, by->bias, p->net->eps, n, p->net->dim);
}

static void attention_block(const pal_pass *p, int layer)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    const pal_layer *l = &net->layer[layer];
    pal_activations *a = p->a;
    norm(p, &l->attn_norm, p->n); /* h [n, dim] */
    pal_pass_project(p, l);       /* k, v [n, dim], q, x [count, dim] */
    pal_pass_attend(p, layer);    /* attended [count, dim] */
    pal_input attended = pal_pass_input(p, a->attended, p->count, net->dim);
    pal_linear(compute, a->h, &attended, &l->attn_output); /* h [count, dim] */
    pal_rows_add(compute, a->x, a->h, (size_t)p->count * (size_t)net->dim);
}

static void mlp_block(const pal_pass *p, const pal_layer *l)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    pal_activations *a = p->a;
    norm(p, &l->ffn_norm, p->count); /* h [count, dim] */
    pal_input h = pal_pass_input(p, a->h, p->count, net->dim);
    pal_linear(compute, a->up, &h, &l->up); /* up [count, hidden] */
    pal_rows_gelu(compute, a->up, (size_t)p->count * (size_t)net->hidden);
    pal_input hidden = pal_pass_input(p, a->up, p->count, net->hidden);
    pal_linear(compute, a->h, &hidden, &l->down); /* h [count, dim] */
    pal_rows_add(compute, a->x, a->h, (size_t)p->count * (size_t)net->dim);
}

static void layer_of(const pal_pass *p, int layer)
{
    attention_block(p, layer);
    mlp_block(p, &p->net->layer[layer]);
}

static void output_norm(const pal_transformer *net, const pal_compute *compute, const pal_activations *a, float *h,
                        int n)
{
    (void)a;
    pal_rows_layer_norm(compute, h, h, net->output_norm.gain, net->output_norm.bias, net->eps, n, net->dim);
}

const pal_architecture pal_architecture_gpt2 = {pal_gpt2_read, pal_gpt2_bind, embed, layer_of, output_norm, NULL};
