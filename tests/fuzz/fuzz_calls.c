/* fuzz_calls.c - fuzzes sequences of calls, on generators and their sequence and on pages that are being filled.
 *
 * The first byte chooses texts or pages.  Then calls follow until the input ends: one byte for the call, and bytes for
 * its arguments.  A failed call must change nothing (for every eighth call the saved sessions are compared too), a
 * restored text must equal the saved one, and output must never end inside a character. */
#include "fuzzing.h"

#include <math.h>

enum { VOCAB = 481, CAPACITY = 10, FILES = 2, GENERATORS = 2, PAGES = 2, MAX_CALLS = 48, MAX_BIAS = 4 };

static pal_model *causal, *filling; /* tiny-ar, tiny-infill */
static pal_grammar *grammars[3];

static void open_all(void)
{
    static const char *const texts[] = {"root ::= (\"(\" [a-z ]+ \")\")+", "root ::= [\\U0001F600-\\U0001F64F]+ \".\"",
                                        "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\""};
    causal = open_model(PAL_SOURCE_DIR "/tests/models/tiny-ar.gguf");
    filling = open_model(PAL_SOURCE_DIR "/tests/models/tiny-infill.gguf");
    check(pal_model_info(causal)->vocabulary == VOCAB, "another vocabulary");
    for (size_t i = 0; i < 3; i++)
        check(!pal_grammar_open(&grammars[i], texts[i], strlen(texts[i]), NULL), "a grammar is refused");
}

/* Numbers at and beyond limits. */
static int32_t next_int(input *in)
{
    static const int32_t numbers[] = {-1,           0,  1,         2,         3,         CAPACITY - 1, CAPACITY,
                                      CAPACITY + 1, -2, INT32_MAX, INT32_MIN, VOCAB - 1, VOCAB};
    const unsigned byte = next(in);
    return byte < 0xF0 ? (int32_t)(byte % 16) : numbers[(byte - 0xF0) % (sizeof numbers / sizeof *numbers)];
}

/* A token: mostly bytes, whose pieces begin at 3. */
static int32_t next_id(input *in)
{
    const unsigned byte = next(in);
    if (byte % 4) return 3 + (int32_t)next(in);
    return byte & 4 ? (int32_t)(259 + next(in) % (VOCAB - 259)) : next_int(in);
}

static double next_real(input *in)
{
    static const double numbers[] = {0.0, 0.5, 1.0, 2.0, 0.9, 100.0, -1.0, NAN, INFINITY, 1e-300, 101.0};
    return numbers[next(in) % (sizeof numbers / sizeof *numbers)];
}

/* ---- texts ------------------------------------------------------------------------------------------- */

typedef struct {
    pal_generator *generator;
    void *block;
    bool stops; /* has stop strings */
} writer;

typedef struct {
    unsigned char *data;
    size_t size;
} file;

typedef struct {
    pal_sequence *sequence;
    void *block;
    writer writers[GENERATORS];
    file files[FILES];
} texts;

static pal_generate_options next_options(input *in, pal_logit_bias *bias, pal_stop_string *stops)
{
    static const pal_stop_string known[] = {{"a", 1},        {"((", 2}, {"\xF0\x9F", 2},
                                            {"\x98\x80", 2}, {"", 0},   {"abcabd", 6}};
    pal_generate_options o = pal_generate_defaults();
    const unsigned flags = next(in), more = next(in);
    o.seed = next(in);
    o.ignore_eos = flags & 1;
    o.shift = flags & 2;
    o.mirostat = flags & 4 ? 2 : 0;
    o.grammar = flags & 8 ? grammars[next(in) % 3] : NULL;
    if (flags & 16) o.max_tokens = next_int(in);
    if (flags & 32) o.keep = next_int(in);
    if (flags & 64) o.temperature = next_real(in);
    if (flags & 128) o.alternatives = next_int(in);
    if (more & 1) o.top_p = next_real(in);
    if (more & 2) o.min_p = next_real(in);
    if (more & 4) o.typical_p = next_real(in);
    if (more & 8) o.top_k = next_int(in);
    if (more & 16) o.repetition_penalty = next_real(in);
    for (; more & 32 && o.stop_count < 1 + more % 2; o.stop_count++)
        stops[o.stop_count] = known[next(in) % (sizeof known / sizeof *known)];
    for (; more & 64 && o.logit_bias_count < MAX_BIAS; o.logit_bias_count++)
        bias[o.logit_bias_count] = (pal_logit_bias){next_id(in), next(in) & 1 ? -INFINITY : next_real(in)};
    o.stop = stops;
    o.logit_bias = bias;
    return o;
}

