/* token.h - text to tokens and back (internal).
 *
 * A vocabulary is read from GGUF metadata alone (tokenizer.ggml.*), so that it works for vocabulary-only
 * files and for every architecture.  Here: `tokenizer.ggml.model` = "llama", SentencePiece BPE with byte
 * fallback.  All text is bytes; invalid UTF-8 becomes byte tokens and comes back as it was. */
#ifndef PAL_TOKEN_H
#define PAL_TOKEN_H

#include "../gguf/gguf.h"

typedef enum {              /* values of tokenizer.ggml.token_type */
    PAL_PIECE_NORMAL = 1, PAL_PIECE_UNKNOWN = 2, PAL_PIECE_CONTROL = 3, PAL_PIECE_USER = 4,
    PAL_PIECE_UNUSED = 5, PAL_PIECE_BYTE = 6
} pal_piece_type;

typedef struct pal_vocab pal_vocab;

pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err);
void pal_vocab_close(pal_vocab *v);

int32_t pal_vocab_size(const pal_vocab *v);
pal_str pal_vocab_piece(const pal_vocab *v, int32_t id);        /* as in the file: U+2581 for a space */
pal_piece_type pal_vocab_type(const pal_vocab *v, int32_t id);
int pal_vocab_byte(const pal_vocab *v, int32_t id);             /* 0..255 of a byte piece, else -1 */
bool pal_vocab_begins_word(const pal_vocab *v, int32_t id);     /* starts with the space mark U+2581 */
int32_t pal_vocab_find(const pal_vocab *v, pal_str piece);      /* exact piece -> id, or -1 */

/* Ids named by the metadata, -1 where the file names none.  empty is the control piece "<empty>". */
typedef struct {
    int32_t bos, eos, unknown, mask, empty;
    bool add_bos;           /* tokenizer.ggml.add_bos_token, true for "llama" where absent */
    bool add_space_prefix;  /* tokenizer.ggml.add_space_prefix, true for "llama" where absent */
} pal_special;
const pal_special *pal_vocab_special(const pal_vocab *v);

enum {
    PAL_ENCODE_PREFIX = 1,  /* the text starts a page: put the dummy space first (if the model has one) */
    PAL_ENCODE_SPECIAL = 2  /* control pieces written in the text are matched too */
};

/* Encodes text[bytes]; no BOS or EOS is added.  ids[capacity] receives at most capacity tokens, the
 * return value is how many there are (never more than bytes + 1).  scratch holds at least
 * pal_vocab_scratch_bytes(v, bytes) bytes, aligned to 8.  Empty text gives no tokens.
 * Time grows as n log n. */
size_t pal_vocab_scratch_bytes(const pal_vocab *v, size_t bytes);
size_t pal_vocab_encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags,
                        int32_t *ids, size_t capacity, void *scratch);

/* Writes the bytes of one token (U+2581 as a space, byte pieces as their byte, control and unknown pieces
 * as nothing unless `special`) into out[capacity]; returns how many bytes it has. */
size_t pal_vocab_decode_one(const pal_vocab *v, int32_t id, bool special, char *out, size_t capacity);

/* Decodes a sequence; with `prefixed` one leading space that stands for the dummy prefix is dropped. */
size_t pal_vocab_decode(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special,
                        char *out, size_t capacity);

#endif
