/* vocab.c - the vocabulary: read from metadata, looked up, decoded.
 *
 * What is checked here, once: three arrays of equal length and the right kind, known types, scores that
 * can be compared, pieces of at most PAL_PIECE_MAX bytes, well-formed byte pieces, special ids in range,
 * some token for any byte.  Empty pieces and pieces that are not UTF-8 are harmless: they keep their id
 * but match nothing.  Of two equal pieces the first is found. */
#include "vocab.h"

#include <stdlib.h>
#include <string.h>

#define SPACE_MARK       "\xE2\x96\x81" /* U+2581, how files write a space */
#define SPACE_MARK_BYTES 3

static bool is_space_mark(const char *s, size_t bytes)
{
    return bytes >= SPACE_MARK_BYTES && memcmp(s, SPACE_MARK, SPACE_MARK_BYTES) == 0;
}

static bool same(pal_str a, pal_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Table 3-7 of the Unicode standard: the lead byte fixes the length and the range of the second byte. */
size_t pal_utf8_char(const char *text, size_t bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    if (bytes == 0) return 0;
    if (s[0] < 0x80) return 1;
    size_t n = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (n == 0 || n > bytes) return 0;
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return n;
}

static bool is_utf8(pal_str s)
{
    for (size_t at = 0; at < s.size;) {
        size_t n = pal_utf8_char(s.data + at, s.size - at);
        if (n == 0) return false;
        at += n;
    }
    return true;
}

/* ---- lookup ------------------------------------------------------------- */

/* FNV-1a with U+2581 taken as a space, so that both forms of a piece have one hash; the last step brings
 * high bits, which are the better mixed ones, to where the mask takes them. */
static uint32_t hash(pal_str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c == 0xE2 && is_space_mark(s.data + i, s.size - i)) {
            c = ' ';
            i += SPACE_MARK_BYTES - 1;
        }
        h = (h ^ c) * 16777619u;
    }
    return h ^ (h >> 15);
}

int32_t pal_vocab_find(const pal_vocab *v, pal_str piece)
{
    uint32_t slot = hash(piece);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t id = v->table[slot & (v->slots - 1)];
        if (id < 0 || same(v->pieces[id].name, piece)) return id;
    }
    return -1;
}

int32_t pal_vocab_find_text(const pal_vocab *v, pal_str text)
{
    uint32_t slot = hash(text);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t id = v->table[slot & (v->slots - 1)];
        if (id < 0 || (v->pieces[id].merges && same(v->pieces[id].text, text))) return id;
    }
    return -1;
}

/* False if the table is crowded at this place, which only happens in files made for it. */
static bool table_add(pal_vocab *v, int32_t id)
{
    const pal_piece *p = &v->pieces[id];
    uint32_t slot = hash(p->name);
    for (int step = 0; step < PAL_PROBE_MAX; step++, slot++) {
        int32_t *place = &v->table[slot & (v->slots - 1)];
        if (*place < 0) {
            *place = id;
            return true;
        }
        const pal_piece *other = &v->pieces[*place];
        if (other->merges == p->merges && same(other->name, p->name)) return true;
    }
    return false;
}

/* ---- reading the metadata ------------------------------------------------ */

typedef struct {
    const pal_gguf *gguf;
    const pal_gguf_value *tokens, *scores, *types;
    size_t text_bytes, whole_count; /* counted before allocating */
} source;

static pal_status fail_at(pal_error *err, pal_status status, const char *text, const pal_gguf *g,
                          const pal_gguf_value *value)
{
    return pal_fail(err, status, text, value ? pal_gguf_value_offset(g, value) : SIZE_MAX);
}

