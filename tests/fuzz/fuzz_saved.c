/* fuzz_saved.c - fuzzes saved sessions with a valid digest: a session is refused with nothing changed, or the text can
 * continue.
 *
 * The first byte chooses one of several kinds of session made here, the second what is done after a restore.  Of every
 * 6 bytes the first two are an offset (in words of the first section from its head, or of the second if the highest bit
 * is set) and the others are the word to write there.  Then the digests of both sections are updated. */
#include "fuzzing.h"

#include "core/sha256.h"

enum { KINDS = 7, CAPACITY = 12, HEAD = 56, WORDS = 40, VOCAB = 481 };

/* A generator and its saved session; another generator of the same kind restores it. */
typedef struct {
    pal_sequence *sequence;
    pal_generator *generator;
    void *blocks[2];
    unsigned char *saved, *forged;
    size_t size;
} kind;

static kind kinds[KINDS];
static pal_model *model;
static pal_grammar *grammar;
static const pal_stop_string stop = {"aaaaaaaaaaaa\xF0\x9F", 14};

static pal_generate_options options_of(unsigned which)
{
    pal_generate_options o = pal_generate_defaults();
    o.seed = which;
    o.stop = &stop;
    o.stop_count = which & 1;
    o.mirostat = which % 3 == 0 ? 2 : 0;
    o.shift = which >= 2;
    o.grammar = which == 3 || which == 4 ? grammar : NULL;
    o.ignore_eos = true;
    return o;
}

static void begin(kind *k, unsigned which)
{
    pal_sequence_options s = {.max_tokens = CAPACITY, .batch = 4, .kv = (pal_kv_type)(which % PAL_KV_TYPES)};
    const pal_generate_options o = options_of(which);
    size_t bytes;
    check(!pal_sequence_bytes(model, &s, &bytes, NULL), "no size of a sequence");
    k->blocks[0] = block_of(bytes);
    check(!pal_sequence_init(&k->sequence, model, &s, k->blocks[0], bytes, NULL), "no sequence");
    check(!pal_generator_bytes(k->sequence, &o, &bytes, NULL), "no size of a generator");
    k->blocks[1] = block_of(bytes);
    check(!pal_generator_init(&k->generator, k->sequence, &o, k->blocks[1], bytes, NULL), "no generator");
}

/* The last but one holds back the beginning of a character when its window shifts; the last one has ended. */
static void write_some(kind *k, unsigned which)
{
    static const int32_t prompt[] = {1, 300, 301};
    const int32_t byte_f0 = 3 + 0xF0, byte_9f = 3 + 0x9F;
    check(!pal_generator_prompt_tokens(k->generator, prompt, 3, NULL), "no prompt");
    const int tokens = which < 2 ? 5 : 14;
    if (which < KINDS - 2)
        for (int i = 0; i < tokens; i++) check(pal_generator_step(k->generator, NULL) >= 0, "no step");
    else
        for (int i = 0; i < tokens; i++)
            check(!pal_generator_push(k->generator, i & 1 ? byte_9f : byte_f0, NULL), "no push");
    if (which == KINDS - 1) check(!pal_generator_push(k->generator, 2, NULL), "no end");
}

static void make_kinds(void)
{
    const char text[] = "root ::= (\"(\" [a-z ]+ \")\")+ | [\\U0001F600-\\U0001F64F]+";
    model = open_model(PAL_SOURCE_DIR "/tests/models/tiny-ar.gguf");
    check(pal_model_info(model)->vocabulary == VOCAB, "another vocabulary");
    check(!pal_grammar_open(&grammar, text, sizeof text - 1, NULL), "no grammar");
    for (unsigned which = 0; which < KINDS; which++) {
        kind *k = &kinds[which];
        begin(k, which);
        write_some(k, which);
        k->size = pal_generator_save(k->generator, NULL, 0);
        k->saved = block_of(k->size);
        k->forged = block_of(k->size);
        pal_generator_save(k->generator, k->saved, k->size);
    }
}

static size_t length_of(const unsigned char *section)
{
    size_t length = 0;
    for (size_t i = 0; i < 8; i++) length |= (size_t)section[16 + i] << 8 * i;
    return length;
}

static void sign(unsigned char *section, size_t length)
{
    pal_sha256 h;
    pal_sha256_start(&h);
    pal_sha256_add(&h, section, length - PAL_SHA256_BYTES);
    pal_sha256_end(&h, section + length - PAL_SHA256_BYTES);
}

static void forge(kind *k, input *in)
{
    const size_t first = length_of(k->saved);
    memcpy(k->forged, k->saved, k->size);
    while (in->end - in->at >= 6) {
        const unsigned place = next(in) | next(in) << 8, word = place & 0x7fff;
        const size_t from = place >> 15 ? first : 0, length = place >> 15 ? k->size - first : first;
        const size_t words = (length - HEAD - PAL_SHA256_BYTES) / 4;
        const uint32_t value = next_u32(in);
        const size_t at = from + HEAD + 4 * (word % (words < WORDS ? words : WORDS));
        for (size_t i = 0; i < 4; i++) k->forged[at + i] = (unsigned char)(value >> 8 * i & 255);
    }
    sign(k->forged, first);
    sign(k->forged + first, k->size - first);
}

/* Continues the text and rewinds it; then it must be possible to save and restore it. */
static void go_on(kind *k, unsigned how)
{
    pal_generator *g = k->generator;
    unsigned char *again = NULL;
    pal_error err = {0};
    for (unsigned i = 0; i < 1 + how % 4; i++) {
        const pal_status status =
            how & 0x10 ? pal_generator_push(g, (int32_t)(3 + 97 + i), &err) : pal_generator_step(g, &err);
        if (status < 0) check_error(&err, status);
        check_generator(g);
    }
    const int32_t generated = pal_generator_progress(g).generated;
    if (how & 0x20) pal_generator_rewind(g, generated - (int32_t)(how % 4), &err);
    check_generator(g);
    const size_t size = pal_generator_save(g, NULL, 0);
    again = block_of(size);
    check(pal_generator_save(g, again, size) == size, "another size");
    check(!pal_generator_restore(g, again, size, &err), "its own session is refused");
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    pal_error err = {0};
    if (!model) make_kinds();
    kind *k = &kinds[next(&in) % KINDS];
    const unsigned how = next(&in);
    forge(k, &in);
    observation before = {0}, after = {0};
    if (how & 0x40) observe_generator(&before, k->generator);
    const pal_status status = pal_generator_restore(k->generator, k->forged, k->size, &err);
    if (status) check_error(&err, status);
    if (status && how & 0x40) {
        observe_generator(&after, k->generator);
        check(observed_same(&before, &after), "a refused session changed something");
    }
    free(before.data);
    if (!status) go_on(k, how);
    return 0;
}
