/* encode.c - encodes text with the tokenizer of the vocabulary: SentencePiece (spm.c) or byte-level BPE (bpe.c). */
#include "merge.h"

size_t pal_vocab_scratch_bytes(const pal_vocab *v, size_t bytes)
{
    const size_t each = PAL_MERGER_EACH + 1; /* 1: SentencePiece's copy of the text with a prefix */
    size_t fixed = v->unused_count * sizeof(uint16_t) + each;
    if (bytes > INT32_MAX - 1 || bytes > (SIZE_MAX - 1 - fixed) / each) return SIZE_MAX;
    return bytes * each + fixed;
}

size_t pal_vocab_encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, void *scratch)
{
    if (bytes == 0) return 0;
    bool prefix = (flags & PAL_ENCODE_PREFIX) && v->special.add_space_prefix;
    bool special = (flags & PAL_ENCODE_SPECIAL) != 0;
    pal_tokens out = {.capacity = capacity};
    out.ids = ids;
    if (v->rule)
        pal_bpe_encode(v, text, bytes, special, &out, scratch);
    else
        pal_spm_encode(v, text, bytes, prefix, special, &out, scratch);
    return out.count;
}
