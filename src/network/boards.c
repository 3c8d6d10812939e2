/* boards.c - opens files with a network of boards.
 *
 * Such a model has no vocabulary and no network of texts: what asks for either fails with the same message.  It has token
 * classes, because the samplers of pages fill boards too: token 0 is the mask, the others are the digits. */
#include "kinds.h"
#include "../arch/board.h"

#include <stdlib.h>

static const char no_texts[] = "the model fills boards of Sudoku (infill): it has no texts and no tokenizer";

static pal_status bind_board(pal_model *m, pal_error *why)
{
    const pal_error *trouble = pal_gguf_trouble(m->gguf);
    pal_status s;
    if (trouble) return pal_fail(why, trouble->status, trouble->text, trouble->offset);
    if ((s = pal_model_contradicts(m, "general.architecture", why)) || (s = pal_model_contradicts(m, "sudoku.", why)))
        return s;
    m->network = calloc(1, sizeof(pal_board_net));
    if (!m->network) return pal_fail(why, PAL_E_MEMORY, "not enough memory for the network", SIZE_MAX);
    return pal_board_bind(m->network, m->gguf, why);
}

static pal_status fill_classes(pal_model *m, int digits, pal_error *why)
{
    pal_classes *c = &m->classes;
    c->of = calloc((size_t)digits + 1, 1);
    c->byte = calloc((size_t)digits + 1, 1);
    if (!c->of || !c->byte) return pal_fail(why, PAL_E_MEMORY, "not enough memory for the network", SIZE_MAX);
    c->vocab = digits + 1;
    c->mask = 0;
    c->empty = -1;
    c->of[0] = PAL_CLASS_NO_FILL | PAL_CLASS_LEFT_OUT;
    return PAL_OK;
}

static pal_status open_board(pal_model *m, pal_error *err)
{
    pal_error why = {PAL_E_UNSUPPORTED, no_texts, SIZE_MAX};
    pal_status s = bind_board(m, &why);
    const pal_board_net *net = m->network;
    if (!s) s = fill_classes(m, net->size, &why);
    if (!s) {
        m->board = net;
        m->matrices = &net->matrices;
    } else if (s == PAL_E_FORMAT)
        pal_model_is_part(m, &why);
    m->vocab_error = m->net_error = why;
    return s == PAL_E_MEMORY ? pal_fail(err, s, why.text, why.offset) : PAL_OK;
}

/* The vector code of attention needs head sizes that are multiples of 8; the reference code has no such limit. */
static void choose_attention(const pal_model *m, pal_kernels *k)
{
    pal_kernels reference;
    if (!m->board || m->board->head_dim % 8 == 0) return;
    pal_kernels_init(&reference, PAL_ISA_REF);
    k->attention = reference.attention;
}

/* m->network is kept even if it was not bound, because the message of the error is stored in it. */
static void close_board(pal_model *m)
{
    if (m->network) pal_board_release(m->network);
    free(m->network);
    free(m->classes.of);
    free(m->classes.byte);
}

const pal_network_class pal_boards = {open_board, choose_attention, close_board};
