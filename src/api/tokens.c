/* tokens.c - converts text to token ids and back, and answers questions about the vocabulary of a model. */
#include "../network/model.h"

#include <stdlib.h>

static pal_status need_vocab(const pal_model *m, pal_error *err)
{
    return m->vocab ? PAL_OK : pal_fail(err, m->vocab_error.status, m->vocab_error.text, m->vocab_error.offset);
}

pal_status pal_tokenize(const pal_model *m, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, size_t *count, pal_error *err)
{
    pal_status s = need_vocab(m, err);
    if (s) return s;
    size_t scratch_bytes = pal_vocab_scratch_bytes(m->vocab, bytes);
    if (scratch_bytes == SIZE_MAX) return pal_fail(err, PAL_E_MEMORY, "the text is too long to tokenize", SIZE_MAX);
    void *scratch = malloc(scratch_bytes + 1);
    if (!scratch) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the tokenizer", SIZE_MAX);
    unsigned how =
        (flags & PAL_TOKENIZE_INSIDE ? 0 : PAL_ENCODE_PREFIX) | (flags & PAL_TOKENIZE_SPECIAL ? PAL_ENCODE_SPECIAL : 0);
    *count = pal_vocab_encode(m->vocab, text, bytes, how, ids, capacity, scratch);
    free(scratch);
    return PAL_OK;
}

pal_status pal_detokenize(const pal_model *m, const int32_t *ids, size_t count, unsigned flags, char *text,
                          size_t capacity, size_t *bytes, pal_error *err)
{
    pal_status s = need_vocab(m, err);
    if (s) return s;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= pal_vocab_size(m->vocab))
            return pal_fail(err, PAL_E_OPTION, "a token id is outside the vocabulary", i);
    *bytes = pal_vocab_decode(m->vocab, ids, count, !(flags & PAL_TOKENIZE_INSIDE), flags & PAL_TOKENIZE_SPECIAL, text,
                              capacity);
    return PAL_OK;
}

const char *pal_token_piece(const pal_model *m, int32_t id, size_t *bytes)
{
    static const char digits[] = "123456789"; /* of boards */
    if (m->board && id > 0 && id < m->classes.vocab) {
        *bytes = 1;
        return digits + id - 1;
    }
    if (!m->vocab || id < 0 || id >= pal_vocab_size(m->vocab)) return NULL;
    pal_str piece = pal_vocab_piece(m->vocab, id);
    *bytes = piece.size;
    return piece.data;
}

size_t pal_text_ends(const pal_model *m, int32_t *ids, size_t capacity)
{
    if (!m->vocab) return 0;
    const pal_special *special = pal_vocab_special(m->vocab);
    for (size_t i = 0; i < special->end_count && i < capacity; i++) ids[i] = special->ends[i];
    return special->end_count;
}

const char *pal_vocabulary_note(const pal_model *m, size_t index)
{
    return m->vocab ? pal_vocab_note(m->vocab, index) : NULL;
}
