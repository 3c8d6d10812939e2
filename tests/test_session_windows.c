/* test_session_windows.c - long pages filled in windows, by a bidirectional network and by one with an adapter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapted_testing.h"

enum { LONG_TEXT = 4000 };

static pal_model *both[2]; /* context 96: windows of 96 tokens, margins of 24 */

static int open_all(void **state)
{
    const int status = open_both(state);
    both[0] = open_test_model("tiny-infill");
    both[1] = with.model;
    return status;
}

static int close_all(void **state)
{
    pal_model_close(both[0]);
    return close_both(state);
}

/* A page of several hundred tokens with blanks near to each other and far apart.  Ends with `bytes` bytes of text. */
static void make_page(char page[LONG_TEXT], uint32_t number, bool free_lengths)
{
    static const char *const words[] = {"the dog ran", " z\xff\xe2\x80\x9cq",    "\r\n",
                                        "x",           " and a cat [[5] \\ saw", " it."};
    size_t bytes = 0;
    page[0] = '\0';
    for (uint32_t i = 0; bytes < 700; i++) {
        const double u = pal_uniform(2, PAL_DRAW_TOKEN, number, 0, i);
        char piece[64];
        if (u < 0.1)
            snprintf(piece, sizeof piece, free_lengths && i % 2 ? "[[1-%d]]" : "[[%d]]", 1 + (int)(u * 100));
        else if (i % 7 == 4) /* the brackets of this text have to be escaped */
            snprintf(piece, sizeof piece, " and a \\[[5] cat");
        else
            snprintf(piece, sizeof piece, "%s", words[(int)(u * 97) % 4]);
        bytes += (size_t)snprintf(page + bytes, LONG_TEXT - bytes, "%s", piece);
    }
    snprintf(page + bytes, LONG_TEXT - bytes, " [[2]] the end.");
}

/* The given text of the result must be that of the page, byte for byte: the places say where the fills are. */
static void expect_given(const lent *l)
{
    static char text[2 * LONG_TEXT];
    static pal_place places[LONG_TEXT];
    const size_t bytes = pal_session_text(l->session, text, sizeof text);
    const size_t count = pal_session_tokens(l->session, places, LONG_TEXT);
    const pal_page *page = &l->session->page;
    assert_true(bytes <= sizeof text && count <= LONG_TEXT);
    size_t from = 0, place = 0, given = 0;
    for (size_t i = 0; i < page->count; i++) {
        if (page->segments[i].blank) {
            for (int32_t k = 0; k < page->segments[i].max; k++)
                from = places[place].offset + places[place].bytes, place++;
            continue;
        }
        assert_memory_equal(text + from, page->text + page->segments[i].from, page->segments[i].bytes);
        from += page->segments[i].bytes;
        given += page->segments[i].bytes;
    }
    assert_int_equal(from, bytes);
    assert_int_equal(given, page->bytes);
}

static pal_infill_options long_options(int sampler, uint64_t seed)
{
    pal_infill_options o = options_of((pal_sampler)sampler, seed);
    if (pal_sampler_about(o.sampler)->steps) o.steps = 6;
    if (pal_sampler_about(o.sampler)->remask) o.remask = 0.3;
    return o;
}

static size_t filled(const char *page, const pal_infill_options *o, char out[MAX_TEXT])
{
    lent l = start(page, o);
    finish(&l);
    const size_t bytes = text_of(&l, out);
    end(&l);
    return bytes;
}

static void long_pages_are_filled_and_given_text_is_untouched(void **state)
{
    (void)state;
    char page[LONG_TEXT], again[MAX_TEXT], text[MAX_TEXT];
    for (int run = 0; run < 2 * PAL_MASKED_SAMPLERS; run++) {
        model = both[run % 2];
        make_page(page, (uint32_t)run, run % 2 == 0);
        const pal_infill_options o = long_options(run / 2, 3);
        lent l = start(page, &o);
        const pal_progress before = pal_session_progress(l.session);
        assert_true(before.windows > 2 && before.windowed && before.shown <= 96 && before.tokens > 200);
        assert_int_equal(before.open, before.places);
        finish(&l);
        expect_given(&l);
        const pal_progress p = pal_session_progress(l.session);
        assert_int_equal(p.steps, pal_sampler_about(o.sampler)->steps ? 6 * p.windows : 0);
        const size_t bytes = text_of(&l, text);
        pal_session_rewind(l.session, 0, NULL); /* the same seed gives the same text */
        assert_int_equal(pal_session_progress(l.session).open, p.places);
        finish(&l);
        assert_int_equal(text_of(&l, again), bytes);
        assert_memory_equal(text, again, bytes);
        pal_session_reseed(l.session, 3, 1); /* another draft: another text */
        pal_session_rewind(l.session, 0, NULL);
        finish(&l);
        assert_true(text_of(&l, again) != bytes || memcmp(text, again, bytes) != 0);
        end(&l);
    }
}

