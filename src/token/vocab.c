/* vocab.c - the vocabulary: read from metadata, asked, decoded.
 *
 * What is checked here, once: arrays of equal length and the right kind, known types, scores that can be
 * compared, pieces of at most PAL_PIECE_MAX bytes, well-formed byte pieces, merges of pieces to pieces,
 * special ids in range, some token for any byte (SentencePiece).  Empty pieces and pieces that are not UTF-8
 * are harmless: they keep their id but match nothing.  Of two equal pieces the first is found. */
#include "vocab.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading the metadata ------------------------------------------------ */

typedef struct {
    const pal_gguf *gguf;
    const pal_split_rule *rule; /* NULL: SentencePiece */
    const pal_gguf_value *tokens;
    const pal_gguf_value *scores;   /* SentencePiece only, else NULL */
    const pal_gguf_value *types;    /* NULL where byte-level BPE has none: all are normal */
    const pal_gguf_value *merges;   /* byte-level BPE only, else NULL */
    size_t text_bytes, whole_count; /* counted before allocating */
} source;

static pal_status fail_at(pal_error *err, pal_status status, const char *text, const pal_gguf *g,
                          const pal_gguf_value *value)
{
    return pal_fail(err, status, text, value ? pal_gguf_value_offset(g, value) : SIZE_MAX);
}

/* Which tokenizer it is. */
static pal_status find_kind(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    const pal_gguf_value *model = pal_gguf_find(g, "tokenizer.ggml.model");
    const pal_gguf_value *pre = pal_gguf_find(g, "tokenizer.ggml.pre");
    pal_str name, rule = {"default", 7};
    if (!model) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.model is missing", g, NULL);
    if (!pal_gguf_get_str(g, "tokenizer.ggml.model", &name))
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.model is not a string", g, model);
    if (pal_str_is(name, "llama")) return PAL_OK;
    if (!pal_str_is(name, "gpt2"))
        return fail_at(err, PAL_E_UNSUPPORTED, "tokenizer.ggml.model is neither \"llama\" nor \"gpt2\"", g, model);
    if (pre && !pal_gguf_get_str(g, "tokenizer.ggml.pre", &rule))
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.pre is not a string", g, pre);
    src->rule = pal_split_rule_of(rule);
    if (!src->rule)
        return fail_at(err, PAL_E_UNSUPPORTED,
                       "tokenizer.ggml.pre is none of gpt-2, mpt, llama-bpe, smollm, qwen2, deepseek-coder, starcoder, "
                       "refact, falcon, default",
                       g, pre);
    return PAL_OK;
}

static pal_status find_tokens(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    src->tokens = pal_gguf_find(g, "tokenizer.ggml.tokens");
    if (!src->tokens) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is missing", g, NULL);
    if (!src->tokens->is_array || src->tokens->type != PAL_GGUF_STRING)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is not an array of strings", g, src->tokens);
    if (src->tokens->count == 0 || src->tokens->count > INT32_MAX / 4)
        return fail_at(err, PAL_E_FORMAT, "the vocabulary has no or too many pieces", g, src->tokens);
    return PAL_OK;
}

static pal_status find_scores(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    if (src->rule) return PAL_OK;
    src->scores = pal_gguf_find(g, "tokenizer.ggml.scores");
    if (!src->scores) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores is missing", g, NULL);
    if (!src->scores->is_array || src->scores->type != PAL_GGUF_F32)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores is not an array of f32", g, src->scores);
    if (src->scores->count != src->tokens->count)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores and tokens differ in length", g, src->scores);
    return PAL_OK;
}

static pal_status find_types(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    src->types = pal_gguf_find(g, "tokenizer.ggml.token_type");
    if (!src->types && src->rule) return PAL_OK;
    if (!src->types) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type is missing", g, NULL);
    if (!src->types->is_array || (src->types->type != PAL_GGUF_I32 && src->types->type != PAL_GGUF_U32))
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type is not an array of i32", g, src->types);
    if (src->types->count != src->tokens->count)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type and tokens differ in length", g, src->types);
    return PAL_OK;
}

static pal_status find_merges(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    if (!src->rule) return PAL_OK;
    src->merges = pal_gguf_find(g, "tokenizer.ggml.merges");
    if (!src->merges) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.merges is missing", g, NULL);
    if (!src->merges->is_array || src->merges->type != PAL_GGUF_STRING)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.merges is not an array of strings", g, src->merges);
    if (src->merges->count > INT32_MAX / 4)
        return fail_at(err, PAL_E_FORMAT, "the vocabulary has too many merges", g, src->merges);
    return PAL_OK;
}

