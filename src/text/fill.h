/* fill.h - a token sequence with open places, and the operations that all samplers share (internal).
 *
 * A sampler (samplers/) decides which places are revealed (or masked again) in a step. The code here determines which
 * tokens a place can have, queries the network, turns logits into probabilities, draws, and records the result. */
#ifndef PAL_FILL_H
#define PAL_FILL_H

#include "choose.h"
#include "classes.h"
#include "predictor.h"

#include "../core/random.h"

/* The border rule for the first token of a blank. */
typedef enum {
    PAL_FIRST_FREE,  /* any token */
    PAL_FIRST_WORD,  /* must begin a word */
    PAL_FIRST_INSIDE /* must not begin a word */
} pal_first;

typedef struct {
    int32_t min, max; /* tokens; min < max only if the vocabulary has <empty> */
    int32_t place;    /* its first place; the others follow directly */
    pal_first first;  /* whether the first token must, or must not, begin a word */
    bool one_line;    /* no line break in it: given text follows on its line */
    bool drop_space;  /* the space before that token is not written: it is in the given text, or the page starts here */
} pal_blank;

/* A place of a blank. */
typedef struct {
    int32_t at;       /* index in tokens */
    int32_t shown_at; /* index in `shown` at the last evaluation */
    int32_t blank, index;
    int32_t step;         /* step that revealed it; -1: open; 0: pinned */
    int32_t rank;         /* order in which it became known; 0: pinned; differs from step, since a step can be repeated.
                             A closed place, one at or behind the <empty> that ends its blank (pal_classes.ends), has
                             PAL_RANK_UNKNOWN */
    bool pinned, drawn;   /* drawn: in the current step */
    bool asked, answered; /* the current step needs its logits; the last evaluation computed them */
    float probability;
    double
        ended; /* of blanks that end at <empty>, once drawn: the probability at temperature 1 that the blank ends here
                     or before, given its tokens up to this place */
    int32_t alternatives, alternative_id[PAL_ALTERNATIVES];
    float alternative_probability[PAL_ALTERNATIVES];
} pal_fill_place;

enum { PAL_FILL_ROWS = 16 }; /* rows of logits processed together */

enum { PAL_DRAFTS = 4 };

/* Tokens that the sampler `speculative` has drawn for the next places and not yet verified.  They are shown to the network
 * with ranks of their own; a drafted <empty> has a rank, so that its place can be asked for, but is not shown. */
typedef struct {
    int32_t count, place[PAL_DRAFTS], token[PAL_DRAFTS];
    float *probs; /* [PAL_DRAFTS, vocab], the distributions that they were drawn from; NULL: nothing can be drafted */
} pal_drafts;

typedef struct pal_fill pal_fill;
typedef struct pal_sampler_row pal_sampler_row; /* samplers/samplers.h */
typedef struct pal_forced pal_forced;           /* forced.h */

/* The source of random numbers: returns a number in [0, 1) for a purpose, the current step and a place (-1: no place).
 * When it is called to draw a token, f->probs holds the token probabilities at temperature 1. */
typedef double pal_uniform_fn(void *context, const pal_fill *f, pal_purpose purpose, int32_t place);

struct pal_fill {
    pal_predictor predictor;
    const pal_classes *classes;
    pal_infill_options options; /* checked */
    const pal_sampler_row *sampler;
    /* The page, and the part of it that the network sees now: tokens[from] to tokens[from + n - 1].  Blanks and places
     * are those that are filled in this part.  If the page is filled part by part, the part may also have places of
     * others: place[-before .. -1] and place[places .. places + after - 1].  What is known there counts as given. */
    int32_t *tokens, from, n;
    int32_t before, after;
    pal_query query;         /* built from the next fields; count 0: no evaluation is needed */
    int32_t shown_n, *shown; /* [n], the tokens that the network sees */
    int32_t *shown_rank;     /* [n] */
    int *asked;              /* [places], indices in `shown` */
    bool drops_empty;        /* places known to be <empty> are hidden from the network, as if the blank were shorter */
    int32_t blanks, places;
    pal_blank *blank;      /* [blanks] */
    pal_fill_place *place; /* [places], in order of position */
    int32_t open;          /* number of places not yet revealed */
    int32_t step, evaluations;
    int32_t first_step;                 /* the step after which this part was begun: its time steps count from there */
    int32_t next_rank;                  /* rank of the places that the current step reveals */
    double time;                        /* of the current step's query; the sampler's `ask` may change it */
    double evaluated_time;              /* of the last evaluation */
    bool tokens_changed, order_changed; /* since the last evaluation */
    bool broken;                        /* the predictor returned NaN or infinity: the current step is undone */
    pal_uniform_fn *uniform;            /* pal_fill_start sets it to use pal_uniform; a test may enumerate all
                                           outcomes instead */
    void *uniform_context;
    const pal_forced *forced; /* NULL; otherwise its tokens are taken instead of drawn ones */
    pal_drafts drafts;        /* dropped when anything else changes the page */
    float *logits;            /* [PAL_FILL_ROWS, vocab] */
    double *probs;            /* [vocab], the same array as scratch.probabilities */
    pal_choose_scratch scratch;
    double chance;   /* the probability of what PAL_DRAW_REVEAL or PAL_DRAW_REMASK draws, in the reverse process */
    double *score;   /* [places], scratch memory of the samplers */
    int32_t *chosen; /* [places], scratch memory: `ask` passes its choice to `step` */
    int32_t chosen_count;
};

