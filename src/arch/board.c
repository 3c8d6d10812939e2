/* board.c - the network of boards, architecture sudoku: layers that share their weights over several loops.
 *
 * Dehghani et al. 2019 (Universal Transformers): the same layers again and again, so that the number of loops is chosen when
 * the network is used; Yang et al. 2023 (looped transformers) add the input in every loop.  Here each loop also reads the
 * probabilities that the last one gave to the digits.  Layers as in llama.c, without positions: cells differ by their
 * relations to others alone, which are biases of the scores of attention (as distances are in Raffel et al. 2020, T5).
 *
 *     x = 0 [cells, dim], belief = 0 [cells, size]
 *     for each loop:
 *         x = norm(x) loop_norm + embedding of the cell + feedback belief
 *         for each layer:
 *             x = x + attn_output attention(norm(x) attn_norm)      scores q.k / sqrt(head_dim) + bias of the relation
 *             x = x + down (silu(gate f) * up f), f = norm(x) ffn_norm
 *         logits = output (norm(x) output_norm) [cells, size]
 *         belief = softmax(logits)
 */
#include "board.h"
#include "../core/math.h"
#include "../nn/attend.h"
#include "../nn/rows.h"

#include <string.h>

/* ---- scratch memory --------------------------------------------------------------------------------- */

void pal_board_scratch_layout(pal_board_scratch *a, const pal_board_net *net, int threads, pal_arena *arena)
{
    const size_t cells = (size_t)net->cells, dim = (size_t)net->dim, hidden = (size_t)net->hidden;
    const size_t size = (size_t)net->size, heads = (size_t)net->heads, layers = (size_t)net->layers;
    const pal_cache_shape shape = {.layers = 1, .kv_heads = net->heads, .head_dim = net->head_dim};
    float **const wide[] = {&a->x, &a->h, &a->q, &a->k, &a->v, &a->attended};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) *wide[i] = pal_take2(arena, cells, dim, sizeof(float));
    a->gate = pal_take2(arena, cells, hidden, sizeof(float));
    a->up = pal_take2(arena, cells, hidden, sizeof(float));
    a->belief = pal_take2(arena, cells, size, sizeof(float));
    a->logits = pal_take2(arena, cells, size, sizeof(float));
    a->embedding = pal_take2(arena, size + 1, dim, sizeof(float));
    a->related = pal_take3(arena, layers, heads, PAL_RELATIONS, sizeof(float));
    pal_cache_layout(&a->cache, &shape, net->cells, false, PAL_KV_F32, arena);
    const size_t capacity = (size_t)a->cache.capacity;
    a->bias = pal_take3(arena, heads, cells, capacity, sizeof(float));
    a->scores = pal_take2(arena, (size_t)threads, capacity, PAL_ATTENTION_ROWS * sizeof(float));
    a->relation = pal_take2(arena, cells, cells, 1);
    a->seen = pal_take(arena, cells, sizeof *a->seen);
    a->place = pal_take(arena, cells, sizeof *a->place);
    a->row = pal_take(arena, dim > PAL_RELATIONS ? dim : PAL_RELATIONS, sizeof(float));
    pal_quantized_layout(&a->scratch, cells, dim > hidden ? dim : hidden, arena);
}

static uint8_t relation_of(const pal_board_net *net, int i, int j)
{
    const int row = i / net->size, column = i % net->size, other_row = j / net->size, other_column = j % net->size;
    const bool box = row / net->box == other_row / net->box && column / net->box == other_column / net->box;
    if (i == j) return PAL_SAME_CELL;
    if (row == other_row) return box ? PAL_SAME_ROW_AND_BOX : PAL_SAME_ROW;
    if (column == other_column) return box ? PAL_SAME_COLUMN_AND_BOX : PAL_SAME_COLUMN;
    return box ? PAL_SAME_BOX : PAL_UNRELATED;
}

void pal_board_prepare(pal_board_scratch *a, const pal_board_net *net)
{
    float *related = a->related;
    for (int i = 0; i < net->cells; i++) {
        a->place[i] = i;
        a->seen[i] = (pal_seen){.below = net->cells, .own = -1};
        for (int j = 0; j < net->cells; j++) a->relation[i * net->cells + j] = relation_of(net, i, j);
    }
    for (int token = 0; token <= net->size; token++)
        pal_matrix_row(a->embedding + (size_t)token * (size_t)net->dim, &net->token_embd, token, a->row);
    for (int layer = 0; layer < net->layers; layer++)
        for (int head = 0; head < net->heads; head++, related += PAL_RELATIONS)
            pal_matrix_row(related, &net->layer[layer].attn_bias, head, a->row);
    memset(a->bias, 0, (size_t)net->heads * (size_t)net->cells * (size_t)a->cache.capacity * sizeof *a->bias);
    pal_cache_clear(&a->cache);
}

/* ---- an evaluation ---------------------------------------------------------------------------------- */

typedef struct {
    const pal_board_net *net;
    const pal_compute *compute;
    pal_board_scratch *a;
} pass;

static size_t values(const pass *p)
{
    return (size_t)p->net->cells * (size_t)p->net->dim;
}

static pal_input input_of(const pass *p, const float *x, int cols)
{
    return pal_input_of(&p->a->scratch, x, p->net->cells, cols);
}

/* h [cells, dim] := norm of x, times gain. */
static void norm(const pass *p, float *h, const float *gain)
{
    pal_rows_rms_norm(p->compute, h, p->a->x, gain, p->net->eps, p->net->cells, p->net->dim);
}

