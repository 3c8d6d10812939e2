/* vocab.c - builds a vocabulary from a file's metadata, returns its properties, and decodes tokens.
 *
 * source.c has handled invalid values. Pieces that are empty or not UTF-8 keep their id but match nothing; pieces
 * longer than PAL_PIECE_MAX have no text either. Of two equal pieces the first is found. */
#include "source.h"
#include "vocab.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory -------------------------------------------------------------- */

/* The smallest power of two that is at least 4 and at least twice the count. */
static size_t slots_for(uint64_t count)
{
    size_t slots = 4;
    while (slots < 2 * count) slots *= 2;
    return slots;
}

/* Called twice: measures if the arena has no base, then places. */
static pal_vocab *layout(pal_arena *arena, const pal_source *src, char **texts)
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

/* Writes `name` to out, each U+2581 as a space; out must be large enough. */
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

/* Converters leave spaces in user-defined pieces unchanged. A normal piece with a space can never match, because the
 * reference compares it with text that has U+2581 instead. */
static void fill_spm_text(pal_piece *p, char *texts)
{
    p->text = unescape(p->name, texts);
    p->merges = p->name.size > 0 && pal_is_utf8(p->name) &&
                (p->type == PAL_PIECE_USER || !memchr(p->name.data, ' ', p->name.size));
}

/* In the file, user-defined pieces are plain text, and so are normal pieces with a character that does not stand for a
 * byte. Merges can only produce pieces that are written byte by byte. */
static void fill_bpe_text(pal_piece *p, char *texts)
{
    pal_str bytes = {texts, 0};
    bool whole = pal_bpe_bytes(p->name, texts, &bytes.size) && bytes.size > 0;
    p->text = whole && p->type != PAL_PIECE_USER ? bytes : p->name;
    p->merges = whole && (p->type != PAL_PIECE_USER || pal_str_same(bytes, p->name));
}

static void fill_pieces(pal_vocab *v, const pal_source *src, char *texts)
{
    size_t cursor = 0;
    for (int32_t i = 0; i < v->size; i++) {
        pal_piece *p = &v->pieces[i];
        *p = (pal_piece){.name = pal_gguf_next_str(src->tokens, &cursor), .byte = -1, .unused = -1};
        p->score = src->rule ? 0 : pal_source_score(src, (uint64_t)i);
        p->type = (uint8_t)pal_source_type(src, (uint64_t)i, p->name);
        p->text = p->name.size > PAL_PIECE_MAX ? (pal_str){p->name.data, 0} : p->name;
        if (p->type == PAL_PIECE_UNUSED && !v->rule) p->unused = (int32_t)v->unused_count++;
        if (p->type == PAL_PIECE_BYTE) {
            p->byte = (int16_t)pal_source_byte(p->name);
            *texts = (char)p->byte;
            p->text = (pal_str){texts, 1};
        } else if (is_text_type(p->type) && p->name.size <= PAL_PIECE_MAX) {
            if (v->rule)
                fill_bpe_text(p, texts);
            else
                fill_spm_text(p, texts);
        }
        if (p->text.data == texts) texts += p->text.size;
        if (p->merges && p->text.size > v->longest) v->longest = p->text.size;
    }
}

static pal_status index_pieces(pal_vocab *v, pal_source *src, pal_error *err)
{
    if (!pal_vocab_index_pieces(v))
        return pal_fail(err, PAL_E_FORMAT, "too many pieces of the vocabulary share a hash value",
                        pal_gguf_value_offset(src->gguf, src->tokens));
    pal_vocab_index_whole(v);
    return v->rule ? pal_bpe_read_merges(v, src, err) : PAL_OK;
}

/* ---- special tokens ------------------------------------------------------ */

static int32_t first_of_type(const pal_vocab *v, pal_piece_type type)
{
    for (int32_t i = 0; i < v->size; i++)
        if (v->pieces[i].type == type) return i;
    return -1;
}

