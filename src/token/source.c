/* source.c - reads and checks what a file's metadata say about its vocabulary. */
#include "source.h"
#include "vocab.h"

#include <float.h>
#include <math.h>
#include <string.h>

static pal_status fail_at(pal_error *err, pal_status status, const char *text, const pal_gguf *g,
                          const pal_gguf_value *value)
{
    return pal_fail(err, status, text, value ? pal_gguf_value_offset(g, value) : SIZE_MAX);
}

/* Determines the tokenizer. */
static pal_status find_kind(pal_source *src, pal_error *err)
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
        return fail_at(err, PAL_E_UNSUPPORTED, "the pre-tokenizer that tokenizer.ggml.pre names is not supported", g,
                       pre);
    return PAL_OK;
}

static pal_status find_tokens(pal_source *src, pal_error *err)
{
    const pal_gguf *g = src->gguf;
    src->tokens = pal_gguf_find(g, "tokenizer.ggml.tokens");
    if (!src->tokens) return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is missing", g, NULL);
    if (!src->tokens->is_array || src->tokens->type != PAL_GGUF_STRING)
        return fail_at(err, PAL_E_FORMAT, "tokenizer.ggml.tokens is not an array of strings", g, src->tokens);
    if (src->tokens->count == 0 || src->tokens->count > INT32_MAX / 4)
        return fail_at(err, PAL_E_FORMAT, "the vocabulary has no pieces, or too many", g, src->tokens);
    return PAL_OK;
}

/* Returns an array with one number per piece; NULL if it is missing or has another type. That, and an array that is too
 * short, is noted. */
static const pal_gguf_value *find_numbers(pal_source *src, const char *key, uint32_t note)
{
    const pal_gguf_value *array = pal_gguf_find(src->gguf, key);
    double first;
    if (array && (!array->is_array || (array->count && !pal_gguf_number_at(array, 0, &first)))) array = NULL;
    if (!array || array->count < src->tokens->count) src->notes |= note;
    return array;
}

static pal_status find_merges(pal_source *src, pal_error *err)
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

int pal_source_byte(pal_str name)
{
    if (name.size != 6 || memcmp(name.data, "<0x", 3) != 0 || name.data[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        char c = name.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The type in the file, 0 if it has none. */
static double type_as_given(const pal_source *src, uint64_t i)
{
    double type = 0;
    if (src->types && i < src->types->count) pal_gguf_number_at(src->types, i, &type);
    return type;
}

static bool is_end_by_name(const pal_source *src, uint64_t i)
{
    for (size_t k = 0; k < src->end_named; k++)
        if ((uint64_t)src->ends[k] == i) return true;
    return false;
}

/* In SentencePiece files, byte pieces are recognised by name if the file gives them no type, or gives the type byte to
 * no piece. Pieces with the name of an end token are control pieces, whatever the file says (many call <|im_end|>
 * user-defined): plain text must not become one. */
pal_piece_type pal_source_type(const pal_source *src, uint64_t i, pal_str name)
{
    const double given = type_as_given(src, i);
    const bool known = given >= (int)PAL_PIECE_NORMAL && given <= (int)PAL_PIECE_BYTE;
    const bool byte = pal_source_byte(name) >= 0;
    int type = known ? (int)given : PAL_PIECE_NORMAL;
    if (!src->rule && byte && (!known || (type == PAL_PIECE_NORMAL && !src->has_bytes))) type = PAL_PIECE_BYTE;
    if (type == PAL_PIECE_BYTE && !byte) type = PAL_PIECE_NORMAL;
    if (type != PAL_PIECE_BYTE && is_end_by_name(src, i)) type = PAL_PIECE_CONTROL;
    return (pal_piece_type)type;
}

static bool calls_any_a_byte(const pal_source *src)
{
    for (uint64_t i = 0; src->types && i < src->types->count; i++)
        if (type_as_given(src, i) == (int)PAL_PIECE_BYTE) return true;
    return false;
}

/* A piece without a score merges last. If no piece has one, all are equal. */
float pal_source_score(const pal_source *src, uint64_t i)
{
    double score = -FLT_MAX;
    if (!src->scores || i >= src->scores->count) return -FLT_MAX;
    pal_gguf_number_at(src->scores, i, &score);
    return score != score ? -FLT_MAX : score > FLT_MAX ? INFINITY : score < -FLT_MAX ? -INFINITY : (float)score;
}

static bool is_nan_score(const pal_source *src, uint64_t i)
{
    double score = 0;
    if (src->scores && i < src->scores->count) pal_gguf_number_at(src->scores, i, &score);
    return score != score;
}

/* Checks every piece and counts what must be allocated. */
static void look_at_pieces(pal_source *src)
{
    size_t cursor = 0;
    for (uint64_t i = 0; i < src->tokens->count; i++) {
        const pal_str name = pal_gguf_next_str(src->tokens, &cursor);
        const double given = type_as_given(src, i);
        const pal_piece_type type = pal_source_type(src, i, name);
        if (src->types && i < src->types->count && !(given >= (int)PAL_PIECE_NORMAL && given <= (int)PAL_PIECE_BYTE))
            src->notes |= PAL_NOTE_TYPE;
        if (given == (int)PAL_PIECE_BYTE && type != PAL_PIECE_BYTE) src->notes |= PAL_NOTE_BYTE;
        if (is_nan_score(src, i)) src->notes |= PAL_NOTE_SCORE;
        if (name.size > PAL_PIECE_MAX)
            src->notes |= PAL_NOTE_LONG;
        else
            src->text_bytes += name.size;
        src->whole_count += type == PAL_PIECE_USER || type == PAL_PIECE_CONTROL;
    }
}

pal_status pal_source_find(pal_source *src, const pal_gguf *g, pal_error *err)
{
    *src = (pal_source){.gguf = g};
    pal_status status = find_kind(src, err);
    if (!status) status = find_tokens(src, err);
    if (!status) status = find_merges(src, err);
    if (status) return status;
    if (!src->rule) src->scores = find_numbers(src, "tokenizer.ggml.scores", PAL_NOTE_SCORES);
    src->types = find_numbers(src, "tokenizer.ggml.token_type", PAL_NOTE_TYPES);
    src->has_bytes = calls_any_a_byte(src);
    pal_source_find_ends(src);
    look_at_pieces(src);
    return PAL_OK;
}

int32_t pal_source_id(pal_source *src, const char *key, uint32_t note)
{
    uint32_t id;
    if (!pal_gguf_find(src->gguf, key)) return -1;
    if (pal_gguf_get_u32(src->gguf, key, &id) && id < src->tokens->count) return (int32_t)id;
    src->notes |= note;
    return -1;
}

void pal_source_flag(pal_source *src, const char *key, uint32_t note, bool *out)
{
    uint32_t number;
    if (!pal_gguf_find(src->gguf, key) || pal_gguf_get_bool(src->gguf, key, out)) return;
    if (pal_gguf_get_u32(src->gguf, key, &number) && number < 2)
        *out = number;
    else
        src->notes |= note;
}
