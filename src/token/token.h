/* token.h - converts text to tokens and back (internal).
 *
 * A vocabulary is read from GGUF metadata only (tokenizer.ggml.*), so it works for vocabulary-only files and for every
 * architecture. `tokenizer.ggml.model` = "llama" is SentencePiece BPE with byte fallback; "gpt2" is byte-level BPE, and
 * `tokenizer.ggml.pre` names its rule for splitting words (listed in split.c; if absent: default). Text is not
 * normalised. All text is bytes; invalid UTF-8 becomes tokens of single bytes, or what the vocabulary makes of these
 * bytes, and decodes to the same bytes. */
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

/* Length in bytes of the UTF-8 character at the start of text[bytes], 1 to 4; 0 if there is no valid character
 * (overlong forms, surrogates, values above U+10FFFF, incomplete characters) or bytes is 0. */
size_t pal_utf8_char(const char *text, size_t bytes);

/* The file image that g refers to must outlive the vocabulary; g itself need not. Refused: other tokenizers and
 * splitting rules (PAL_E_UNSUPPORTED), no list of pieces, byte-level BPE without merges. Any other invalid value is
 * ignored and reported by pal_vocab_note. Of equal pieces the first id is used; pieces that are empty or not UTF-8
 * match nothing, but can be decoded. */
pal_status pal_vocab_open(pal_vocab **out, const pal_gguf *g, pal_error *err);
void pal_vocab_close(pal_vocab *v); /* NULL is allowed */

int32_t pal_vocab_size(const pal_vocab *v);
bool pal_vocab_is_byte_level(const pal_vocab *v); /* pieces are bytes, and can begin and end inside a character */
pal_str pal_vocab_piece(const pal_vocab *v, int32_t id); /* as in the file: U+2581 or U+0120 for a space */
pal_piece_type pal_vocab_type(const pal_vocab *v, int32_t id);
int pal_vocab_byte(const pal_vocab *v, int32_t id);         /* the byte of a byte piece, otherwise -1 */
bool pal_vocab_begins_word(const pal_vocab *v, int32_t id); /* starts with a space */
int32_t pal_vocab_find(const pal_vocab *v, pal_str piece);  /* id of the piece with exactly this name, or -1 */

enum { PAL_TEXT_ENDS = 48 }; /* above the largest possible number */

/* Ids named by the metadata; -1 if the file names none. unknown is the first piece of that type if no key names one;
 * empty is the control piece "<empty>". */
typedef struct {
    int32_t bos, eos, unknown, mask, empty;
    int32_t ends[PAL_TEXT_ENDS]; /* [end_count] tokens that end texts, by key or by name (ends.c), in ascending order */
    size_t end_count;
    bool add_bos;          /* tokenizer.ggml.add_bos_token; if absent: true for "llama" and for llama-bpe */
    bool add_space_prefix; /* tokenizer.ggml.add_space_prefix; if absent: true for "llama"; always false for "gpt2" */
} pal_special;
const pal_special *pal_vocab_special(const pal_vocab *v);

/* Returns a constant text for each part of the file's vocabulary that is ignored, with what is done instead; NULL after
 * the last. */
const char *pal_vocab_note(const pal_vocab *v, size_t index);

enum {
    PAL_ENCODE_PREFIX = 1, /* the text starts a page */
    PAL_ENCODE_SPECIAL = 2 /* control pieces written in the text are matched too */
};

/* Encodes text[bytes] as the reference implementation does; adds no BOS or EOS. PAL_ENCODE_PREFIX adds the dummy space
 * at the start, if the model has one, unless the text starts with a matched control piece. Stores up to capacity tokens
 * in ids and returns the number of tokens of the text, at most bytes + 1. scratch must hold pal_vocab_scratch_bytes(v,
 * bytes) bytes, aligned to 8; SIZE_MAX means that the text is too long (above 2^31 - 2 bytes, or above the address
 * space). Empty text has no tokens. Takes O(n log n) time.
 *
 * Decoding (with `prefixed` and `special` as in encoding) gives the same bytes, if the vocabulary has all byte pieces.
 * Otherwise a "gpt2" vocabulary drops the bytes that have no piece; in a "llama" vocabulary, characters that have no
 * other encoding become the unknown token, one per run of them, or are dropped if there is no such token. */
size_t pal_vocab_scratch_bytes(const pal_vocab *v, size_t bytes);
size_t pal_vocab_encode(const pal_vocab *v, const char *text, size_t bytes, unsigned flags, int32_t *ids,
                        size_t capacity, void *scratch);

/* Writes the bytes of one token to out[capacity], as many as fit, and returns their number. U+2581 becomes a space,
 * byte pieces their byte; control and unknown pieces become nothing unless `special`. Here and above, id must be in
 * range. */
size_t pal_vocab_decode_one(const pal_vocab *v, int32_t id, bool special, char *out, size_t capacity);

/* Decodes a sequence of tokens. With `prefixed`, drops one leading space, the dummy prefix, from the first text token
 * (it may follow control tokens, unless these are written). Writes up to capacity bytes and returns the number of bytes
 * of the text; capacity 0 measures. */
size_t pal_vocab_decode(const pal_vocab *v, const int32_t *ids, size_t count, bool prefixed, bool special, char *out,
                        size_t capacity);

#endif
