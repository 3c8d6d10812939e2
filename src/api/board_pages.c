/* board_pages.c - sessions of models of boards: what differs from pages of text. */
#include "board_pages.h"
#include "../core/options.h"
#include "../text/board.h"

static pal_status check(const pal_model *m, const pal_infill_options *o, pal_error *err)
{
    const pal_infill_options usual = pal_infill_defaults();
    const pal_rule rules[] = {
        {!o->document, "document is an option of texts: this model fills boards"},
        {o->borders, "borders is an option of texts: this model fills boards"},
        {o->window && !o->window_length, "windows are options of texts: this model fills boards"},
        {!o->byte_pieces, "byte-pieces is an option of texts: this model fills boards"},
        {o->empty_token < 0, "empty-token is an option of texts: this model fills boards"},
        {o->free_min == usual.free_min && o->free_max == usual.free_max,
         "free lengths are options of texts: this model fills boards, whose cells have one digit each"},
        {!(o->repetition_penalty > 1.0 || o->repetition_penalty < 1.0),
         "repetition-penalty is an option of texts: this model fills boards, where every digit is repeated"},
    };
    if (m->as_stored) return pal_fail_as_stored(err);
    const pal_status s = pal_check_rules(rules, sizeof rules / sizeof *rules, err);
    return s ? s : pal_fill_check(o, &m->classes, err);
}

static pal_status read(pal_page *page, const pal_model *m, const char *text, size_t bytes, pal_error *err)
{
    return pal_board_read(page, m->board->size, text, bytes, err);
}

static void lay_out(pal_session *s, const pal_model *m, const pal_page *page, pal_arena *arena)
{
    const int32_t cells = (int32_t)(page->bytes + page->blanks);
    pal_board_arrays(&s->layout, &s->scratch, page, arena);
    pal_fill_layout(&s->fill, m->classes.vocab, cells, (int32_t)page->places, arena);
    pal_board_runner_layout(&s->runner.board, m, arena);
}

static pal_predictor start(pal_session *s)
{
    return pal_board_runner_start(&s->runner.board, s->options.loops);
}

static const pal_board_pages boards = {check, read, lay_out, pal_board_layout, start};
const pal_board_pages *const pal_of_boards = &boards;
