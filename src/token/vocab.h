/* vocab.h - what a vocabulary looks like inside (shared by src/token only).
 *
 * Pieces are kept in two forms: `name` as in the file, and `text`, the bytes they stand for.  In a
 * SentencePiece vocabulary names write a space as U+2581; in a byte-level one they write every byte as a
 * printable character.  Encoding works on the second form, so the text needs no escaping (which would
 * multiply it) and a U+2581 written in it can match no SentencePiece piece: it falls to its three bytes by
 * itself, and comes back. */
#ifndef PAL_VOCAB_H
#define PAL_VOCAB_H

#include "source.h"
#include "split.h"
#include "token.h"

enum {
    PAL_PIECE_MAX = 1024, /* bytes; longer pieces match nothing, so that a lookup has a bounded cost */
    PAL_PROBE_MAX = 256   /* steps of a hash lookup; at half load honest files stay far below */
};

typedef struct {
    pal_str name, text;
    float score;    /* SentencePiece: higher merges first; never NaN */
    int32_t unused; /* SentencePiece: 0, 1, ... among the unused pieces, else -1 */
    int16_t byte;   /* 0..255 of a byte piece, else -1 */
    uint8_t type;   /* pal_piece_type */
    bool merges;    /* may be the result of a merge: found by pal_vocab_find_text */
    bool word;      /* byte-level: a word that is this piece becomes it */
} pal_piece;

/* A piece that is matched as a whole before merging: user-defined, or control. */
typedef struct {
    pal_str text;
    int32_t id;
    bool control;
} pal_whole;

/* Byte-level: pieces that merge, those of the lowest rank first. */
typedef struct {
    int32_t left, right; /* left is -1 in an empty slot */
    uint32_t rank;       /* place in the file's list */
} pal_merge;

struct pal_vocab {
    int32_t size;
    const pal_split_rule *rule; /* NULL: SentencePiece; else byte-level BPE with this way to split words */
    pal_piece *pieces;          /* [size] */
    uint32_t slots;             /* of the hash tables, a power of two, at least twice the pieces */
    int32_t *table;             /* [slots] ids by name, -1 empty; linear probing */
    int32_t *texts;             /* [slots] ids by text of the pieces that merge; SentencePiece: the same table */
    uint32_t merge_slots;       /* a power of two, at least twice the merges */
    pal_merge *merges;          /* [merge_slots] by left and right; linear probing */
    int32_t *made;              /* by rank: the piece that a merge makes */
    size_t whole_count;
    pal_whole *whole;       /* [whole_count] sorted by text, none twice: user-defined goes before control */
    size_t whole_from[257]; /* those that start with byte b are [whole_from[b], whole_from[b + 1]) */
    int32_t bytes[256];     /* id of the piece that writes each byte, -1 where there is none */
    size_t longest;         /* text bytes of the longest piece that merges */
    size_t unused_count;
    pal_special special;
    uint32_t notes; /* PAL_NOTE_* */
};

/* ---- lookup.c --------------------------------------------------------------------------- */

bool pal_is_utf8(pal_str s);
bool pal_str_same(pal_str a, pal_str b);
bool pal_is_space_mark(const char *s, size_t bytes); /* U+2581 stands at s */

/* The piece that merges to exactly `text`, or -1. */
int32_t pal_vocab_find_text(const pal_vocab *v, pal_str text);

/* The longest whole piece that text[bytes] starts with, NULL if none; control pieces only with `special`.  Most
 * places of a text are done with when their first byte is looked at. */
const pal_whole *pal_vocab_match_longest(const pal_vocab *v, const char *text, size_t bytes, bool special);
static inline const pal_whole *pal_vocab_match_whole(const pal_vocab *v, const char *text, size_t bytes, bool special)
{
    const size_t *from = &v->whole_from[(unsigned char)text[0]];
    return from[0] == from[1] ? NULL : pal_vocab_match_longest(v, text, bytes, special);
}

/* Fill the tables once all pieces are known.  False: a place of a table is crowded, which only happens in
 * files made for it. */
bool pal_vocab_index_pieces(pal_vocab *v);
void pal_vocab_index_whole(pal_vocab *v);

/* ---- bpe.c ------------------------------------------------------------------------------- */

/* Turns a name into the bytes that its characters stand for, never more than it has; false where one stands
 * for none.  out has room for name.size bytes and is overwritten in any case. */
bool pal_bpe_bytes(pal_str name, char *out, size_t *bytes);

/* Fills v->merges from the file's array of merges and marks the words; all else of v is ready.  Merges that cannot be
 * used are left out and noted. */
pal_status pal_bpe_read_merges(pal_vocab *v, pal_source *src, pal_error *err);

/* ---- encoding: encode.c chooses between spm.c and bpe.c ------------------------------------- */

typedef struct {
    int32_t *ids;
    size_t capacity, count;
    bool after_unknown; /* a run of what no piece can write is one token */
} pal_tokens;

static inline void pal_put_id(pal_tokens *out, int32_t id)
{
    if (out->count < out->capacity) out->ids[out->count] = id;
    out->count++;
    out->after_unknown = false;
}

/* For what no piece can write; without an unknown piece it is left out. */
static inline void pal_put_unknown(pal_tokens *out, const pal_vocab *v)
{
    if (!out->after_unknown && v->special.unknown >= 0) pal_put_id(out, v->special.unknown);
    out->after_unknown = true;
}

/* Scratch is PAL_MERGER_EACH + 1 bytes for each byte of text and for one more, and v->unused_count times 2. */
void pal_spm_encode(const pal_vocab *v, const char *text, size_t bytes, bool prefix, bool special, pal_tokens *out,
                    void *scratch);
void pal_bpe_encode(const pal_vocab *v, const char *text, size_t bytes, bool special, pal_tokens *out, void *scratch);

#endif