/* Replaces the current one if the options are valid. */
static pal_status make_writer(texts *t, writer *w, input *in, pal_error *err)
{
    pal_logit_bias bias[MAX_BIAS];
    pal_stop_string stops[2];
    const pal_generate_options o = next_options(in, bias, stops);
    pal_generator *made = NULL;
    size_t bytes = 0;
    pal_status status = pal_generator_bytes(t->sequence, &o, &bytes, err);
    if (status) return status;
    void *block = block_of(bytes);
    if (next(in) % 8 == 7) {
        status = pal_generator_init(&made, t->sequence, &o, block, bytes - 1, err);
        check(status == PAL_E_MEMORY && !made, "a block too small is taken");
        free(block);
        return status;
    }
    check(!pal_generator_init(&made, t->sequence, &o, block, bytes, err), "a generator of its size is refused");
    free(w->block);
    *w = (writer){made, block, o.stop_count > 0};
    return PAL_OK;
}

static pal_status save_writer(texts *t, const writer *w, file *f)
{
    const pal_finish finish = pal_generator_progress(w->generator).finish;
    const size_t size = pal_generator_save(w->generator, NULL, 0);
    free(f->data);
    *f = (file){block_of(size), size};
    pal_generator_save(w->generator, f->data, size);
    if (finish == PAL_FINISH_LENGTH || finish == PAL_FINISH_CONTEXT) return PAL_OK; /* these are lifted */
    unsigned char *again = block_of(size);
    check(!pal_generator_restore(w->generator, f->data, size, NULL), "its own session is refused");
    check(pal_generator_save(w->generator, again, size) == size, "restored, it has another size");
    check(memcmp(again, f->data, size) == 0, "restored, it is another one");
    free(again);
    (void)t;
    return PAL_OK;
}

static pal_status append_some(texts *t, input *in, pal_error *err)
{
    int32_t ids[16];
    const int32_t n = next_int(in);
    for (int32_t i = 0; i < 16 && i < n; i++) ids[i] = next_id(in);
    return pal_sequence_append(t->sequence, ids, n > 16 ? CAPACITY + 1 : n, err);
}

static pal_status prompt_ids(const writer *w, input *in, pal_error *err)
{
    int32_t ids[16];
    const int32_t n = next_int(in);
    for (int32_t i = 0; i < 16 && i < n; i++) ids[i] = next_id(in);
    return pal_generator_prompt_tokens(w->generator, ids, n > 16 ? CAPACITY + 1 : n, err);
}

static pal_status prompt_text(const writer *w, input *in, pal_error *err)
{
    char text[12];
    const unsigned flags = next(in), n = next(in) % 12;
    for (unsigned i = 0; i < n; i++) text[i] = (char)next(in);
    return pal_generator_prompt(w->generator, text, n, flags & 3, err);
}

static pal_status restore_some(const writer *w, const file *f, unsigned how, pal_error *err)
{
    return pal_generator_restore(w->generator, f->data, how % 4 == 3 ? f->size / 2 : f->size, err);
}

static pal_status call_sequence(texts *t, unsigned call, input *in, pal_error *err)
{
    float logits[VOCAB];
    int32_t ids[4];
    switch (call) {
    case 0: return append_some(t, in, err);
    case 1: pal_sequence_rewind(t->sequence, next_int(in)); return PAL_OK;
    case 2:
        for (int i = 0; i < 4; i++) ids[i] = next_id(in);
        check(pal_sequence_keep(t->sequence, ids, 4) <= 4, "more is kept than there is");
        return PAL_OK;
    default: return pal_sequence_logits(t->sequence, logits, err);
    }
}

