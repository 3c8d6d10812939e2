/* board_pages.h - how sessions of models of boards are made (internal).
 *
 * As with the kinds of networks (network/kinds.h), the linker makes the choice: board_pages.c has it, and a program that
 * defines pal_of_boards as NULL itself contains none of it. */
#ifndef PAL_BOARD_PAGES_H
#define PAL_BOARD_PAGES_H

#include "pages.h"

typedef struct {
    /* PAL_OK if the model can be evaluated with these options; those of texts are refused. */
    pal_status (*check)(const pal_model *m, const pal_infill_options *o, pal_error *err);
    /* The same as read_page, lay_out, pal_layout_build and pal_page_runner_start for texts. */
    pal_status (*read)(pal_page *page, const pal_model *m, const char *text, size_t bytes, pal_error *err);
    void (*lay_out)(pal_session *s, const pal_model *m, const pal_page *page, pal_arena *arena);
    void (*build)(pal_layout *l, const pal_page *page);
    pal_predictor (*start)(pal_session *s);
} pal_board_pages;

extern const pal_board_pages *const pal_of_boards;

#endif
