/* llama.c - the Llama block: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
 *
 * Touvron et al. 2023 (Llama); Nie et al. 2025 (LLaDA): the same without the causal mask; Yang et al. 2024 (Qwen2):
 * biases on q, k and v; Yang et al. 2025 (Qwen3): an RMSNorm of every head of q and k before the rotation.  Biases are
 * added if the file has them.  The other differences are fields of pal_transformer, which llama_bind.c sets. */
#include "architecture.h"
#include "../nn/rows.h"

/* Normalises each head of x [n, heads * head_dim] separately. */
static void norm_heads(const pal_pass *p, float *x, const float *gain, int n, int heads)
{
    if (gain) pal_rows_rms_norm(p->compute, x, x, gain, p->net->eps, n * heads, p->net->head_dim);
}

static void attention_block(const pal_pass *p, int layer)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    const pal_layer *l = &net->layer[layer];
    pal_activations *a = p->a;
    pal_rows_rms_norm(compute, a->h, a->x, l->attn_norm.gain, net->eps, p->n, net->dim); /* h [n, dim] */
    pal_pass_project(p, l); /* k, v [n, kv_heads * head_dim], q [count, heads * head_dim], x [count, dim] */
    norm_heads(p, a->k, l->k_norm, p->n, net->kv_heads);
    pal_pass_rotate(p, a->k, NULL, p->n, net->kv_heads);
    norm_heads(p, a->q, l->q_norm, p->count, net->heads);
    pal_pass_rotate(p, a->q, p->rows, p->count, net->heads);
    pal_pass_attend(p, layer); /* attended has the shape of q */
    pal_input attended = pal_pass_input(p, a->attended, p->count, net->heads * net->head_dim);
    pal_linear(compute, a->h, &attended, &l->attn_output); /* h [count, dim] */
    pal_rows_add(compute, a->x, a->h, (size_t)p->count * (size_t)net->dim);
}

static void mlp_block(const pal_pass *p, const pal_layer *l)
{
    const pal_transformer *net = p->net;
    const pal_compute *compute = p->compute;
    pal_activations *a = p->a;
    pal_rows_rms_norm(compute, a->h, a->x, l->ffn_norm.gain, net->eps, p->count, net->dim); /* h [count, dim] */
    pal_input h = pal_pass_input(p, a->h, p->count, net->dim);
    pal_linear_all(compute, &h, (pal_output[]){{a->gate, &l->gate}, {a->up, &l->up}}, 2); /* [count, hidden] each */
    pal_rows_swiglu(compute, a->gate, a->up, (size_t)p->count * (size_t)net->hidden);     /* silu(gate) * up */
    pal_input hidden = pal_pass_input(p, a->gate, p->count, net->hidden);
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
    pal_rows_rms_norm(compute, h, h, net->output_norm.gain, net->eps, n, net->dim);
}

const pal_architecture pal_architecture_llama = {pal_llama_read, pal_llama_bind, pal_pass_embed,
                                                 layer_of,       output_norm,    NULL};