static pal_status call_text(texts *t, writer *w, unsigned call, input *in, pal_error *err)
{
    file *f = &t->files[next(in) % FILES];
    switch (call) {
    case 0: return prompt_text(w, in, err);
    case 1: return prompt_ids(w, in, err);
    case 2: return pal_generator_rewind(w->generator, next_int(in), err);
    case 3: pal_generator_reseed(w->generator, next(in), next(in)); return PAL_OK;
    case 4: pal_generator_limit(w->generator, next_int(in)); return PAL_OK;
    case 5: return save_writer(t, w, f);
    case 6: return restore_some(w, f, next(in), err);
    case 7: return make_writer(t, w, in, err);
    case 8:
    case 9: return call_sequence(t, next(in) % 4, in, err);
    case 10:
    case 11:
    case 12: return pal_generator_push(w->generator, next_id(in), err);
    default: return pal_generator_step(w->generator, err);
    }
}

/* The visible state before a call, and after it. */
typedef struct {
    observation state, saved;
    int32_t length, known; /* length of the sequence; how many of its tokens belong to the text */
} view;

static view look(const texts *t, const writer *w, bool saved)
{
    const pal_generate_progress p = pal_generator_progress(w->generator);
    view v = {.length = pal_sequence_length(t->sequence), .known = p.tokens - p.unread};
    observe_state(&v.state, w->generator);
    if (saved) observe_generator(&v.saved, w->generator);
    return v;
}

/* A step that fails after reading may have replaced tokens of another text in the sequence. */
static void check_unchanged(view *before, view *after, bool failed, bool stepped)
{
    const bool replaced = stepped && after->length < before->length && after->length == before->known;
    const bool same = observed_same(&before->state, &after->state);
    const bool same_saved = observed_same(&before->saved, &after->saved);
    if (!failed) return;
    check(same && (after->length == before->length || replaced), "a call that failed changed something");
    check(same_saved || replaced, "a call that failed changed what is saved");
}

static void run_texts(input *in)
{
    texts t = {0};
    const pal_sequence_options s = {.max_tokens = CAPACITY, .batch = 3, .kv = (pal_kv_type)(next(in) % PAL_KV_TYPES)};
    size_t bytes;
    check(!pal_sequence_bytes(causal, &s, &bytes, NULL), "no size of a sequence");
    t.block = block_of(bytes);
    check(!pal_sequence_init(&t.sequence, causal, &s, t.block, bytes, NULL), "no sequence");
    for (int i = 0; i < FILES; i++) t.files[i].data = block_of(0);
    for (int calls = 0; calls < MAX_CALLS && in->at < in->end; calls++) {
        const unsigned byte = next(in);
        writer *w = &t.writers[byte >> 4 & 1];
        pal_error err = {0};
        if (!w->generator && make_writer(&t, w, in, &err)) continue;
        const bool saved = byte >> 5 == 7;
        view before = look(&t, w, saved);
        const pal_status status = call_text(&t, w, byte & 15, in, &err);
        view after = look(&t, w, saved);
        if (status < 0) check_error(&err, status);
        check_unchanged(&before, &after, status<0, (byte & 15)> 12);
        check_generator(w->generator);
        if (!w->stops) check_text(causal, w->generator);
    }
    for (int i = 0; i < FILES; i++) free(t.files[i].data);
    for (int i = 0; i < GENERATORS; i++) free(t.writers[i].block);
    free(t.block);
}

/* ---- pages ------------------------------------------------------------------------------------------- */

typedef struct {
    pal_session *session;
    void *block;
} page;

static pal_infill_options next_fill(input *in, pal_pin *pins)
{
    pal_infill_options o = pal_infill_defaults();
    const unsigned flags = next(in), more = next(in);
    o.sampler = (pal_sampler)(next(in) % (PAL_MASKED_SAMPLERS + 1));
    o.seed = next(in);
    o.borders = flags & 1;
    o.document = flags & 2;
    o.window = flags & 4;
    o.byte_pieces = flags & 8;
    if (flags & 16) o.temperature = next_real(in);
    if (flags & 32) o.top_p = next_real(in);
    if (flags & 64) o.top_k = next_int(in);
    if (flags & 128) o.steps = next_int(in);
    if (more & 1) o.threshold = next_real(in);
    if (more & 2) o.entropy_bound = next_real(in);
    if (more & 4) o.remask = next_real(in);
    if (more & 8) o.free_max = next_int(in);
    if (more & 16) o.repetition_penalty = next_real(in);
    for (; more & 32 && o.pin_count < 2; o.pin_count++)
        pins[o.pin_count] = (pal_pin){next_int(in), next_int(in), next_id(in)};
    o.pins = pins;
    return o;
}

