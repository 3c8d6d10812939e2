/* observing.h - collects as bytes all that public calls return about a sequence, a generator or a session, for tests
 * that a failed call changes nothing. */
#ifndef PAL_OBSERVING_H
#define PAL_OBSERVING_H

#include "palimpsest.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned char *data; /* observed_same() frees it */
    size_t size;
} observation;

/* Appends this many zero bytes. */
static inline unsigned char *observe_space(observation *o, size_t bytes)
{
    o->data = realloc(o->data, o->size + bytes + 1);
    if (!o->data) abort();
    memset(o->data + o->size, 0, bytes);
    o->size += bytes;
    return o->data + o->size - bytes;
}

static inline void observe_bytes(observation *o, const void *data, size_t bytes)
{
    unsigned char *to = observe_space(o, bytes);
    if (bytes) memcpy(to, data, bytes);
}

static inline void observe_number(observation *o, double x)
{
    observe_bytes(o, &x, sizeof x);
}

static inline void observe_sequence(observation *o, const pal_sequence *s)
{
    const size_t bytes = pal_sequence_save(s, NULL, 0);
    pal_sequence_save(s, observe_space(o, bytes), bytes);
}

/* Records whether there are logits, and their values. */
static inline void observe_logits(observation *o, pal_sequence *s, int32_t vocabulary)
{
    const size_t bytes = (size_t)vocabulary * sizeof(float);
    float *logits = malloc(bytes);
    if (!logits) abort();
    const pal_status status = pal_sequence_logits(s, logits, NULL);
    observe_number(o, status);
    if (!status) observe_bytes(o, logits, bytes);
    free(logits);
}

static inline void observe_token(observation *o, const pal_generated *t)
{
    observe_number(o, t != NULL);
    if (!t) return;
    const double numbers[] = {t->id,          t->index, t->logprob, t->probability, (double)t->offset, (double)t->bytes,
                              t->alternatives};
    observe_bytes(o, numbers, sizeof numbers);
    observe_bytes(o, t->alternative_id, (size_t)t->alternatives * sizeof *t->alternative_id);
    observe_bytes(o, t->alternative_logprob, (size_t)t->alternatives * sizeof *t->alternative_logprob);
}

/* Everything except the saved session. */
static inline void observe_state(observation *o, const pal_generator *g)
{
    const pal_generate_progress p = pal_generator_progress(g);
    const double numbers[] = {p.prompt,   p.kept,    p.unread,      p.generated, p.tokens,
                              p.capacity, p.dropped, p.evaluations, p.evaluated, (double)p.text_bytes,
                              p.stop,     p.draft,   p.finish};
    size_t length;
    int32_t n;
    observe_bytes(o, numbers, sizeof numbers);
    observe_bytes(o, &p.seed, sizeof p.seed);
    observe_token(o, pal_generator_token(g));
    const char *text = pal_generator_text(g, &length);
    observe_bytes(o, text, length);
    const int32_t *tokens = pal_generator_tokens(g, &n);
    observe_bytes(o, tokens, (size_t)n * sizeof *tokens);
}

/* A generator with its sequence: its saved session and its current state. */
static inline void observe_generator(observation *o, const pal_generator *g)
{
    const size_t bytes = pal_generator_save(g, NULL, 0);
    pal_generator_save(g, observe_space(o, bytes), bytes);
    observe_state(o, g);
}

static inline void observe_place(observation *o, const pal_place *p)
{
    const double numbers[] = {
        p->blank,          p->index,         p->id,          p->step, (double)p->probability, p->empty, p->space_given,
        (double)p->offset, (double)p->bytes, p->alternatives};
    observe_bytes(o, numbers, sizeof numbers);
    observe_bytes(o, p->alternative_id, (size_t)p->alternatives * sizeof *p->alternative_id);
    observe_bytes(o, p->alternative_probability, (size_t)p->alternatives * sizeof *p->alternative_probability);
}

static inline void observe_session(observation *o, const pal_session *s)
{
    const size_t text = pal_session_text(s, NULL, 0), read = pal_session_reading(s, NULL, 0, NULL, 0);
    const size_t places = pal_session_tokens(s, NULL, 0);
    const pal_progress p = pal_session_progress(s);
    const double numbers[] = {p.step, p.steps, p.evaluations, p.open, p.places, p.shown, p.tokens, p.windowed};
    pal_place *place = calloc(places + 1, sizeof *place);
    if (!place) abort();
    pal_session_text(s, (char *)observe_space(o, text), text);
    pal_session_reading(s, (char *)observe_space(o, read), read, NULL, 0);
    pal_session_tokens(s, place, places);
    observe_bytes(o, numbers, sizeof numbers);
    for (size_t i = 0; i < places; i++) observe_place(o, &place[i]);
    free(place);
}

/* Whether two observations are equal; frees both. */
static inline bool observed_same(observation *a, observation *b)
{
    const bool same = a->size == b->size && (!a->size || memcmp(a->data, b->data, a->size) == 0);
    free(a->data);
    free(b->data);
    *a = *b = (observation){0};
    return same;
}

#endif
