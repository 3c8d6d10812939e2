/* pieces.h - the texts of all tokens, sorted (internal): a grammar is matched against them.
 *
 * Each entry of the sorted list says how many bytes it shares with the one before, so the list is a trie in order of
 * traversal: a token is read from the first different byte, and if a prefix is not allowed, all entries with that
 * prefix are skipped. */
#ifndef PAL_PIECES_H
#define PAL_PIECES_H

#include "../../core/core.h"

/* Writes the bytes of a token to out[capacity], as many as fit, and returns their number; 0 for tokens without text
 * (pal_vocab_decode_one is such a function). */
typedef size_t pal_piece_fn(const void *context, int32_t id, char *out, size_t capacity);

typedef struct {
    int32_t id;
    uint32_t shared; /* bytes at the start that equal those of the entry before */
} pal_sorted_piece;

typedef struct {
    int32_t vocab, count;       /* number of tokens; of tokens with text */
    uint32_t *from;             /* [vocab + 1] the text of token id is text[from[id] .. from[id + 1]) */
    char *text;                 /* [text_bytes] */
    pal_sorted_piece *sorted;   /* [count] by bytes, then by id */
    pal_sorted_piece *scratch;  /* [vocab] */
    size_t text_bytes, longest; /* bytes of all texts, of the longest */
} pal_pieces;

/* Call in this order: measure computes the sizes, layout measures or places the arrays, fill stores the texts. */
void pal_pieces_measure(pal_pieces *p, int32_t vocab, pal_piece_fn *piece, const void *context);
void pal_pieces_layout(pal_pieces *p, pal_arena *arena);
void pal_pieces_fill(pal_pieces *p, pal_piece_fn *piece, const void *context);

static inline pal_str pal_pieces_text(const pal_pieces *p, int32_t id)
{
    return (pal_str){p->text + p->from[id], p->from[id + 1] - p->from[id]};
}

#endif
