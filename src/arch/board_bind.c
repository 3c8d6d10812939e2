/* board_bind.c - hyperparameters and tensors of the network of boards (architecture sudoku). */
#include "bind.h"
#include "board.h"

#include <stdlib.h>

enum { MAX_DIM = 4096, MAX_HIDDEN = 1 << 14, MAX_LAYERS = 256, MAX_HEADS = 256 };

/* ---- hyperparameters -------------------------------------------------------------------------------- */

/* Keys that a file can have beside those that are needed, if they say what is true of these networks anyway. */
static pal_status check_rest(pal_binder *b, const pal_board_net *net)
{
    const struct {
        const char *name;
        int is;
        const char *text;
    } rest[] = {
        {"context_length", net->cells, "context_length contradicts sudoku.box: it must be the number of cells"},
        {"vocab_size", net->size + 1, "vocab_size contradicts sudoku.box: it must be the number of digits and 1"},
        {"attention.head_count_kv", net->heads, "grouped heads are not supported for this architecture"}};
    char key[128];
    bool causal = false;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        uint64_t value;
        if (!pal_gguf_find(b->g, pal_bind_key(b, rest[i].name, key))) continue;
        if (!pal_gguf_get_common_u64(b->g, key, &value) || value != (uint64_t)rest[i].is)
            return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, rest[i].text);
    }
    pal_bind_key(b, "attention.causal", key);
    if (pal_gguf_find(b->g, key) && (!pal_gguf_get_bool(b->g, key, &causal) || causal))
        return pal_bind_fail(b, key, PAL_E_UNSUPPORTED, "attention of this architecture is never causal");
    return pal_bind_refuse_variants(b);
}

static pal_status read_loops(pal_binder *b, pal_board_net *net)
{
    char key[128];
    int most;
    pal_status s =
        pal_bind_int(b, "loop_count", PAL_BOARD_LOOPS, -1, &net->loops, "loop_count is missing or not 1 to 64");
    if (!s) s = pal_bind_int(b, "max_loop_count", 1 << 16, net->loops, &most, "max_loop_count is not 1 to 65536");
    if (s) return s;
    if (most < net->loops)
        return pal_bind_fail(b, pal_bind_key(b, "max_loop_count", key), PAL_E_FORMAT,
                             "max_loop_count is below loop_count");
    return PAL_OK;
}

static pal_status read(pal_binder *b, pal_board_net *net)
{
    char key[128];
    pal_status s;
    if ((s = pal_bind_int(b, "box", PAL_BOARD_BOX, -1, &net->box, "box is missing or not 2 or 3")) ||
        (s = pal_bind_int(b, "embedding_length", MAX_DIM, -1, &net->dim,
                          "embedding_length is missing or not 1 to 4096")) ||
        (s = pal_bind_int(b, "block_count", MAX_LAYERS, -1, &net->layers, "block_count is missing or not 1 to 256")) ||
        (s = pal_bind_int(b, "attention.head_count", MAX_HEADS, -1, &net->heads,
                          "attention.head_count is missing or not 1 to 256")) ||
        (s = pal_bind_int(b, "feed_forward_length", MAX_HIDDEN, -1, &net->hidden,
                          "feed_forward_length is missing or not 1 to 16384")) ||
        (s = pal_bind_float(b, "attention.layer_norm_rms_epsilon", 1e-5f, &net->eps,
                            "attention.layer_norm_rms_epsilon is out of range")) ||
        (s = read_loops(b, net)))
        return s;
    if (net->box < 2) return pal_bind_fail(b, pal_bind_key(b, "box", key), PAL_E_FORMAT, "box is not 2 or 3");
    if (net->dim % net->heads)
        return pal_bind_fail(b, pal_bind_key(b, "attention.head_count", key), PAL_E_FORMAT,
                             "embedding_length is not a multiple of attention.head_count");
    net->size = net->box * net->box;
    net->cells = net->size * net->size;
    net->head_dim = net->dim / net->heads;
    return check_rest(b, net);
}

/* ---- tensors ---------------------------------------------------------------------------------------- */

static pal_status bind_layer(pal_binder *b, const pal_board_net *net, int index, pal_board_layer *l)
{
    const int dim = net->dim, hidden = net->hidden;
    const struct {
        const char *name;
        pal_matrix *out;
        int rows, cols;
    } matrices[] = {
        {"attn_q", &l->q, dim, dim},
        {"attn_k", &l->k, dim, dim},
        {"attn_v", &l->v, dim, dim},
        {"attn_output", &l->attn_output, dim, dim},
        {"attn_bias", &l->attn_bias, net->heads, PAL_RELATIONS},
        {"ffn_gate", &l->gate, hidden, dim},
        {"ffn_up", &l->up, hidden, dim},
        {"ffn_down", &l->down, dim, hidden},
    };
    pal_status s;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if ((s = pal_bind_matrix(b, index, matrices[i].name, matrices[i].rows, matrices[i].cols, PAL_NO_BIAS,
                                 matrices[i].out)))
            return s;
    if ((s = pal_bind_vector(b, index, "attn_norm.weight", dim, false, &l->attn_norm))) return s;
    return pal_bind_vector(b, index, "ffn_norm.weight", dim, false, &l->ffn_norm);
}

static pal_status bind(pal_binder *b, pal_board_net *net)
{
    pal_status s;
    if ((s = pal_bind_matrix(b, -1, "token_embd", net->size + 1, net->dim, PAL_NO_BIAS, &net->token_embd)) ||
        (s = pal_bind_matrix(b, -1, "feedback", net->dim, net->size, PAL_NO_BIAS, &net->feedback)) ||
        (s = pal_bind_matrix(b, -1, "output", net->size, net->dim, PAL_NO_BIAS, &net->output)) ||
        (s = pal_bind_vector(b, -1, "loop_norm.weight", net->dim, false, &net->loop_norm)) ||
        (s = pal_bind_vector(b, -1, "output_norm.weight", net->dim, false, &net->output_norm)))
        return s;
    for (int i = 0; i < net->layers; i++)
        if ((s = bind_layer(b, net, i, &net->layer[i]))) return s;
    return PAL_OK;
}

static pal_status allocate(pal_binder *b, pal_board_net *net)
{
    char key[128];
    /* A file with too few tensors for this many layers is refused before memory is allocated for them. */
    if ((size_t)net->layers > pal_gguf_tensors(b->g))
        return pal_bind_fail(b, pal_bind_key(b, "block_count", key), PAL_E_FORMAT,
                             "block_count is larger than the tensors of the file allow");
    net->layer = calloc((size_t)net->layers, sizeof *net->layer);
    if (!net->layer) return pal_fail(b->err, PAL_E_MEMORY, "not enough memory for the layers", SIZE_MAX);
    return pal_bind_start(b, &net->vectors, &net->matrices);
}

pal_status pal_board_bind(pal_board_net *net, const pal_gguf *g, pal_error *err)
{
    pal_binder b = {.g = g, .err = err, .why = net->why, .architecture = "sudoku"};
    *net = (pal_board_net){0};
    pal_status s = read(&b, net);
    if (!s) s = allocate(&b, net);
    if (!s) s = bind(&b, net);
    s = pal_bind_end(&b, s);
    if (s) pal_board_release(net);
    return s;
}

void pal_board_release(pal_board_net *net)
{
    free(net->layer);
    free(net->vectors);
    pal_matrices_release(&net->matrices);
    net->layer = NULL;
    net->vectors = NULL;
}