/* The byte that "<0xNN>" names, or -1. */
static int parse_byte(pal_str s)
{
    if (s.size != 6 || memcmp(s.data, "<0x", 3) != 0 || s.data[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        char c = s.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static int32_t type_at(const source *src, uint64_t i)
{
    return src->types ? pal_gguf_i32_at(src->types, i) : PAL_PIECE_NORMAL;
}

static float score_at(const source *src, uint64_t i)
{
    return src->scores ? pal_gguf_f32_at(src->scores, i) : 0;
}

/* Checks every element and counts what is to be allocated. */
static pal_status check_pieces(source *src, pal_error *err)
{
    size_t cursor = 0;
    for (uint64_t i = 0; i < src->tokens->count; i++) {
        pal_str name = pal_gguf_next_str(src->tokens, &cursor);
        size_t offset =
            pal_gguf_value_offset(src->gguf, src->tokens) + (size_t)(name.data - (const char *)src->tokens->data);
        int32_t type = type_at(src, i);
        float score = score_at(src, i);
        if (name.size > PAL_PIECE_MAX)
            return pal_fail(err, PAL_E_UNSUPPORTED, "a piece of the vocabulary is longer than 1024 bytes", offset);
        if (type < PAL_PIECE_NORMAL || type > PAL_PIECE_BYTE)
            return pal_fail(err, PAL_E_FORMAT, "a type in tokenizer.ggml.token_type is not 1 to 6", offset);
        if (score != score) return pal_fail(err, PAL_E_FORMAT, "a score of the vocabulary is not a number", offset);
        if (type == PAL_PIECE_BYTE && parse_byte(name) < 0)
            return pal_fail(err, PAL_E_FORMAT, "a byte piece is not written <0xNN>", offset);
        src->text_bytes += name.size;
        src->whole_count += type == PAL_PIECE_USER || type == PAL_PIECE_CONTROL;
    }
    return PAL_OK;
}

/* A power of two, at least twice as many. */
static size_t slots_for(uint64_t count)
{
    size_t slots = 4;
    while (slots < 2 * count) slots *= 2;
    return slots;
}

/* Run twice: without a base it measures, with one it places. */
static pal_vocab *layout(pal_arena *arena, const source *src, char **texts)
{
    size_t size = (size_t)src->tokens->count, slots = slots_for(size);
    size_t merge_slots = src->merges ? slots_for(src->merges->count) : 0;
    pal_vocab *v = pal_take(arena, 1, sizeof *v);
    pal_piece *pieces = pal_take(arena, size, sizeof *pieces);
    int32_t *table = pal_take(arena, slots, sizeof *table);
    int32_t *by_text = src->rule ? pal_take(arena, slots, sizeof *by_text) : table;
    pal_merge *merges = pal_take(arena, merge_slots, sizeof *merges);
    int32_t *made = pal_take(arena, src->merges ? (size_t)src->merges->count : 0, sizeof *made);
    pal_whole *whole = pal_take(arena, src->whole_count + 1, sizeof *whole);
    *texts = pal_take(arena, src->text_bytes + 1, 1);
    if (v) {
        memset(v, 0, sizeof *v);
        v->size = (int32_t)size;
        v->rule = src->rule;
        v->pieces = pieces;
        v->slots = (uint32_t)slots;
        v->table = table;
        v->texts = by_text;
        v->merge_slots = (uint32_t)merge_slots;
        v->merges = merges;
        v->made = made;
        v->whole = whole;
    }
    return v;
}

/* Writes `name` with each U+2581 as a space to out, which has room for all of it. */
static pal_str unescape(pal_str name, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < name.size; i++) {
        bool mark = pal_is_space_mark(name.data + i, name.size - i);
        out[n++] = mark ? ' ' : name.data[i];
        if (mark) i += 2;
    }
    return (pal_str){out, n};
}

static bool is_text_type(int type)
{
    return type == PAL_PIECE_NORMAL || type == PAL_PIECE_USER || type == PAL_PIECE_UNUSED;
}

/* Converters write spaces of user-defined pieces as they are; a normal piece with one can never match,
 * because in the reference all text that it is compared with has U+2581 instead. */
static void fill_spm_text(pal_piece *p, char *texts)
{
    p->text = unescape(p->name, texts);
    p->merges = p->name.size > 0 && pal_is_utf8(p->name) &&
                (p->type == PAL_PIECE_USER || !memchr(p->name.data, ' ', p->name.size));
}

/* User-defined pieces are written in the file as they are in the text, and so are normal ones with a character
 * that stands for no byte.  Merges can give only what is written byte by byte. */
static void fill_bpe_text(pal_piece *p, char *texts)
{
    pal_str bytes = {texts, 0};
    bool whole = pal_bpe_bytes(p->name, texts, &bytes.size) && bytes.size > 0;
    p->text = whole && p->type != PAL_PIECE_USER ? bytes : p->name;
    p->merges = whole && (p->type != PAL_PIECE_USER || pal_str_same(bytes, p->name));
}

static void fill_pieces(pal_vocab *v, const source *src, char *texts)
{
    size_t cursor = 0;
    for (int32_t i = 0; i < v->size; i++) {
        pal_piece *p = &v->pieces[i];
        *p = (pal_piece){.name = pal_gguf_next_str(src->tokens, &cursor), .byte = -1, .unused = -1};
        p->score = score_at(src, (uint64_t)i);
        p->type = (uint8_t)type_at(src, (uint64_t)i);
        p->text = p->name;
        if (p->type == PAL_PIECE_UNUSED && !v->rule) p->unused = (int32_t)v->unused_count++;
        if (p->type == PAL_PIECE_BYTE) {
            p->byte = (int16_t)parse_byte(p->name);
            *texts = (char)p->byte;
            p->text = (pal_str){texts, 1};
        } else if (is_text_type(p->type)) {
            if (v->rule)
                fill_bpe_text(p, texts);
            else
                fill_spm_text(p, texts);
        }
        if (p->text.data == texts) texts += p->text.size;
        if (p->merges && p->text.size > v->longest) v->longest = p->text.size;
    }
}

static pal_status index_pieces(pal_vocab *v, const source *src, pal_error *err)
{
    if (!pal_vocab_index_pieces(v))
        return fail_at(err, PAL_E_FORMAT, "too many pieces of the vocabulary share a hash value", src->gguf,
                       src->tokens);
    pal_vocab_index_whole(v);
    return v->rule ? pal_bpe_read_merges(v, src->gguf, src->merges, err) : PAL_OK;
}

/* ---- special tokens ------------------------------------------------------ */

static pal_status read_id(int32_t *out, const pal_vocab *v, const pal_gguf *g, const char *key, pal_error *err)
{
    const pal_gguf_value *value = pal_gguf_find(g, key);
    uint32_t id;
    *out = -1;
    if (!value) return PAL_OK;
    if (!pal_gguf_get_u32(g, key, &id))
        return fail_at(err, PAL_E_FORMAT, "a special token's id is not an unsigned number", g, value);
    if (id >= (uint32_t)v->size)
        return fail_at(err, PAL_E_FORMAT, "a special token's id is outside the vocabulary", g, value);
    *out = (int32_t)id;
    return PAL_OK;
}

/* *out keeps its value where the key is absent. */
static pal_status read_flag(bool *out, const pal_gguf *g, const char *key, pal_error *err)
{
    const pal_gguf_value *value = pal_gguf_find(g, key);
    if (value && !pal_gguf_get_bool(g, key, out))
        return fail_at(err, PAL_E_FORMAT, "a flag of the tokenizer is not a boolean", g, value);
    return PAL_OK;
}

static int32_t first_of_type(const pal_vocab *v, pal_piece_type type)
{
    for (int32_t i = 0; i < v->size; i++)
        if (v->pieces[i].type == type) return i;
    return -1;
}

static pal_status read_special(pal_vocab *v, const source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    pal_special *s = &v->special;
    s->add_bos = !v->rule || pal_split_is_llama3(v->rule);
    s->add_space_prefix = true;
    if (read_id(&s->bos, v, g, "tokenizer.ggml.bos_token_id", err) ||
        read_id(&s->eos, v, g, "tokenizer.ggml.eos_token_id", err) ||
        read_id(&s->unknown, v, g, "tokenizer.ggml.unknown_token_id", err) ||
        read_id(&s->mask, v, g, "tokenizer.ggml.mask_token_id", err) ||
        read_flag(&s->add_bos, g, "tokenizer.ggml.add_bos_token", err) ||
        read_flag(&s->add_space_prefix, g, "tokenizer.ggml.add_space_prefix", err))
        return PAL_E_FORMAT;
    if (v->rule) s->add_space_prefix = false; /* the format's own reader knows none for these either */
    if (s->unknown < 0) s->unknown = first_of_type(v, PAL_PIECE_UNKNOWN);
    s->empty = pal_vocab_find(v, (pal_str){"<empty>", 7});
    if (s->empty >= 0 && v->pieces[s->empty].type != PAL_PIECE_CONTROL) s->empty = -1;
    for (int b = 0; b < 256; b++)
        if (v->bytes[b] < 0 && s->unknown < 0 && !v->rule)
            return fail_at(err, PAL_E_FORMAT, "the vocabulary has neither all byte pieces nor an unknown token", g,
                           src->tokens);
    return PAL_OK;
}

pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err)
{
    source src = {.gguf = g};
    pal_status status = find_kind(&src, err);
    if (!status) status = find_tokens(&src, err);
    if (!status) status = find_scores(&src, err);
    if (!status) status = find_types(&src, err);
    if (!status) status = find_merges(&src, err);
    if (!status) status = check_pieces(&src, err);
    if (status) return status;

    pal_arena arena = {0};
    char *texts;
    layout(&arena, &src, &texts);
    void *block = arena.overflow ? NULL : aligned_alloc(64, arena.used); /* a multiple of 64 */
    if (!block) return pal_fail(err, PAL_E_MEMORY, "no memory for the vocabulary", SIZE_MAX);
    arena = pal_arena_in(block);
    pal_vocab *v = layout(&arena, &src, &texts);

    fill_pieces(v, &src, texts);
    status = index_pieces(v, &src, err);
    if (!status) status = read_special(v, &src, err);
    if (status) {
        pal_vocab_close(v);
        return status;
    }
    *out = v;
    return PAL_OK;
}

/* The vocabulary is the first thing in its own block. */
void pal_vocab_close(pal_vocab *v)
{
    free(v);
}

/* ---- what is known of a piece --------------------------------------------- */

int32_t pal_vocab_size(const pal_vocab *v)
{
    return v->size;
}

const pal_special *pal_vocab_special(const pal_vocab *v)
{
    return &v->special;
}

static const pal_piece *piece_at(const pal_vocab *v, int32_t id)
{
    PAL_ASSERT(id >= 0 && id < v->size);
    return &v->pieces[id];
}

pal_str pal_vocab_piece(const pal_vocab *v, int32_t id)
{
    return piece_at(v, id)->name;
}

pal_piece_type pal_vocab_type(const pal_vocab *v, int32_t id)
{
    return (pal_piece_type)piece_at(v, id)->type;
}

int pal_vocab_byte(const pal_vocab *v, int32_t id)
{
    return piece_at(v, id)->byte;
}

bool pal_vocab_begins_word(const pal_vocab *v, int32_t id)
{
    const pal_piece *p = piece_at(v, id);
    return is_text_type(p->type) && p->text.size > 0 && p->text.data[0] == ' ';
}

/* ---- decoding ------------------------------------------------------------- */

static bool is_hidden_type(int type)
{
    return type == PAL_PIECE_CONTROL || type == PAL_PIECE_UNKNOWN;
}

/* As much of s as fits. */
static void put(pal_str s, char *out, size_t capacity)
{
    size_t n = s.size < capacity ? s.size : capacity;
    if (n > 0) memcpy(out, s.data, n);
}

size_t pal_vocab_decode_one(const pal_vocab *v, int32_t id, bool special, char *out, size_t capacity)
{
    const pal_piece *p = piece_at(v, id);
    if (is_hidden_type(p->type) && !special) return 0;
    put(p->text, out, capacity);
    return p->text.size;
}

size_t pal_vocab_decode(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special, char *out,
                        size_t capacity)
{
    /* The dummy space is at the start of the first token of text, or nowhere. */
    bool first = prefixed && v->special.add_space_prefix;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const pal_piece *p = piece_at(v, ids[i]);
        bool hidden = is_hidden_type(p->type);
        if (hidden && !special) continue;
        pal_str text = p->text;
        if (first && !hidden) {
            first = false;
            if (text.size > 0 && text.data[0] == ' ') text = (pal_str){text.data + 1, text.size - 1};
        }
        if (n < capacity) put(text, out + n, capacity - n);
        n += text.size;
    }
    return n;
}
