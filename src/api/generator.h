/* generator.h - the fields of a pal_generator (internal: for generator.c, generator_step.c and generator_saved.c). */
#ifndef PAL_GENERATE_H
#define PAL_GENERATE_H

#include "sequence.h"
#include "../text/decode/grammar.h"
#include "../text/choose.h"
#include "../text/decode/stop.h"

enum { PAL_ENDS = PAL_STOP_STRINGS + PAL_TEXT_ENDS };

/* The window is tokens[count]: first what is left of the prompt, then what is left of the generated tokens.  A shift
 * drops tokens at the end of the prompt, or between prompt and generated tokens. */
typedef struct {
    int32_t *tokens;           /* [capacity] */
    double *mu;                /* [capacity] mirostat's threshold before each token was drawn; NULL without mirostat */
    int32_t count, capacity;   /* tokens in the window; maximum */
    int32_t prompt;            /* how many of them are of the prompt */
    int32_t given;             /* tokens of the whole prompt */
    int32_t dropped;           /* tokens dropped by shifts, at most INT32_MAX - capacity */
    int32_t dropped_generated; /* how many of these were generated */
    size_t dropped_bytes;      /* bytes of their text */
    char *dropped_held; /* [dropped_held_bytes] the last of these bytes, not returned when the tokens were dropped
                                  because a character or a stop string may continue after them; capacity
                                  stop.held_capacity */
    size_t dropped_held_bytes;
} pal_window;

struct pal_generator {
    const pal_model *model;
    pal_sequence *sequence;
    pal_generate_options options;       /* without its stop strings, which are below */
    pal_logit_bias *bias;               /* options.logit_bias; with ignore_eos also -INFINITY for each of `ends` that no
                                           stop string names */
    uint8_t *banned;                    /* [vocab] 1: `bias` bans the token */
    int32_t ends[PAL_ENDS];             /* [end_count] tokens that end texts; first the named_count of stop strings */
    int32_t named_by[PAL_STOP_STRINGS]; /* [named_count] index of the stop string that names the token in `ends` */
    size_t end_count, named_count;
    pal_window window;
    bool drop_space; /* the first generated token begins the page: its leading space is not written */
    pal_finish finish;
    int32_t kept, evaluations, evaluated; /* as in pal_generate_progress */

    pal_choose_scratch scratch;
    float *logits; /* [vocab] */
    pal_mirostat mirostat;

    pal_pieces pieces;
    pal_grammar_run *grammar; /* NULL: none */
    pal_grammar_state *base;  /* state of the grammar after the generated tokens that were dropped */
    uint8_t *allowed;         /* [vocab] */

    pal_str stop_text[PAL_STOP_STRINGS];
    pal_stop stop;
    size_t bytes;    /* bytes of the text of all generated tokens */
    size_t streamed; /* how many of them `stop` has released since the start of the text */
    size_t shown;    /* how many the caller has: more than `streamed` if a finish released bytes held back */

    bool has_token;
    pal_generated token;
    char *text; /* [PAL_TOKEN_TEXT + stop.held_capacity] the text that the last call returned */
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

/* Whether a shift keeps `dropped` within its limit. */
static inline bool pal_generator_can_shift(const pal_generator *g)
{
    return g->options.shift && g->window.dropped <= (int64_t)INT32_MAX - 2 * (int64_t)g->window.capacity;
}

/* ---- the text: generator.c --------------------------------------------------------------------------- */

bool pal_generator_ends_at(const pal_generator *g, int32_t id); /* a token that ends texts */

/* Writes the text of token id as generated token number `index`; returns its length. */
size_t pal_generator_text_of(const pal_generator *g, int32_t index, int32_t id, char text[PAL_TOKEN_TEXT]);

/* Clears the results of the previous call.  Called once a call can no longer fail. */
void pal_generator_begin_call(pal_generator *g);

/* Appends a token that was drawn or pushed and that the grammar has accepted.  mu: mirostat's threshold before it. */
void pal_generator_take_token(pal_generator *g, int32_t id, double mu);

/* The finish that follows from stop strings, max_tokens and the window; tokens that end texts are not in the window. */
pal_finish pal_generator_finish_of(const pal_generator *g);
void pal_generator_finish_with(pal_generator *g, pal_finish finish);
/* Makes a finished text unfinished, so that it can continue; text already returned is not returned again. */
void pal_generator_lift_finish(pal_generator *g);

/* Number of tokens at the start of the window that the sequence need not read again.  If it has all of them but not
 * the logits of the last, the last is not counted. */
int32_t pal_generator_cached(const pal_generator *g);

/* Set the grammar to its state after the dropped tokens; then advance it by tokens that it has accepted before, window
 * indices from .. to - 1. */
void pal_generator_grammar_to_base(pal_generator *g);
void pal_generator_advance_grammar(pal_generator *g, int32_t from, int32_t to);

/* Computes the state of the stop strings and the numbers of bytes after the tokens in the window. */
void pal_generator_replay_text(pal_generator *g);

/* Computes the state of the grammar, if there is one, after these tokens.  Cannot fail: it has accepted them before. */
void pal_generator_replay_grammar(pal_generator *g);

#endif