/* Pieces of pages, and bytes. */
static size_t next_text(input *in, char *text, size_t capacity)
{
    static const char *const parts[] = {"[[2]]", "[[?]]", "[[1-3]]", "the dog ", "\\", "[", "\xF0\x9F\x98\x80",
                                        " a",    "]]"};
    size_t size = 0;
    for (unsigned n = next(in) % 8; n > 0; n--) {
        const unsigned byte = next(in);
        const char *part = parts[byte % (sizeof parts / sizeof *parts)];
        const size_t length = byte >= 0xF0 ? 1 : strlen(part);
        if (capacity - size < length) break;
        memcpy(text + size, byte >= 0xF0 ? (const char *)&(char){(char)next(in)} : part, length);
        size += length;
    }
    return size;
}

static pal_status make_page(page *p, input *in, pal_error *err)
{
    char text[128];
    pal_pin pins[2];
    const pal_infill_options o = next_fill(in, pins);
    const size_t size = next_text(in, text, sizeof text);
    pal_session *made = NULL;
    size_t bytes = 0;
    pal_status status = pal_session_bytes(filling, text, size, &o, &bytes, err);
    if (status) return status;
    void *block = block_of(bytes);
    status = pal_session_init(&made, filling, text, size, &o, block, bytes - (next(in) == 0xFF), err);
    if (status) {
        check(!made, "a session that failed is given");
        free(block);
        return status;
    }
    free(p->block);
    *p = (page){made, block};
    return PAL_OK;
}

static pal_status together(const page *pages, input *in, pal_error *err)
{
    pal_session *sessions[PAGES];
    int32_t count = 0, shown = 0;
    size_t bytes;
    for (int i = 0; i < PAGES; i++)
        if (pages[i].session) {
            sessions[count++] = pages[i].session;
            shown += pal_session_progress(pages[i].session).shown;
        }
    if (shown < 1) return PAL_OK;
    check(!pal_together_bytes(filling, shown, &bytes, err), "no size for several pages");
    void *block = block_of(bytes);
    const unsigned how = next(in);
    const pal_status status =
        pal_evaluate_together(how == 0xFF ? causal : filling, sessions, count, block, how == 0xFE ? 8 : bytes, err);
    free(block);
    return status;
}

static pal_status call_page(page *pages, page *p, unsigned call, input *in, pal_error *err)
{
    const int32_t blank = next_int(in), index = next_int(in);
    switch (call) {
    case 0:
    case 1: return pal_session_pin(p->session, blank, index, next_id(in), err);
    case 2: return pal_session_rewind(p->session, next_int(in), err);
    case 3: pal_session_reseed(p->session, next(in), next(in)); return PAL_OK;
    case 4: return make_page(p, in, err);
    case 5:
    case 6: return together(pages, in, err);
    default: return pal_step(p->session, err);
    }
}

static void check_page(const pal_session *s)
{
    const pal_progress p = pal_session_progress(s);
    check(p.open >= 0 && p.open <= p.places && p.shown >= 0 && p.shown <= p.tokens, "counts that cannot be");
    check(pal_session_tokens(s, NULL, 0) == (size_t)p.places, "another number of places");
    pal_session_reading(s, NULL, 0, NULL, 0);
}

static void run_pages(input *in)
{
    page pages[PAGES] = {0};
    for (int calls = 0; calls < MAX_CALLS && in->at < in->end; calls++) {
        const unsigned byte = next(in);
        page *p = &pages[byte >> 4 & 1];
        pal_error err = {0};
        if (!p->session && make_page(p, in, &err)) continue;
        observation before = {0}, after = {0};
        observe_session(&before, p->session);
        const pal_status status = call_page(pages, p, byte & 15, in, &err);
        observe_session(&after, p->session);
        if (status < 0) check_error(&err, status);
        const bool same = observed_same(&before, &after);
        check(status >= 0 || same, "a call that failed changed something");
        check_page(p->session);
    }
    for (int i = 0; i < PAGES; i++) free(pages[i].block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    if (!causal) open_all();
    if (next(&in) & 1)
        run_pages(&in);
    else
        run_texts(&in);
    return 0;
}