static bool is_drafted(const pal_session *s, int32_t place)
{
    const pal_drafts *d = &s->fill.drafts;
    for (int32_t i = 0; i < d->count; i++)
        if (d->place[i] == place) return true;
    return false;
}

/* What the network is shown, from the places of the whole page: words of other windows are given, their open places
 * unknown, and their <empty> is left out. */
static void expect_query(const pal_session *s, const pal_query *q)
{
    const pal_page_window *w = &s->layout.window[s->window];
    int32_t n = 0, place = 0;
    for (int32_t i = w->from; i < w->from + w->tokens; i++) {
        while (place < s->layout.places && s->layout.place[place].at < i) place++;
        const pal_fill_place *p = place < s->layout.places ? &s->layout.place[place] : NULL;
        const bool blank = p && p->at == i, own = place >= w->first_place && place < w->first_place + w->places;
        if (blank && !own && pal_session_holds_empty(s, p)) continue;
        if (blank && own && is_drafted(s, place - w->first_place)) {
            n++; /* shown as its draft */
            continue;
        }
        if (blank && own && n < q->n && q->tokens[n] != s->layout.tokens[i]) continue; /* hidden, as in any page */
        assert_true(n < q->n);
        assert_int_equal(q->tokens[n], s->layout.tokens[i]);
        if (!blank) assert_int_equal(q->rank[n], 0);
        if (blank && p->step < 0) assert_int_equal(q->rank[n], PAL_RANK_UNKNOWN);
        if (blank && p->step >= 0 && !own) assert_int_equal(q->rank[n], 0);
        n++;
    }
    assert_int_equal(n, q->n);
    const int32_t before = w->from > 0 ? s->layout.tokens[w->from - 1] : -1;
    if (before < 0 || before == s->model->classes.mask || before == s->model->classes.empty)
        assert_null(q->before);
    else
        assert_true(q->before && *q->before == before);
}

static void windows_show_what_was_filled_before(void **state)
{
    (void)state;
    char page[LONG_TEXT];
    int32_t shared = 0;
    for (int run = 0; run < 14; run++) {
        model = both[run % 2];
        make_page(page, 100 + (uint32_t)run, run % 2 == 0);
        const pal_infill_options o = long_options(run % PAL_MASKED_SAMPLERS, 5);
        lent l = start(page, &o);
        int32_t last = 0;
        do {
            const pal_query *q = pal_fill_query(&l.session->fill);
            if (q) expect_query(l.session, q);
            assert_true(l.session->window >= last); /* in order */
            last = l.session->window;
            shared += l.session->fill.before;
        } while (pal_step(l.session, NULL) == PAL_MORE);
        end(&l);
    }
    assert_true(shared > 0); /* there are places of other windows */
}

/* The start token stands before the first window only. */
static void only_the_first_window_starts_a_text(void **state)
{
    (void)state;
    char page[LONG_TEXT];
    model = both[1];
    make_page(page, 7, false);
    const pal_infill_options o = options_of(PAL_MARGIN, 5);
    lent l = start(page, &o);
    int32_t others = 0;
    while (pal_step(l.session, NULL) == PAL_MORE) {
        const pal_session *s = l.session;
        const int32_t from = s->fill.from;
        if (s->fill.tokens_changed && s->fill.open == s->fill.places)
            continue; /* nothing of this window is evaluated */
        const int32_t expected = from ? s->layout.tokens[from - 1] : model->rows.start;
        if (from && expected < 0) continue; /* not known yet */
        assert_int_equal(s->runner.rows.token[0], expected);
        others += from > 0 && expected != model->rows.start;
    }
    assert_true(others > 0);
    end(&l);
}