static pal_status find_arrays(source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    const pal_gguf_value *model = pal_gguf_find(g, "tokenizer.ggml.model");
    pal_str name;
    if (!model) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.model is missing", g, NULL);
    if (!pal_gguf_get_str(g, "tokenizer.ggml.model", &name))
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.model is not a string", g, model);
    if (!pal_str_is(name, "llama"))
        return fail_at(err, PAL_E_UNSUPPORTED, "tokenizer.ggml.model is not \"llama\", the only kind known here", g,
                       model);
    src->tokens = pal_gguf_find(g, "tokenizer.ggml.tokens");
    src->scores = pal_gguf_find(g, "tokenizer.ggml.scores");
    src->types = pal_gguf_find(g, "tokenizer.ggml.token_type");
    if (!src->tokens) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is missing", g, NULL);
    if (!src->scores) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores is missing", g, NULL);
    if (!src->types) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type is missing", g, NULL);
    if (!src->tokens->is_array || src->tokens->type != PAL_GGUF_STRING)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is not an array of strings", g, src->tokens);
    if (!src->scores->is_array || src->scores->type != PAL_GGUF_F32)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores is not an array of f32", g, src->scores);
    if (!src->types->is_array || (src->types->type != PAL_GGUF_I32 && src->types->type != PAL_GGUF_U32))
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type is not an array of i32", g, src->types);
    if (src->tokens->count == 0 || src->tokens->count > INT32_MAX / 4)
        return fail_at(err, PAL_E_FORMAT, "the vocabulary has no or too many pieces", g, src->tokens);
    if (src->scores->count != src->tokens->count)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.scores and tokens differ in length", g, src->scores);
    if (src->types->count != src->tokens->count)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.token_type and tokens differ in length", g, src->types);
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

/* Checks every element and counts what is to be allocated. */
static pal_status check_pieces(source *src, pal_error *err)
{
    size_t cursor = 0;
    for (uint64_t i = 0; i < src->tokens->count; i++) {
        pal_str name = pal_gguf_next_str(src->tokens, &cursor);
        size_t offset =
            pal_gguf_value_offset(src->gguf, src->tokens) + (size_t)(name.data - (const char *)src->tokens->data);
        int32_t type = pal_gguf_i32_at(src->types, i);
        float score = pal_gguf_f32_at(src->scores, i);
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

/* Run twice: without a base it measures, with one it places. */
static pal_vocab *layout(pal_arena *arena, const source *src, char **texts)
{
    size_t size = (size_t)src->tokens->count, slots = 4;
    while (slots < 2 * size) slots *= 2;
    pal_vocab *v = pal_take(arena, 1, sizeof *v);
    pal_piece *pieces = pal_take(arena, size, sizeof *pieces);
    int32_t *table = pal_take(arena, slots, sizeof *table);
    pal_whole *whole = pal_take(arena, src->whole_count + 1, sizeof *whole);
    *texts = pal_take(arena, src->text_bytes + 1, 1);
    if (v) {
        memset(v, 0, sizeof *v);
        v->size = (int32_t)size;
        v->pieces = pieces;
        v->slots = (uint32_t)slots;
        v->table = table;
        v->whole = whole;
    }
    return v;
}

/* Writes `name` with each U+2581 as a space to out, which has room for all of it. */
static pal_str unescape(pal_str name, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < name.size; i++) {
        bool mark = is_space_mark(name.data + i, name.size - i);
        out[n++] = mark ? ' ' : name.data[i];
        if (mark) i += SPACE_MARK_BYTES - 1;
    }
    return (pal_str){out, n};
}

static bool is_text_type(int type)
{
    return type == PAL_PIECE_NORMAL || type == PAL_PIECE_USER || type == PAL_PIECE_UNUSED;
}

/* Converters write spaces of user-defined pieces as they are; a normal piece with one can never match,
 * because in the reference all text that it is compared with has U+2581 instead. */
static bool can_match(const pal_piece *p)
{
    if (!is_text_type(p->type) || p->name.size == 0 || !is_utf8(p->name)) return false;
    return p->type == PAL_PIECE_USER || !memchr(p->name.data, ' ', p->name.size);
}

static void fill_pieces(pal_vocab *v, const source *src, char *texts)
{
    size_t cursor = 0;
    for (int32_t i = 0; i < v->size; i++) {
        pal_piece *p = &v->pieces[i];
        p->name = pal_gguf_next_str(src->tokens, &cursor);
        p->score = pal_gguf_f32_at(src->scores, (uint64_t)i);
        p->type = (uint8_t)pal_gguf_i32_at(src->types, (uint64_t)i);
        p->byte = (int16_t)(p->type == PAL_PIECE_BYTE ? parse_byte(p->name) : -1);
        p->unused = p->type == PAL_PIECE_UNUSED ? (int32_t)v->unused_count++ : -1;
        p->text = p->name;
        if (p->byte >= 0) {
            *texts = (char)p->byte;
            p->text = (pal_str){texts, 1};
        } else if (is_text_type(p->type)) {
            p->text = unescape(p->name, texts);
        }
        if (p->text.data == texts) texts += p->text.size;
        p->merges = can_match(p);
        if (p->merges && p->text.size > v->longest) v->longest = p->text.size;
    }
}

/* By text; user-defined before control, then the lower id. */
static int compare_whole(const void *left, const void *right)
{
    const pal_whole *a = left, *b = right;
    int order = memcmp(a->text.data, b->text.data, a->text.size < b->text.size ? a->text.size : b->text.size);
    if (order != 0) return order;
    if (a->text.size != b->text.size) return a->text.size < b->text.size ? -1 : 1;
    if (a->control != b->control) return a->control ? 1 : -1;
    return a->id < b->id ? -1 : 1;
}

static void index_whole(pal_vocab *v)
{
    size_t n = 0, kept = 0;
    for (int32_t i = 0; i < v->size; i++) {
        const pal_piece *p = &v->pieces[i];
        bool control = p->type == PAL_PIECE_CONTROL;
        if (control ? p->name.size > 0 && is_utf8(p->name) : p->merges && p->type == PAL_PIECE_USER)
            v->whole[n++] = (pal_whole){p->text, i, control};
    }
    if (n > 1) qsort(v->whole, n, sizeof *v->whole, compare_whole);
    for (size_t i = 0; i < n; i++) {
        const pal_whole *w = &v->whole[i], *last = kept ? &v->whole[kept - 1] : NULL;
        if (last && same(last->text, w->text)) continue;
        v->whole[kept++] = *w;
    }
    v->whole_count = kept;
    size_t at = 0;
    for (int b = 0; b <= 256; b++) {
        while (at < kept && (unsigned char)v->whole[at].text.data[0] < b) at++;
        v->whole_from[b] = at;
    }
}

static pal_status index_pieces(pal_vocab *v, const source *src, pal_error *err)
{
    for (uint32_t i = 0; i < v->slots; i++) v->table[i] = -1;
    for (int b = 0; b < 256; b++) v->bytes[b] = -1;
    for (int32_t i = 0; i < v->size; i++) {
        if (!table_add(v, i))
            return fail_at(err, PAL_E_FORMAT, "too many pieces of the vocabulary share a hash value", src->gguf,
                           src->tokens);
        int byte = v->pieces[i].byte;
        if (byte >= 0 && v->bytes[byte] < 0) v->bytes[byte] = i;
    }
    index_whole(v);
    return PAL_OK;
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

static pal_status read_flag(bool *out, const pal_gguf *g, const char *key, pal_error *err)
{
    const pal_gguf_value *value = pal_gguf_find(g, key);
    *out = true; /* what "llama" means where the key is absent */
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
    if (read_id(&s->bos, v, g, "tokenizer.ggml.bos_token_id", err) ||
        read_id(&s->eos, v, g, "tokenizer.ggml.eos_token_id", err) ||
        read_id(&s->unknown, v, g, "tokenizer.ggml.unknown_token_id", err) ||
        read_id(&s->mask, v, g, "tokenizer.ggml.mask_token_id", err) ||
        read_flag(&s->add_bos, g, "tokenizer.ggml.add_bos_token", err) ||
        read_flag(&s->add_space_prefix, g, "tokenizer.ggml.add_space_prefix", err))
        return PAL_E_FORMAT;
    if (s->unknown < 0) s->unknown = first_of_type(v, PAL_PIECE_UNKNOWN);
    s->empty = pal_vocab_find(v, (pal_str){"<empty>", 7});
    if (s->empty >= 0 && v->pieces[s->empty].type != PAL_PIECE_CONTROL) s->empty = -1;
    for (int b = 0; b < 256; b++)
        if (v->bytes[b] < 0 && s->unknown < 0)
            return fail_at(err, PAL_E_FORMAT, "the vocabulary has neither all byte pieces nor an unknown token", g,
                           src->tokens);
    return PAL_OK;
}

pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err)
{
    source src = {.gguf = g};
    pal_status status = find_arrays(&src, err);
    if (status) return status;
    PAL_ASSERT(src.tokens && src.scores && src.types);
    status = check_pieces(&src, err);
    if (status) return status;

    pal_arena arena = {0};
    char *texts;
    layout(&arena, &src, &texts);
    arena.base = arena.overflow ? NULL : aligned_alloc(64, arena.used); /* a multiple of 64 */
    if (!arena.base) return pal_fail(err, PAL_E_MEMORY, "no memory for the vocabulary", SIZE_MAX);
    arena.used = 0;
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
