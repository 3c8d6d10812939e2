/* vocab.h - the internals of a vocabulary (shared by src/token only).
 *
 * Each piece has two forms: `name` as in the file, and `text`, the bytes it stands for. SentencePiece names write a
 * space as U+2581; byte-level names write every byte as a printable character. Encoding uses `text`, so the input needs
 * no escaping (which would make it several times longer). A U+2581 in the input matches no SentencePiece piece: it
 * becomes its three bytes, and decodes to itself. */
#ifndef PAL_VOCAB_H
#define PAL_VOCAB_H

#include "source.h"
#include "split.h"
#include "token.h"

enum {
    PAL_PIECE_MAX = 1024, /* bytes; longer pieces match nothing, so the cost of a lookup is bounded */
    PAL_PROBE_MAX = 256   /* steps of a hash lookup; ordinary files need far fewer, since the tables are at most half
                             full */
};

typedef struct {
    pal_str name, text;
    float score;    /* SentencePiece: higher merges first; never NaN */
    int32_t unused; /* SentencePiece: index among the unused pieces, otherwise -1 */
    int16_t byte;   /* the byte of a byte piece, otherwise -1 */
    uint8_t type;   /* pal_piece_type */
    bool merges;    /* can be the result of a merge: pal_vocab_find_text finds it */
    bool word;      /* byte-level: a word equal to this piece becomes it without merging */
} pal_piece;

/* A piece that is matched as a whole before merging: user-defined or control. */
typedef struct {
    pal_str text;
    int32_t id;
    bool control;
} pal_whole;

/* Byte-level: two pieces that merge; the lowest rank merges first. */
typedef struct {
    int32_t left, right; /* left is -1 in an empty slot */
    uint32_t rank;       /* index in the file's list */
} pal_merge;

struct pal_vocab {
    int32_t size;
    const pal_split_rule *rule; /* NULL: SentencePiece; otherwise byte-level BPE with this rule to split words */
    pal_piece *pieces;          /* [size] */
    uint32_t slots;             /* slots of the hash tables: a power of two, at least twice the pieces */
    int32_t *table;             /* [slots] ids by name, -1 empty; linear probing */
    int32_t *texts;             /* [slots] ids by text of the pieces that merge; SentencePiece: the same table */
    uint32_t merge_slots;       /* a power of two, at least twice the merges */
    pal_merge *merges;          /* [merge_slots] by left and right; linear probing */
    int32_t *made;              /* by rank: the piece that a merge produces */
    size_t whole_count;
    pal_whole *whole;       /* [whole_count] sorted by text, without duplicates: user-defined replaces control */
    size_t whole_from[257]; /* pieces that start with byte b are [whole_from[b] .. whole_from[b + 1]) */
    int32_t bytes[256];     /* id of the piece for each byte, -1 if there is none */
    size_t longest;         /* bytes of the longest text of a piece that merges */
    size_t unused_count;
    pal_special special;
    uint32_t notes; /* PAL_NOTE_* */
};

/* ---- lookup.c --------------------------------------------------------------------------- */

bool pal_is_utf8(pal_str s);
bool pal_str_same(pal_str a, pal_str b);
bool pal_is_space_mark(const char *s, size_t bytes); /* whether s starts with U+2581 */

/* The piece that can result from merges and has exactly this text, or -1. */
int32_t pal_vocab_find_text(const pal_vocab *v, pal_str text);

/* The longest whole piece that text[bytes] starts with, or NULL; control pieces only if `special`.
 * pal_vocab_match_whole looks at the first byte, which is enough at most positions of a text. */
const pal_whole *pal_vocab_match_longest(const pal_vocab *v, const char *text, size_t bytes, bool special);
static inline const pal_whole *pal_vocab_match_whole(const pal_vocab *v, const char *text, size_t bytes, bool special)
{
    const size_t *from = &v->whole_from[(unsigned char)text[0]];
    return from[0] == from[1] ? NULL : pal_vocab_match_longest(v, text, bytes, special);
}

/* Fill the tables once all pieces are known. False: a table has too many collisions at one position, which only happens
 * in files made for that purpose. */
bool pal_vocab_index_pieces(pal_vocab *v);
void pal_vocab_index_whole(pal_vocab *v);

/* ---- bpe.c ------------------------------------------------------------------------------- */

/* Converts a name to the bytes that its characters stand for, at most name.size. Returns false if a character stands
 * for none. out must hold name.size bytes and is overwritten in any case. */
bool pal_bpe_bytes(pal_str name, char *out, size_t *bytes);

/* Fills v->merges from the file's array of merges and marks the words; all other fields of v must be set. Invalid
 * merges are ignored and noted. */
pal_status pal_bpe_read_merges(pal_vocab *v, pal_source *src, pal_error *err);

/* ---- encoding: encode.c chooses between spm.c and bpe.c ------------------------------------- */

typedef struct {
    int32_t *ids;
    size_t capacity, count;
    bool after_unknown; /* a run of text that has no piece becomes one token */
} pal_tokens;

static inline void pal_put_id(pal_tokens *out, int32_t id)
{
    if (out->count < out->capacity) out->ids[out->count] = id;
    out->count++;
    out->after_unknown = false;
}

/* For text that has no piece; dropped if there is no unknown piece. */
static inline void pal_put_unknown(pal_tokens *out, const pal_vocab *v)
{
    if (!out->after_unknown && v->special.unknown >= 0) pal_put_id(out, v->special.unknown);
    out->after_unknown = true;
}

/* scratch must hold PAL_MERGER_EACH + 1 bytes per byte of text, the same once more, and 2 bytes per unused piece. */
void pal_spm_encode(const pal_vocab *v, const char *text, size_t bytes, bool prefix, bool special, pal_tokens *out,
                    void *scratch);
void pal_bpe_encode(const pal_vocab *v, const char *text, size_t bytes, bool special, pal_tokens *out, void *scratch);

#endif
