/* pieces.h - the texts of all tokens, in order (internal): what a grammar is compared with.
 *
 * Sorted by their bytes, with how many of them each shares with the one before, they are a trie that is walked
 * by going through a list: a token is looked at from where it differs, and where a beginning is not allowed all
 * that begin so are passed over. */
#ifndef PAL_PIECES_H
#define PAL_PIECES_H

#include "../../core/core.h"

/* Writes the bytes of a token to out[capacity], as many as fit, and returns how many there are; 0 for tokens that
 * are no text (pal_vocab_decode_one does this). */
typedef size_t pal_piece_fn(const void *context, int32_t id, char *out, size_t capacity);

typedef struct {
    int32_t id;
    uint32_t shared; /* bytes at the start that are those of the piece before */
} pal_sorted_piece;

typedef struct {
    int32_t vocab, count;       /* tokens; those that have text */
    uint32_t *from;             /* [vocab + 1] text of token id is text[from[id]] to text[from[id + 1]] */
    char *text;                 /* [text_bytes] */
    pal_sorted_piece *sorted;   /* [count] by bytes, equal ones by id */
    pal_sorted_piece *scratch;  /* [vocab] */
    size_t text_bytes, longest; /* bytes: of all texts, of the longest */
} pal_pieces;

/* First the sizes; then the layout, to measure or to place; then the texts themselves. */
void pal_pieces_measure(pal_pieces *p, int32_t vocab, pal_piece_fn *piece, const void *context);
void pal_pieces_layout(pal_pieces *p, pal_arena *arena);
void pal_pieces_fill(pal_pieces *p, pal_piece_fn *piece, const void *context);

static inline pal_str pal_pieces_text(const pal_pieces *p, int32_t id)
{
    return (pal_str){p->text + p->from[id], p->from[id + 1] - p->from[id]};
}

#endif
