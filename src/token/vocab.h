/* vocab.h - what a vocabulary looks like inside (shared by src/token only).
 *
 * Pieces are kept in two forms: `name` as in the file, where U+2581 stands for a space, and `text`, the
 * bytes they stand for, with real spaces.  Encoding works on the second form, so the text needs no
 * escaping (which would triple its spaces) and a U+2581 written in it can match no piece: it falls to its
 * three bytes by itself, and comes back. */
#ifndef PAL_VOCAB_H
#define PAL_VOCAB_H

#include "token.h"

enum {
    PAL_PIECE_MAX = 1024, /* bytes; longer pieces are refused, so that a lookup has a bounded cost */
    PAL_PROBE_MAX = 256   /* steps of a hash lookup; at half load honest files stay far below */
};

typedef struct {
    pal_str name, text;
    float score;    /* higher merges first; never NaN */
    int32_t unused; /* 0, 1, ... among the unused pieces, else -1 */
    int16_t byte;   /* 0..255 of a byte piece, else -1 */
    uint8_t type;   /* pal_piece_type */
    bool merges;    /* may be the result of a merge: found by pal_vocab_find_text */
} pal_piece;

/* A piece that is matched as a whole before merging: user-defined, or control. */
typedef struct {
    pal_str text;
    int32_t id;
    bool control;
} pal_whole;

struct pal_vocab {
    int32_t size;
    pal_piece *pieces; /* [size] */
    uint32_t slots;    /* of the hash table, a power of two, at least twice the pieces */
    int32_t *table;    /* [slots] ids, -1 empty; linear probing */
    size_t whole_count;
    pal_whole *whole;       /* [whole_count] sorted by text, none twice: user-defined goes before control */
    size_t whole_from[257]; /* those that start with byte b are [whole_from[b], whole_from[b + 1]) */
    int32_t bytes[256];     /* id of each byte piece, -1 where there is none */
    size_t longest;         /* text bytes of the longest piece that merges */
    size_t unused_count;
    pal_special special;
};

/* The piece that merges to exactly `text`, or -1. */
int32_t pal_vocab_find_text(const pal_vocab *v, pal_str text);

#endif