/* A window at the start of a page has the bits of a page that ends where the window ends. */
static void a_window_is_like_a_page_of_its_tokens(void **state)
{
    (void)state;
    char longer[LONG_TEXT], shorter[LONG_TEXT];
    pal_place a[8], b[8];
    model = both[0];
    memset(longer, 'z', sizeof longer);
    memcpy(longer + 30, "[[4]]", 5);
    longer[900] = '\0';
    memcpy(shorter, longer, 96 - 5 + 5);
    shorter[30 + 5 + (96 - 1 - 30 - 4)] = '\0'; /* one token is the space at the start of a page */
    for (int sampler = 0; sampler < PAL_MASKED_SAMPLERS; sampler++) {
        const pal_infill_options o = long_options(sampler, 9);
        lent l = start(longer, &o), m = start(shorter, &o);
        assert_int_equal(pal_session_progress(l.session).windows, 1);
        assert_true(pal_session_progress(l.session).windowed && !pal_session_progress(m.session).windowed);
        assert_int_equal(pal_session_progress(m.session).tokens, 96);
        finish(&l);
        finish(&m);
        assert_int_equal(pal_session_tokens(l.session, a, 8), 4);
        assert_int_equal(pal_session_tokens(m.session, b, 8), 4);
        for (int i = 0; i < 4; i++) assert_true(a[i].id == b[i].id && a[i].probability == b[i].probability);
        end(&l);
        end(&m);
    }
}

static void what_fits_is_the_same_without_windows(void **state)
{
    (void)state;
    for (int run = 0; run < 2 * PAL_MASKED_SAMPLERS; run++) {
        char text[MAX_TEXT], other[MAX_TEXT];
        model = both[run % 2];
        pal_infill_options o = long_options(run / 2, 11);
        const char *page = "Once upon a time the [[4]] was [[2]] and the dog ran [[3]].";
        filled(page, &o, text);
        o.window = false;
        filled(page, &o, other);
        assert_string_equal(text, other);
    }
}

/* ---- pins and rewinds ------------------------------------------------------------------------------- */

static void a_rewind_goes_back_through_windows(void **state)
{
    (void)state;
    char page[LONG_TEXT], text[MAX_TEXT], again[MAX_TEXT];
    for (int run = 0; run < 2 * PAL_MASKED_SAMPLERS; run++) {
        const pal_infill_options o = long_options(run / 2, 13);
        if (pal_sampler_about(o.sampler)->reopens) continue; /* these go back to step 0 only */
        model = both[run % 2];
        make_page(page, 40 + (uint32_t)run, run % 2 == 0);
        lent l = start(page, &o);
        finish(&l);
        const size_t bytes = text_of(&l, text);
        for (int32_t step = pal_session_progress(l.session).step - 1; step >= 0; step -= 1 + step / 2) {
            assert_int_equal(pal_session_rewind(l.session, step, NULL), PAL_OK);
            assert_true(pal_session_progress(l.session).step <= step);
            finish(&l);
            assert_int_equal(text_of(&l, again), bytes);
            assert_memory_equal(text, again, bytes);
        }
        end(&l);
    }
}

static void pins_work_in_every_window(void **state)
{
    (void)state;
    char page[LONG_TEXT], text[MAX_TEXT], again[MAX_TEXT];
    static pal_place places[LONG_TEXT];
    for (int run = 0; run < 2 * PAL_MASKED_SAMPLERS; run++) {
        model = both[run % 2];
        make_page(page, 70 + (uint32_t)run, false);
        pal_infill_options o = long_options(run / 2, 17);
        lent l = start(page, &o);
        finish(&l);
        const size_t count = pal_session_tokens(l.session, places, LONG_TEXT), bytes = text_of(&l, text);
        for (size_t i = 0; i < count; i++) { /* a wrong pin changes nothing */
            assert_int_equal(pal_session_pin(l.session, places[i].blank, places[i].index, model->classes.vocab, NULL),
                             PAL_E_OPTION);
            if (i % 3 == 0)
                assert_int_equal(pal_session_pin(l.session, places[i].blank, places[i].index, places[i].id, NULL),
                                 PAL_OK);
        }
        assert_int_equal(pal_session_progress(l.session).open, 0);
        assert_int_equal(text_of(&l, again), bytes);
        assert_memory_equal(text, again, bytes);
        for (size_t i = 0; i < count; i += 3) /* taken back, the places are open again, and are filled */
            assert_int_equal(pal_session_pin(l.session, places[i].blank, places[i].index, -1, NULL), PAL_OK);
        assert_int_equal(pal_session_progress(l.session).open, (count + 2) / 3);
        finish(&l);
        expect_given(&l);
        end(&l);
    }
}

/* A failed pin in another window leaves the current one where it was. */
static void a_wrong_pin_costs_no_evaluation(void **state)
{
    (void)state;
    char page[LONG_TEXT];
    model = both[0];
    make_page(page, 90, false);
    const pal_infill_options o = options_of(PAL_MARGIN, 1);
    lent l = start(page, &o), m = start(page, &o);
    pal_status more = PAL_MORE;
    while (more == PAL_MORE) {
        more = pal_step(l.session, NULL);
        const int32_t last = (int32_t)pal_session_blanks(l.session) - 1;
        assert_int_equal(pal_session_pin(l.session, last, 0, model->classes.vocab, NULL), PAL_E_OPTION);
        assert_int_equal(pal_step(m.session, NULL), more);
        assert_int_equal(pal_session_progress(l.session).evaluations, pal_session_progress(m.session).evaluations);
    }
    end(&l);
    end(&m);
}

