/* token.h - text to tokens and back (internal).
 *
 * A vocabulary is read from GGUF metadata alone (tokenizer.ggml.*), so that it works for vocabulary-only
 * files and for every architecture.  `tokenizer.ggml.model` = "llama" is SentencePiece BPE with byte fallback,
 * "gpt2" is byte-level BPE with the rule to split words that `tokenizer.ggml.pre` names (split.c lists them; where absent,
 * default).  Text is
 * not normalised.  All text is bytes; invalid UTF-8 becomes tokens of single bytes, or of what the vocabulary
 * makes of them, and comes back as it was. */
#ifndef PAL_TOKEN_H
#define PAL_TOKEN_H

#include "../gguf/gguf.h"

/* Values of tokenizer.ggml.token_type. */
typedef enum {
    PAL_PIECE_NORMAL = 1,
    PAL_PIECE_UNKNOWN = 2,
    PAL_PIECE_CONTROL = 3,
    PAL_PIECE_USER = 4,
    PAL_PIECE_UNUSED = 5,
    PAL_PIECE_BYTE = 6
} pal_piece_type;

typedef struct pal_vocab pal_vocab;

/* Bytes of the UTF-8 character at the start of text[bytes], 1 to 4; 0 where none starts (overlong forms,
 * surrogates, values above U+10FFFF and cut characters included) and for no bytes. */
size_t pal_utf8_char(const char *text, size_t bytes);

/* The image behind g must stay until pal_vocab_close, g itself need not.  Refused: other tokenizers and
 * rules (PAL_E_UNSUPPORTED), no list of pieces, byte-level BPE without merges.  All else that is odd is left aside,
 * and pal_vocab_note says so.  Of equal pieces the first id is used; empty ones and ones that are not UTF-8 match
 * nothing, but decode. */
pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err);
void pal_vocab_close(pal_vocab *v); /* NULL is allowed */

int32_t pal_vocab_size(const pal_vocab *v);
pal_str pal_vocab_piece(const pal_vocab *v, int32_t id); /* as in the file: U+2581 or U+0120 for a space */
pal_piece_type pal_vocab_type(const pal_vocab *v, int32_t id);
int pal_vocab_byte(const pal_vocab *v, int32_t id);         /* 0..255 of a byte piece, else -1 */
bool pal_vocab_begins_word(const pal_vocab *v, int32_t id); /* starts with a space */
int32_t pal_vocab_find(const pal_vocab *v, pal_str piece);  /* exact piece -> id, or -1 */

enum { PAL_TEXT_ENDS = 48 }; /* more than there can be */

/* Ids named by the metadata, -1 where the file names none.  unknown is the first piece of that type where no
 * key names it; empty is the control piece "<empty>". */
typedef struct {
    int32_t bos, eos, unknown, mask, empty;
    int32_t ends[PAL_TEXT_ENDS]; /* [end_count] tokens that end texts, by key or by name (ends.c), the lowest first */
    size_t end_count;
    bool add_bos;          /* tokenizer.ggml.add_bos_token; where absent, true for "llama" and for llama-bpe */
    bool add_space_prefix; /* tokenizer.ggml.add_space_prefix, true for "llama" where absent; never for "gpt2" */
} pal_special;
const pal_special *pal_vocab_special(const pal_vocab *v);

/* What in the file's vocabulary was left aside, and what is done instead, each a constant text; NULL behind the last. */
const char *pal_vocab_note(const pal_vocab *v, size_t index);

enum {
    PAL_ENCODE_PREFIX =
        1, /* the text starts a page: put the dummy space (if the model has one) before it, behind control
                              pieces that are written there */
    PAL_ENCODE_SPECIAL = 2 /* control pieces written in the text are matched too */
};

/* Encodes text[bytes] as the family's reference does; no BOS or EOS is added.  ids[capacity] receives at most
 * capacity tokens, the return value is how many there are (never more than bytes + 1).  scratch holds at
 * least pal_vocab_scratch_bytes(v, bytes) bytes, aligned to 8; SIZE_MAX means that the text is too long
 * (above 2^31 - 2 bytes, or what the address space allows).  Empty text gives no tokens.  Time grows as n log n.
 *
 * Everything comes back: decoding (with prefixed, special as in encoding) gives the same bytes, as long as
 * the vocabulary has all byte pieces.  Where it has not, a "gpt2" file leaves out the bytes that no piece writes; in
 * a "llama" file characters that it can write in no other way become the unknown token, one for a run of them, or
 * nothing where it has no such token. */
size_t pal_vocab_scratch_bytes(const pal_vocab *v, size_t bytes);
size_t pal_vocab_encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, void *scratch);

/* Writes the bytes of one token (U+2581 as a space, byte pieces as their byte, control and unknown pieces
 * as nothing unless `special`) into out[capacity], as many as fit; returns how many bytes it has.  Ids are
 * the caller's to keep in range, here and above. */
size_t pal_vocab_decode_one(const pal_vocab *v, int32_t id, bool special, char *out, size_t capacity);

/* Decodes a sequence; with `prefixed` one leading space that stands for the dummy prefix is dropped (from
 * the first token of text; control tokens that are not written may stand before it).  As above, writes at most capacity bytes
 * and returns how many there are; so capacity 0 measures. */
size_t pal_vocab_decode(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special, char *out,
                        size_t capacity);

#endif
