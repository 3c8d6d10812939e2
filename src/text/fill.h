/* fill.h - a token sequence with open places, and what every sampler does to it (internal).
 *
 * A sampler (samplers/) decides which places are revealed (or masked again) in a step; this part knows which tokens a
 * place may have, asks the network, turns logits into a law, draws, and keeps the books. */
#ifndef PAL_FILL_H
#define PAL_FILL_H

#include "choose.h"
#include "classes.h"
#include "predictor.h"

#include "../core/random.h"

typedef enum { PAL_FIRST_FREE, PAL_FIRST_WORD, PAL_FIRST_INSIDE } pal_first;

typedef struct {
    int32_t min, max; /* tokens; least < most only where the vocabulary has <empty> */
    int32_t place;    /* its first slot; the others follow */
    pal_first first;  /* whether the first token must or must not begin a word */
    bool drop_space;  /* that token's space mark is not written: it is given, or starts the page */
} pal_blank;

/* A place of a blank. */
typedef struct {
    int32_t at;       /* index in tokens */
    int32_t shown_at; /* index in what the last evaluation was shown */
    int32_t blank, index;
    int32_t step;         /* revealed at; -1: open; 0: pinned */
    int32_t rank;         /* as in pal_query; not the step, since a step can be taken again */
    bool pinned, drawn;   /* drawn: by the present step */
    bool asked, answered; /* the present step wants its logits; the last evaluation gave them */
    float probability;
    int32_t alternatives, alternative_id[PAL_ALTERNATIVES];
    float alternative_probability[PAL_ALTERNATIVES];
} pal_fill_place;

enum { PAL_FILL_ROWS = 16 }; /* rows of logits looked at together */

typedef struct pal_fill pal_fill;
typedef struct pal_sampler_row pal_sampler_row; /* samplers/samplers.h */

/* Where chance comes from: a number in [0, 1) for one purpose, the present step and one slot (-1: none).  When
 * a token is to be drawn, f->probs is its law at temperature 1. */
typedef double pal_uniform_fn(void *context, const pal_fill *f, pal_purpose purpose, int32_t place);

struct pal_fill {
    pal_predictor predictor;
    const pal_classes *classes;
    pal_infill_options options; /* checked */
    const pal_sampler_row *sampler;
    int32_t n, *tokens;      /* [n] */
    pal_query query;         /* made of what follows; count 0: no evaluation is needed */
    int32_t shown_n, *shown; /* [n], tokens as the network is shown them */
    int32_t *shown_rank;     /* [n] */
    int *asked;              /* [places], indices in `shown` */
    bool drops_empty;        /* it is not shown what is known to be <empty>, as if the blank were shorter */
    int32_t blanks, places;
    pal_blank *blank;      /* [blanks] */
    pal_fill_place *place; /* [places], in order of position */
    int32_t open;          /* slots not revealed */
    int32_t step, evaluations;
    int32_t next_rank;                  /* of what the present step reveals */
    double time;                        /* of the present step's query; `ask` may set another */
    double evaluated_time;              /* of the last evaluation's */
    bool tokens_changed, order_changed; /* since then */
    bool broken;                        /* the predictor has given what is not a number: the present step is undone */
    pal_uniform_fn *uniform;            /* pal_uniform by pal_fill_start; a test may visit every outcome instead */
    void *uniform_context;
    float *logits; /* [PAL_FILL_ROWS, vocab] */
    double *probs; /* [vocab], scratch.probabilities */
    pal_choose_scratch scratch;
    double *score;   /* [places], scratch of the samplers */
    int32_t *chosen; /* [places], the same: what `ask` leaves for `step` */
    int32_t chosen_count;
};

/* Places what is shown for up to `max_tokens` tokens and the scratch arrays (logits to chosen); tokens, blank and slot are
 * the caller's. */
void pal_fill_layout(pal_fill *f, int32_t vocab, int32_t max_tokens, int32_t places, pal_arena *arena);

/* Ready for the first step: every slot that is not pinned is masked. */
void pal_fill_start(pal_fill *f);
pal_status pal_fill_check(const pal_infill_options *o, const pal_classes *c, pal_error *err);

/* Goes on with the sampler named in the options until a place changes: at most one evaluation.  PAL_E_FORMAT: the
 * predictor gave NaN or infinity; all is then as it was. */
pal_status pal_fill_step(pal_fill *f, pal_error *err);

/* One step of the sampler, a time step where it has them, which need not change anything: whether one did. */
bool pal_fill_take_step(pal_fill *f);

/* For callers that evaluate several fills together: what the next pal_fill_step will ask the network, NULL if it needs
 * no evaluation (the same in f->query, until the fill is used again); and afterwards, that the predictor has answered
 * it. */
const pal_query *pal_fill_query(pal_fill *f);
void pal_fill_answered(pal_fill *f);

/* Makes a token given text. */
void pal_fill_pin(pal_fill *f, int32_t place, int32_t id);

static inline bool pal_fill_is_open(const pal_fill *f, int32_t place)
{
    return f->place[place].step < 0;
}

/* ---- for samplers: samplers/samplers.h says when ---- */

/* The present step wants the logits of this open slot, or of all that are open: no others can be looked at. */
void pal_fill_ask(pal_fill *f, int32_t place);
void pal_fill_ask_open(pal_fill *f);

/* f->probs := the law of a slot's token given what is revealed: softmax over the tokens it may have,
 * temperature 1.  logits[vocab] is its row. */
void pal_fill_probabilities(pal_fill *f, int32_t place, const float *logits);

/* f->score[i] := measure(f->probs) of every slot i that was asked for, rows of logits taken together. */
typedef double pal_measure_fn(const double *probs, int32_t vocab);
void pal_fill_measure(pal_fill *f, pal_measure_fn *measure);
pal_measure_fn pal_measure_margin, pal_measure_entropy, pal_measure_confidence; /* larger is surer */

/* Draws the token of an open slot at the present step and reveals it.  Slots drawn together are drawn in order of
 * position. */
void pal_fill_draw(pal_fill *f, int32_t place);

/* The parts of that, for who decides otherwise where a blank ends. */
double pal_fill_look_at(pal_fill *f, int32_t place);       /* f->probs := its law; returns that of <empty> */
void pal_fill_set_end(pal_fill *f, double end);            /* gives <empty> this probability, the words the rest */
void pal_fill_end_at(pal_fill *f, int32_t place);          /* reveals it and what follows in the blank as <empty> */
void pal_fill_draw_from_probs(pal_fill *f, int32_t place); /* draws from f->probs and reveals */

void pal_fill_mask(pal_fill *f, int32_t place); /* back to the mask */
double pal_fill_uniform(const pal_fill *f, pal_purpose purpose, int32_t place);
int32_t pal_fill_steps(const pal_fill *f); /* time steps of the samplers that have them */

#endif