static void check_drafts_together(void)
{
    char page[LONG_TEXT], text[MAX_TEXT], other[MAX_TEXT];
    lent l[3];
    pal_session *sessions[3];
    make_page(page, 30, model == both[0]);
    pal_infill_options o = options_of(PAL_MARGIN, 19);
    for (uint32_t i = 0; i < 3; i++) {
        o.draft = i;
        l[i] = start(page, &o);
        sessions[i] = l[i].session;
    }
    size_t bytes;
    assert_int_equal(pal_together_bytes(model, 3 * pal_session_progress(sessions[0]).shown, &bytes, NULL), PAL_OK);
    void *block = malloc(bytes);
    for (bool more = true; more;) {
        assert_int_equal(pal_evaluate_together(model, sessions, 3, block, bytes, NULL), PAL_OK);
        more = false;
        for (int i = 0; i < 3; i++) more = pal_step(sessions[i], NULL) == PAL_MORE || more;
    }
    for (uint32_t i = 0; i < 3; i++) {
        o.draft = i;
        bytes = filled(page, &o, other);
        assert_int_equal(text_of(&l[i], text), bytes);
        assert_memory_equal(text, other, bytes);
        end(&l[i]);
    }
    free(block);
}

static void drafts_together_have_the_bits_of_each(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        model = both[i];
        check_drafts_together();
    }
}

/* ---- memory, errors --------------------------------------------------------------------------------- */

static size_t bytes_of_blanks(int blanks)
{
    const char *part = "the dog ran and the dog ran and the dog ran and the dog ran and ran [[7]] and saw it. ";
    const size_t size = strlen(part) * (size_t)blanks;
    char *page = malloc(size + 1);
    assert_non_null(page);
    for (int i = 0; i < blanks; i++) memcpy(page + (size_t)i * strlen(part), part, strlen(part));
    size_t bytes = 0;
    const pal_infill_options o = options_of(PAL_MARGIN, 1);
    assert_int_equal(pal_session_bytes(model, page, size, &o, &bytes, NULL), PAL_OK);
    free(page);
    return bytes;
}

static void memory_grows_with_the_text_only(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        model = both[i];
        const size_t some = bytes_of_blanks(1000), more = bytes_of_blanks(2000), most = bytes_of_blanks(9000);
        assert_true(most - more <= 7 * (more - some) + 4096 && more - some <= 1000 * 5000);
    }
}

static void expect_refused(const char *page, const pal_infill_options *o, pal_status status, size_t offset)
{
    lent l;
    pal_error err = {0};
    assert_int_equal(try_start(&l, model, page, strlen(page), o, &err), status);
    assert_non_null(err.text);
    assert_true(err.offset == offset);
}

static void what_fits_into_no_window_is_refused(void **state)
{
    (void)state;
    char page[LONG_TEXT];
    memset(page, 'z', sizeof page);
    strcpy(page + 400, "[[49]]");
    memset(page + 406, 'z', 400);
    page[806] = '\0';
    model = both[0];
    pal_infill_options o = options_of(PAL_MARGIN, 1);
    expect_refused(page, &o, PAL_E_CONTEXT, 400); /* 24 tokens on both sides do not fit */
    memcpy(page + 400, "[[48]]", 6);
    lent l = start(page, &o);
    finish(&l);
    end(&l);
    o.window = false;
    expect_refused(page, &o, PAL_E_CONTEXT, 95);
    o.window = true;
    o.window_length = 255;
    expect_refused("a [[2]]", &o, PAL_E_OPTION, SIZE_MAX);
    o.window_length = 0;
    expect_refused("a [[97]]", &o, PAL_E_TEXT, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_pages_are_filled_and_given_text_is_untouched),
        cmocka_unit_test(windows_show_what_was_filled_before),
        cmocka_unit_test(only_the_first_window_starts_a_text),
        cmocka_unit_test(a_window_is_like_a_page_of_its_tokens),
        cmocka_unit_test(what_fits_is_the_same_without_windows),
        cmocka_unit_test(a_rewind_goes_back_through_windows),
        cmocka_unit_test(pins_work_in_every_window),
        cmocka_unit_test(a_wrong_pin_costs_no_evaluation),
        cmocka_unit_test(drafts_together_have_the_bits_of_each),
        cmocka_unit_test(memory_grows_with_the_text_only),
        cmocka_unit_test(what_fits_into_no_window_is_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