/* Measures or places `shown` for up to `max_tokens` tokens and the scratch arrays (logits to chosen). The caller
 * provides tokens, blank and place. */
void pal_fill_layout(pal_fill *f, int32_t vocab, int32_t max_tokens, int32_t places, pal_arena *arena);

/* Adds what `speculative` needs to draft several tokens on a network of query rows; without it, it draws one by one. */
void pal_fill_layout_drafts(pal_fill *f, int32_t vocab, pal_arena *arena);

/* Prepares the first step: masks every place that is not pinned. */
void pal_fill_start(pal_fill *f);

/* After the caller has set the part and what is in it, from `tokens` to `first_step`: goes on there with the state of
 * these blanks and places, which pal_fill_start must have prepared. */
void pal_fill_move(pal_fill *f);
pal_status pal_fill_check(const pal_infill_options *o, const pal_classes *c, pal_error *err);

/* Takes steps of the sampler (pal_fill_sampler_step) until one of them changes a place: at most one evaluation.
 * PAL_E_FORMAT: the predictor returned NaN or infinity; the fill is then unchanged. */
pal_status pal_fill_step(pal_fill *f, pal_error *err);

/* Takes one step of the sampler (a time step, if it has them). Returns whether anything changed; a step may change
 * nothing. */
bool pal_fill_sampler_step(pal_fill *f);

/* For callers that batch several fills. pal_fill_query returns the next query of pal_fill_step, or NULL if no
 * evaluation is needed; it is also in f->query, valid until the fill is used again. Call pal_fill_answered once the
 * predictor has evaluated the query. */
const pal_query *pal_fill_query(pal_fill *f);
void pal_fill_answered(pal_fill *f);

/* Whether open places hold pieces of uniform noise instead of the mask. */
static inline bool pal_fill_is_noised(const pal_fill *f)
{
    return f->classes->noise && f->classes->noise->graph == PAL_GRAPH_UNIFORM;
}

/* Pins a place: its token is kept as given text.  If blanks end at <empty>, a pinned <empty> is not shown. */
void pal_fill_pin(pal_fill *f, int32_t place, int32_t id);

static inline bool pal_fill_is_open(const pal_fill *f, int32_t place)
{
    return f->place[place].step < 0;
}

/* The leftmost open place of a blank; -1: none. */
int32_t pal_fill_leftmost(const pal_fill *f, const pal_blank *blank);

/* ---- for samplers: samplers/samplers.h says when ---- */

/* Requests the logits of this open place, or of all open places, for the current step. The step cannot read others. */
void pal_fill_ask(pal_fill *f, int32_t place);
void pal_fill_ask_open(pal_fill *f);

/* f->probs := token probabilities of a place given the revealed tokens: softmax over the tokens that it can have, at
 * temperature 1. logits[vocab] is the row of this place. */
void pal_fill_probabilities(pal_fill *f, int32_t place, const float *logits);

/* Calls visit for every open place whose logits were requested, in order of position; reads several rows at a time. */
typedef void pal_row_fn(void *context, pal_fill *f, int32_t place, const float *logits);
void pal_fill_each_row(pal_fill *f, pal_row_fn *visit, void *context);

/* f->score[i] := measure(f->probs) for every place i whose logits were requested; reads several rows at a time. */
typedef double pal_measure_fn(const double *probs, int32_t vocab);
void pal_fill_measure(pal_fill *f, pal_measure_fn *measure);
pal_measure_fn pal_measure_margin, pal_measure_entropy, pal_measure_confidence; /* the largest score is chosen first */

/* Draws the token of an open place in the current step and reveals it. Places of one step must be drawn in order of
 * position. */
void pal_fill_draw(pal_fill *f, int32_t place);

/* f->probs := the distribution that pal_fill_draw_from_probs draws from, given the probabilities in f->probs that
 * pal_fill_look_at has just computed: temperature, truncation and penalty applied to the words, temperature to the end. */
void pal_fill_reshape(pal_fill *f, int32_t place);
void pal_fill_take(pal_fill *f, int32_t place, int32_t id); /* reveals this token; f->probs as for pal_fill_reshape */

/* Chooses a token from f->probs, which need not sum to 1, as pal_fill_draw does; reveals nothing. */
int32_t pal_fill_choose(pal_fill *f, int32_t place);

void pal_fill_change(pal_fill *f, int32_t place, int32_t id); /* uniform noise: an open place holds another piece */

/* The parts of pal_fill_draw, for code that chooses the end of a blank in another way. */
double pal_fill_look_at(pal_fill *f, int32_t place);       /* f->probs := its probabilities; returns that of <empty> */
void pal_fill_set_end(pal_fill *f, double end);            /* <empty> gets this probability, the words share the rest */
void pal_fill_end_at(pal_fill *f, int32_t place);          /* reveals it and the rest of the blank as <empty> */
void pal_fill_draw_from_probs(pal_fill *f, int32_t place); /* draws from f->probs and reveals */

void pal_fill_mask(pal_fill *f, int32_t place); /* opens a revealed place again */
double pal_fill_uniform(const pal_fill *f, pal_purpose purpose, int32_t place);
int32_t pal_fill_steps(const pal_fill *f); /* number of time steps, for samplers that have them */
int32_t pal_fill_last(const pal_fill *f);  /* number of the last step of such a sampler, counted like time steps */

/* The number of the current time step among those of this part of the page, from 1. */
static inline int32_t pal_fill_time_step(const pal_fill *f)
{
    return f->step - f->first_step;
}

#endif
