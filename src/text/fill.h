/* fill.h - a token sequence with open places, and what every sampler does to it (internal).
 *
 * A sampler decides which places are revealed (or masked again) in a step; this part knows which tokens a
 * place may have, turns logits into a law, draws, and keeps the books. */
#ifndef PAL_FILL_H
#define PAL_FILL_H

#include "choose.h"
#include "classes.h"
#include "predictor.h"

#include "../core/random.h"

typedef enum { PAL_FIRST_FREE, PAL_FIRST_WORD, PAL_FIRST_INSIDE } pal_first;

typedef struct {
    int32_t least, most; /* tokens; least < most only where the vocabulary has <empty> */
    int32_t slot;        /* its first slot; the others follow */
    pal_first first;     /* whether the first token must or must not begin a word */
    bool drop_space;     /* that token's space mark is not written: it is given, or starts the page */
} pal_blank;

/* A place of a blank. */
typedef struct {
    int32_t at;       /* index in tokens */
    int32_t shown_at; /* index in what the last evaluation was shown */
    int32_t blank, index;
    int32_t step;       /* revealed at; -1: open; 0: pinned */
    bool pinned, drawn; /* drawn: by the present step */
    float probability;
    int32_t alternatives, alternative_id[PAL_ALTERNATIVES];
    float alternative_probability[PAL_ALTERNATIVES];
} pal_slot;

enum { PAL_FILL_ROWS = 16 }; /* rows of logits looked at together */

typedef struct pal_fill pal_fill;

/* Where chance comes from: a number in [0, 1) for one purpose, the present step and one slot (-1: none).  When
 * a token is to be drawn, f->law is its law at temperature 1. */
typedef double pal_uniform_fn(void *context, const pal_fill *f, pal_purpose purpose, int32_t slot);

struct pal_fill {
    pal_predictor predictor;
    const pal_classes *classes;
    pal_infill_options options; /* checked */
    int32_t n, *tokens;         /* [n] */
    int32_t shown_n, *shown;    /* [n], tokens as the network is shown them */
    bool drops_empty;           /* it is not shown what is known to be <empty>, as if the blank were shorter */
    int32_t blanks, slots;
    pal_blank *blank; /* [blanks] */
    pal_slot *slot;   /* [slots], in order of position */
    int32_t open;     /* slots not revealed */
    int32_t step, evaluations;
    bool fresh;              /* the predictor has seen the tokens as they stand */
    bool broken;             /* it has given what is not a number: the present step is undone */
    pal_uniform_fn *uniform; /* pal_uniform by pal_fill_start; a test may visit every outcome instead */
    void *uniform_context;
    float *logits; /* [PAL_FILL_ROWS, vocab] */
    double *law;   /* [vocab], scratch.probabilities */
    pal_choose_scratch scratch;
    double *sureness; /* [slots], scratch of the samplers */
    int32_t *chosen;  /* [slots], the same */
    int *asked;       /* [slots], indices in `shown` whose logits an evaluation is for */
};

/* Places `shown` for up to `most` tokens and the scratch arrays (logits to asked); tokens, blank and slot are the
 * caller's. */
void pal_fill_layout(pal_fill *f, int32_t vocab, int32_t most, int32_t slots, pal_arena *arena);

/* Ready for the first step: every slot that is not pinned is masked. */
void pal_fill_start(pal_fill *f);
pal_status pal_fill_check(const pal_infill_options *o, const pal_classes *c, pal_error *err);

/* Goes on with the sampler named in the options until a place changes: at most one evaluation.  PAL_E_FORMAT: the
 * predictor gave NaN or infinity; all is then as it was. */
pal_status pal_fill_step(pal_fill *f, pal_error *err);

/* ---- for samplers ---- */

/* Evaluates the network unless it has seen these tokens already. */
void pal_fill_evaluate(pal_fill *f);

/* For who evaluates several fills together: how many positions of f->shown f->asked names whose logits the next step
 * will look at, 0 if it needs no evaluation; and afterwards, that the predictor has them. */
int pal_fill_asks(pal_fill *f);
void pal_fill_answered(pal_fill *f);
static inline bool pal_fill_is_open(const pal_fill *f, int32_t slot)
{
    return f->slot[slot].step < 0;
}

/* f->law := the law of a slot's token given what is revealed: softmax over the tokens it may have,
 * temperature 1.  logits[vocab] is its row. */
void pal_fill_law(pal_fill *f, int32_t slot, const float *logits);

/* f->sureness[i] := measure(f->law) of every open slot i, rows of logits taken together. */
typedef double pal_measure_fn(const double *law, int32_t vocab);
void pal_fill_measure(pal_fill *f, pal_measure_fn *measure);
pal_measure_fn pal_measure_margin, pal_measure_entropy, pal_measure_confidence; /* larger is surer */

/* Draws the token of an open slot at the present step and reveals it.  Must follow pal_fill_evaluate in
 * this step; slots drawn together are drawn in order of position. */
void pal_fill_draw(pal_fill *f, int32_t slot);

/* The parts of that, for who decides otherwise where a blank ends. */
double pal_fill_look_at(pal_fill *f, int32_t slot);   /* f->law := its law; returns that of <empty> */
void pal_fill_set_end(pal_fill *f, double end);       /* gives <empty> this probability, the words the rest */
void pal_fill_end_at(pal_fill *f, int32_t slot);      /* reveals it and what follows in the blank as <empty> */
void pal_fill_draw_by_law(pal_fill *f, int32_t slot); /* draws from f->law and reveals */

void pal_fill_mask(pal_fill *f, int32_t slot); /* back to the mask */
double pal_fill_uniform(const pal_fill *f, pal_purpose purpose, int32_t slot);
int32_t pal_fill_steps(const pal_fill *f); /* time steps of the samplers that have them */

/* One per file in samplers/: one step, a time step where the sampler has them.  Whether a place changed. */
bool pal_sample_first_hitting(pal_fill *f);
bool pal_sample_adaptive(pal_fill *f);
bool pal_sample_ancestral(pal_fill *f);
bool pal_sample_parallel(pal_fill *f);
bool pal_sample_remask(pal_fill *f);

#endif