static int compare_ids(const void *left, const void *right)
{
    const int32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void read_special(pal_vocab *v, pal_source *src)
{
    pal_special *s = &v->special;
    s->add_bos = !v->rule || pal_split_adds_bos(v->rule);
    s->add_space_prefix = true;
    s->bos = pal_source_id(src, "tokenizer.ggml.bos_token_id", PAL_NOTE_BOS);
    s->eos = pal_source_id(src, "tokenizer.ggml.eos_token_id", PAL_NOTE_EOS);
    s->unknown = pal_source_id(src, "tokenizer.ggml.unknown_token_id", PAL_NOTE_UNKNOWN);
    s->mask = pal_source_id(src, "tokenizer.ggml.mask_token_id", PAL_NOTE_MASK);
    pal_source_flag(src, "tokenizer.ggml.add_bos_token", PAL_NOTE_ADD_BOS, &s->add_bos);
    pal_source_flag(src, "tokenizer.ggml.add_space_prefix", PAL_NOTE_ADD_SPACE, &s->add_space_prefix);
    if (v->rule) s->add_space_prefix = false; /* the format's own reader has none for these either */
    if (s->unknown < 0) s->unknown = first_of_type(v, PAL_PIECE_UNKNOWN);
    s->empty = pal_vocab_find(v, (pal_str){"<empty>", 7});
    if (s->empty >= 0 && v->pieces[s->empty].type != PAL_PIECE_CONTROL) s->empty = -1;
    for (int b = 0; b < 256; b++)
        if (v->bytes[b] < 0 && (s->unknown < 0 || v->rule)) src->notes |= PAL_NOTE_BYTES;
    memcpy(s->ends, src->ends, sizeof s->ends);
    s->end_count = src->end_count;
    if (s->end_count > 1) qsort(s->ends, s->end_count, sizeof *s->ends, compare_ids);
}

pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err)
{
    pal_source src;
    pal_status status = pal_source_find(&src, g, err);
    if (status) return status;

    pal_arena arena = {0};
    char *texts;
    layout(&arena, &src, &texts);
    const size_t bytes = arena.used; /* a multiple of 64 */
    void *block = arena.overflow ? NULL : aligned_alloc(64, bytes);
    if (!block) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the vocabulary", SIZE_MAX);
    arena = pal_arena_in(block);
    pal_vocab *v = layout(&arena, &src, &texts);
    PAL_ASSERT(arena.used == bytes);
    if (!texts) __builtin_unreachable(); /* the arena has a base, so every array is placed */

    fill_pieces(v, &src, texts);
    status = index_pieces(v, &src, err);
    if (status) {
        pal_vocab_close(v);
        return status;
    }
    read_special(v, &src);
    v->notes = src.notes;
    *out = v;
    return PAL_OK;
}

/* The vocabulary is at the start of its block. */
void pal_vocab_close(pal_vocab *v)
{
    free(v);
}

/* ---- notes ------------------------------------------------------------------ */

#define NO_TOKEN(key) "tokenizer.ggml." key " is not a token of the vocabulary: ignored"
#define NO_FLAG(key)  "tokenizer.ggml." key " is neither true nor false: ignored"

const char *pal_vocab_note(const pal_vocab *v, size_t index)
{
    static const char *const texts[PAL_NOTES] = {
        NO_TOKEN("bos_token_id"),
        NO_TOKEN("eos_token_id"),
        NO_TOKEN("eot_token_id"),
        NO_TOKEN("eom_token_id"),
        NO_TOKEN("unknown_token_id"),
        NO_TOKEN("mask_token_id"),
        NO_TOKEN("fim_pad_token_id, fim_rep_token_id or fim_sep_token_id"),
        NO_FLAG("add_bos_token"),
        NO_FLAG("add_space_prefix"),
        "tokenizer.ggml.scores is missing, too short or not numbers: pieces without a score merge last",
        "a score in tokenizer.ggml.scores is not a number: that piece merges last",
        "tokenizer.ggml.token_type is missing, too short or not numbers: pieces without a type are normal",
        "a type in tokenizer.ggml.token_type is not 1 to 6: that piece is treated as normal",
        "a byte piece is not written <0xNN>: that piece is treated as normal",
        "a piece is longer than 1024 bytes: it is not used",
        "merges that name pieces outside the vocabulary are ignored",
        "some bytes have no piece: they are dropped from texts",
    };
    for (int note = 0; note < PAL_NOTES; note++)
        if ((v->notes >> note & 1) && index-- == 0) return texts[note];
    return NULL;
}

/* ---- properties of pieces ------------------------------------------------- */

int32_t pal_vocab_size(const pal_vocab *v)
{
    return v->size;
}

bool pal_vocab_is_byte_level(const pal_vocab *v)
{
    return v->rule != NULL;
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

/* Copies as much of s as fits. */
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
    /* The dummy space is at the start of the first text token; after a control piece that is written there is none. */
    bool first = prefixed && v->special.add_space_prefix;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const pal_piece *p = piece_at(v, ids[i]);
        bool hidden = is_hidden_type(p->type);
        if (hidden && !special) continue;
        if (p->type == PAL_PIECE_CONTROL) first = false;
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
