/* generator.h - what a pal_generator holds (internal: for generate.c, generate_step.c and generate_saved.c). */
#ifndef PAL_GENERATE_H
#define PAL_GENERATE_H

#include "sequence.h"
#include "../text/decode/grammar.h"
#include "../text/choose.h"
#include "../text/decode/stop.h"

enum { PAL_ENDS = PAL_STOP_STRINGS + PAL_TEXT_ENDS };

/* The window is tokens[count]: first what is left of the prompt, then what is left of the generated tokens.  A shift of
 * the window drops some between the two or at the end of the first. */
typedef struct {
    int32_t *tokens;         /* [capacity] */
    double *mu;              /* [capacity] mirostat's threshold before each token was drawn; NULL without mirostat */
    int32_t count, capacity; /* in the window; most */
    int32_t prompt;          /* of them of the prompt */
    int32_t given;           /* how many the prompt had */
    int32_t dropped;         /* tokens dropped by shifts, at most INT32_MAX - room; and of them generated ones: */
    int32_t dropped_generated;
    size_t
        dropped_bytes;  /* of their text; the last dropped_held[dropped_holds] of them were not let out there, since */
    char *dropped_held; /* they may belong to a character or a stop text that goes on behind; [stop.held_capacity] */
    size_t dropped_holds;
} pal_window;

struct pal_generator {
    const pal_model *model;
    pal_sequence *sequence;
    pal_generate_options options;       /* but for its stop texts, which are below */
    pal_logit_bias *bias;               /* options.logit_bias: those given and, with ignore_eos, the ends that no stop
                                           text names */
    uint8_t *banned;                    /* [vocab] 1: `bias` bans the token */
    int32_t ends[PAL_ENDS];             /* [end_count] tokens that end texts; first those that stop texts name: */
    int32_t named_by[PAL_STOP_STRINGS]; /* [named_count] which stop text it is */
    size_t end_count, named_count;
    pal_window window;
    bool drop_space; /* the first generated token begins the page: its space mark is no space */
    pal_finish finish;
    int32_t kept, evaluations, evaluated; /* as in pal_generate_progress */

    pal_choose_scratch scratch;
    float *logits; /* [vocab] */
    pal_mirostat mirostat;

    pal_pieces pieces;
    pal_grammar_run *grammar; /* NULL: none */
    pal_grammar_state *base;  /* where the text stood after the generated tokens that were dropped */
    uint8_t *allowed;         /* [vocab] */

    pal_str stop_text[PAL_STOP_STRINGS];
    pal_stop stop;
    size_t bytes;    /* of all generated tokens' texts */
    size_t streamed; /* of them let out by `stop` since the text began */
    size_t shown;    /* given to the caller: more than streamed where a finish let out what was held back */

    bool has_token;
    pal_generated token;
    char *text; /* [PAL_TOKEN_TEXT + stop.held_capacity] what the last call let out */
    size_t text_bytes;
};

enum { PAL_TOKEN_TEXT = 1024 }; /* bytes; pal_vocab_open refuses longer pieces */

static inline int32_t pal_generated_count(const pal_generator *g)
{
    return g->window.dropped_generated + g->window.count - g->window.prompt;
}

static inline bool pal_generator_full(const pal_generator *g)
{
    return g->window.count == g->window.capacity;
}

/* Shifts end before `dropped` could exceed its limit. */
static inline bool pal_generator_can_shift(const pal_generator *g)
{
    return g->options.shift && g->window.dropped <= (int64_t)INT32_MAX - 2 * (int64_t)g->window.capacity;
}

/* ---- the text: generate.c ---------------------------------------------------------------------------- */

bool pal_generator_ends_at(const pal_generator *g, int32_t id); /* a token that ends texts */

/* The text of generated token number `index`; returns its bytes. */
size_t pal_generator_text_of(const pal_generator *g, int32_t index, int32_t id, char text[PAL_TOKEN_TEXT]);

/* A call that succeeds begins by forgetting what the one before gave. */
void pal_generator_begin_call(pal_generator *g);

/* A token that has been drawn or put there; the grammar has it already.  mu: mirostat's threshold before it. */
void pal_generator_take_token(pal_generator *g, int32_t id, double mu);

/* What the tokens in the window make of the finish, without those that end texts. */
pal_finish pal_generator_finish_of(const pal_generator *g);
void pal_generator_finish_with(pal_generator *g, pal_finish finish);
void pal_generator_lift_finish(pal_generator *g); /* what was held back is out already */

/* How much of the window the sequence has read, with the logits that are drawn from next; all but one where only those
 * are missing. */
int32_t pal_generator_known(const pal_generator *g);

/* The grammar goes to where the dropped tokens end, then along tokens that it has had before: window indices from ..
 * to - 1. */
void pal_generator_grammar_to_base(pal_generator *g);
void pal_generator_advance_grammar(pal_generator *g, int32_t from, int32_t to);

/* Makes the stop texts, and the numbers of bytes, what they are after the tokens in the window. */
void pal_generator_replay_text(pal_generator *g);

/* The same of the grammar, if there is one.  It cannot fail: it has had all these tokens. */
void pal_generator_replay_grammar(pal_generator *g);

#endif