/* x := norm(x) loop_norm + embeddings + feedback belief, added in this order. */
static void begin_loop(const pass *p, const int32_t *tokens)
{
    const size_t dim = (size_t)p->net->dim;
    pal_board_scratch *a = p->a;
    norm(p, a->x, p->net->loop_norm);
    for (size_t i = 0; i < (size_t)p->net->cells; i++)
        p->compute->kernels->add(a->x + i * dim, a->embedding + (size_t)tokens[i] * dim, dim);
    pal_input belief = input_of(p, a->belief, p->net->size);
    pal_linear(p->compute, a->h, &belief, &p->net->feedback);
    pal_rows_add(p->compute, a->x, a->h, values(p));
}

/* a->bias [heads, cells, capacity] := the layer's number for each pair of cells; beyond the cells it stays 0. */
static void spread_bias(const pass *p, int layer)
{
    const pal_board_net *net = p->net;
    const float *of = p->a->related + (size_t)layer * (size_t)net->heads * PAL_RELATIONS;
    float *bias = p->a->bias;
    for (int head = 0; head < net->heads; head++, of += PAL_RELATIONS) {
        const uint8_t *relation = p->a->relation;
        for (int i = 0; i < net->cells; i++, relation += net->cells, bias += p->a->cache.capacity)
            for (int j = 0; j < net->cells; j++) bias[j] = of[relation[j]];
    }
}

/* attended [cells, dim] := attention of q to k and v. */
static void attend(const pass *p, int layer)
{
    const pal_board_net *net = p->net;
    pal_board_scratch *a = p->a;
    const size_t dim = (size_t)net->dim, capacity = (size_t)a->cache.capacity;
    pal_cache_put(&a->cache, 0, a->k, a->v, a->place, net->cells);
    const pal_cache_rows kept = pal_cache_layer(&a->cache, p->compute, 0, net->cells);
    spread_bias(p, layer);
    pal_attend(p->compute, &(pal_attention){.y = a->attended,
                                            .q = a->q,
                                            .k = kept.k,
                                            .v = kept.v,
                                            .bias = a->bias,
                                            .scores = a->scores,
                                            .seen = a->seen,
                                            .y_stride = dim,
                                            .q_stride = dim,
                                            .k_stride = kept.k_stride,
                                            .v_stride = kept.v_stride,
                                            .v_head = kept.v_head,
                                            .bias_head = (size_t)net->cells * capacity,
                                            .bias_row = capacity,
                                            .n = net->cells,
                                            .heads = net->heads,
                                            .kv_heads = net->heads,
                                            .head_dim = net->head_dim,
                                            .capacity = (int)capacity,
                                            .scale = pal_rsqrtf((float)net->head_dim)});
}

static void attention_block(const pass *p, int layer)
{
    const pal_board_layer *l = &p->net->layer[layer];
    pal_board_scratch *a = p->a;
    norm(p, a->h, l->attn_norm); /* h [cells, dim] */
    pal_input h = input_of(p, a->h, p->net->dim);
    const pal_output qkv[] = {{a->q, &l->q}, {a->k, &l->k}, {a->v, &l->v}};
    pal_linear_all(p->compute, &h, qkv, 3); /* q, k, v [cells, dim] */
    attend(p, layer);
    pal_input attended = input_of(p, a->attended, p->net->dim);
    pal_linear(p->compute, a->h, &attended, &l->attn_output); /* h [cells, dim] */
    pal_rows_add(p->compute, a->x, a->h, values(p));
}

static void mlp_block(const pass *p, int layer)
{
    const pal_board_layer *l = &p->net->layer[layer];
    const size_t hidden = (size_t)p->net->cells * (size_t)p->net->hidden;
    pal_board_scratch *a = p->a;
    norm(p, a->h, l->ffn_norm); /* h [cells, dim] */
    pal_input h = input_of(p, a->h, p->net->dim);
    const pal_output both[] = {{a->gate, &l->gate}, {a->up, &l->up}};
    pal_linear_all(p->compute, &h, both, 2); /* gate, up [cells, hidden] */
    pal_rows_swiglu(p->compute, a->gate, a->up, hidden);
    pal_input inner = input_of(p, a->gate, p->net->hidden);
    pal_linear(p->compute, a->h, &inner, &l->down); /* h [cells, dim] */
    pal_rows_add(p->compute, a->x, a->h, values(p));
}

static void predict(const pass *p)
{
    norm(p, p->a->h, p->net->output_norm);
    pal_input h = input_of(p, p->a->h, p->net->dim);
    pal_linear(p->compute, p->a->logits, &h, &p->net->output); /* logits [cells, size] */
}

/* belief := softmax of the logits of each cell; exponentials are added in the order of the digits. */
static void believe(const pass *p)
{
    const int size = p->net->size;
    const float *logit = p->a->logits;
    float *belief = p->a->belief;
    for (int cell = 0; cell < p->net->cells; cell++, logit += size, belief += size) {
        float most = logit[0], sum = 0.0f;
        for (int i = 1; i < size; i++) most = logit[i] > most ? logit[i] : most;
        for (int i = 0; i < size; i++) sum += belief[i] = pal_expf(logit[i] - most);
        for (int i = 0; i < size; i++) belief[i] /= sum;
    }
}

void pal_board_forward(const pal_board_net *net, const pal_compute *compute, pal_board_scratch *a,
                       const int32_t *tokens, int loops)
{
    const pass p = {net, compute, a};
    PAL_ASSERT(loops >= 1 && loops <= PAL_BOARD_LOOPS);
    memset(a->x, 0, values(&p) * sizeof *a->x);
    memset(a->belief, 0, (size_t)net->cells * (size_t)net->size * sizeof *a->belief);
    for (int loop = 0; loop < loops; loop++) {
        if (loop) believe(&p);
        begin_loop(&p, tokens);
        for (int layer = 0; layer < net->layers; layer++) {
            attention_block(&p, layer);
            mlp_block(&p, layer);
        }
        predict(&p);
    }
}
