/* together_testing.h - several pages of `model` in one evaluation, beside the same pages alone.  Include
 * session_testing.h first. */
#ifndef PAL_TOGETHER_TESTING_H
#define PAL_TOGETHER_TESTING_H

enum { DRAFTS = 5 };

/* Memory to evaluate these sessions together; free it. */
static inline void *scratch_for(pal_session *const *sessions, int32_t count, size_t *bytes)
{
    int32_t tokens = 0;
    for (int32_t i = 0; i < count; i++) tokens += pal_session_progress(sessions[i]).shown;
    assert_int_equal(pal_together_bytes(model, tokens, bytes, NULL), PAL_OK);
    void *block = malloc(*bytes);
    assert_non_null(block);
    return memset(block, 0xff, *bytes);
}

static inline void expect_same_state(const lent *a, const lent *b)
{
    static char x[MAX_TEXT], y[MAX_TEXT];
    pal_place p[MAX_PLACES], q[MAX_PLACES];
    const pal_progress m = pal_session_progress(a->session), n = pal_session_progress(b->session);
    assert_int_equal(text_of(a, x), text_of(b, y));
    assert_string_equal(x, y);
    assert_int_equal(m.step, n.step);
    assert_int_equal(m.open, n.open);
    assert_int_equal(m.places, n.places);
    memset(p, 0, sizeof p);
    memset(q, 0, sizeof q);
    pal_session_tokens(a->session, p, MAX_PLACES);
    pal_session_tokens(b->session, q, MAX_PLACES);
    assert_memory_equal(p, q, sizeof p);
}

/* Fills the batch together, and each page alone. */
static inline void run_together(const lent *batch, const lent *alone, int32_t count, void *block, size_t bytes)
{
    pal_session *sessions[DRAFTS];
    pal_error err = {0};
    bool more = true;
    for (int32_t i = 0; i < count; i++) sessions[i] = batch[i].session;
    for (int steps = 0; more && steps < 400; steps++) {
        int32_t before[DRAFTS];
        more = false;
        if (pal_evaluate_together(model, sessions, count, block, bytes, &err)) fail_msg("%s", err.text);
        for (int32_t i = 0; i < count; i++) before[i] = pal_session_progress(sessions[i]).evaluations;
        for (int32_t i = 0; i < count; i++) {
            const pal_status s = pal_step(sessions[i], NULL), t = pal_step(alone[i].session, NULL);
            assert_int_equal(s, t);
            more = more || s == PAL_MORE;
            /* The step found its evaluation done. */
            assert_int_equal(pal_session_progress(sessions[i]).evaluations, before[i]);
            assert_int_equal(before[i], pal_session_progress(alone[i].session).evaluations);
            expect_same_state(&batch[i], &alone[i]);
        }
    }
}

/* Draft i of a run: of one of the five pages, or of pages of all lengths. */
static inline lent draft_of(const char *const pages[DRAFTS], int run, int i)
{
    pal_infill_options o = options_of((pal_sampler)(run % PAL_MASKED_SAMPLERS), 7);
    if (pal_sampler_about(o.sampler)->steps) o.steps = 12;
    o.draft = (uint32_t)i;
    return start(pages[run < 2 * PAL_MASKED_SAMPLERS ? run % DRAFTS : (run + i) % DRAFTS], &o);
}

/* Every sampler, one to five drafts. */
static inline void expect_together_equals_alone(const char *const pages[DRAFTS])
{
    for (int run = 0; run < 3 * PAL_MASKED_SAMPLERS; run++) {
        lent batch[DRAFTS], alone[DRAFTS];
        pal_session *sessions[DRAFTS];
        const int32_t count = 1 + run % DRAFTS;
        size_t bytes;
        for (int32_t i = 0; i < count; i++) {
            batch[i] = draft_of(pages, run, i);
            alone[i] = draft_of(pages, run, i);
            sessions[i] = batch[i].session;
        }
        void *block = scratch_for(sessions, count, &bytes);
        run_together(batch, alone, count, block, bytes);
        free(block);
        for (int32_t i = 0; i < count; i++) {
            end(&batch[i]);
            end(&alone[i]);
        }
    }
}

#endif
