/* session_testing.h - sessions on tiny-infill between guard bytes, for test_session.c,
 * test_session_control.c and test_session_limits.c. */
#ifndef PAL_SESSION_TESTING_H
#define PAL_SESSION_TESTING_H

#include "guard_testing.h"
#include "model_testing.h"

enum { MAX_TEXT = 8192, MAX_PLACES = 96 };

#define STORY "Once upon a time the [[4]] was [[?]] and [[3-6]]."

static pal_model *model; /* tiny-infill */

static inline int open_model(void **state)
{
    (void)state;
    model = open_test_model("tiny-infill");
    return 0;
}

static inline int close_model(void **state)
{
    (void)state;
    pal_model_close(model);
    return 0;
}

/* A session in a block of exactly the requested size, between guard bytes. */
typedef struct {
    pal_session *session;
    unsigned char *memory;
    size_t bytes;
} lent;

static inline pal_status try_start(lent *l, const pal_model *m, const char *page, size_t size,
                                   const pal_infill_options *o, pal_error *err)
{
    *l = (lent){0};
    pal_status s = pal_session_bytes(m, page, size, o, &l->bytes, err);
    if (s) return s;
    s = pal_session_init(&l->session, m, page, size, o, lend_guarded(&l->memory, l->bytes), l->bytes, err);
    if (s) free(l->memory);
    return s;
}

static inline lent start_bytes(const char *page, size_t size, const pal_infill_options *o)
{
    lent l;
    pal_error err = {0};
    if (try_start(&l, model, page, size, o, &err)) fail_msg("%s: %s (byte %u)", page, err.text, (unsigned)err.offset);
    return l;
}

static inline lent start(const char *page, const pal_infill_options *o)
{
    return start_bytes(page, strlen(page), o);
}

static inline void end(lent *l)
{
    end_guarded(l->memory, l->bytes);
}

static inline void finish(lent *l)
{
    for (int steps = 0; pal_step(l->session, NULL) == PAL_MORE; steps++)
        if (steps > 5000) fail_msg("the session does not end");
    assert_int_equal(pal_session_progress(l->session).open, 0);
    assert_int_equal(pal_step(l->session, NULL), PAL_OK);
}

/* The text as a string (texts with NUL are compared by the length of text_of). */
static inline size_t text_of(const lent *l, char out[MAX_TEXT])
{
    size_t bytes = pal_session_text(l->session, out, MAX_TEXT - 1);
    assert_true(bytes < MAX_TEXT);
    out[bytes] = '\0';
    return bytes;
}

static inline void fill(const char *page, const pal_infill_options *o, char out[MAX_TEXT])
{
    lent l = start(page, o);
    finish(&l);
    text_of(&l, out);
    end(&l);
}

static inline pal_infill_options options_of(pal_sampler sampler, uint64_t seed)
{
    pal_infill_options o = pal_infill_defaults();
    o.sampler = sampler;
    o.seed = seed;
    o.temperature = 1.0;
    return o;
}

#endif
