/* merge.h - byte-pair merging, for SentencePiece and byte-level BPE (shared by src/token only).
 *
 * Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", ACL 2016: repeatedly
 * merges the adjacent pair of symbols with the lowest price, the leftmost among equals, until no pair has a price. The
 * tokenizer defines the price of a pair and the piece it becomes.
 *
 * The pairs are in a heap. A pair that another merge made obsolete stays there and is skipped when it reaches the top,
 * so pairs are never deleted. Every merge adds at most two pairs and removes one; this bounds the heap by twice the
 * number of symbols and the time by n log n. */
#ifndef PAL_MERGE_H
#define PAL_MERGE_H

#include "vocab.h"

/* Symbols are contiguous in the text and identified by their first byte, so the next symbol follows from the length and
 * only the previous one needs a link. */
typedef struct {
    uint32_t bytes;  /* 0: merged into the one before. With PAL_FROZEN set it never merges */
    uint32_t before; /* start of the symbol before; PAL_FIRST for the first; for a frozen symbol, the tokenizer's own
                        value */
} pal_symbol;

#define PAL_FROZEN 0x80000000u
#define PAL_FIRST  UINT32_MAX

typedef struct {
    uint32_t price; /* lower merges first */
    uint32_t left;  /* start of the left symbol */
    uint32_t bytes; /* of both together when the pair was added */
} pal_pair;

typedef struct pal_merger pal_merger;

/* Sets p->price (the other fields are set); returns false if the two symbols do not merge. */
typedef bool pal_price_fn(const pal_merger *m, pal_pair *p);

struct pal_merger {
    const pal_vocab *vocab;
    const char *text;
    uint32_t bytes;      /* of the text */
    pal_symbol *symbols; /* [bytes], valid where a symbol starts */
    pal_pair *heap;      /* [2 * bytes], heap_count in use */
    uint32_t heap_count;
    int32_t *ids;        /* [bytes] the piece of each symbol, valid where it starts; NULL: not needed */
    const int32_t *made; /* by price: the piece that a merge produces; needed for ids */
    uint16_t *left_part; /* for SentencePiece, see spm.c */
};

/* Scratch bytes of symbols, heap and ids per byte of text; alignment 4. */
enum { PAL_MERGER_EACH = sizeof(pal_symbol) + 2 * sizeof(pal_pair) + sizeof(int32_t) };

/* Places symbols and heap in `scratch`; m->bytes must be set. Returns the first byte after them. */
void *pal_merger_layout(pal_merger *m, void *scratch);

/* Merges until no pair merges any more; the symbols must be set. */
void pal_merge_all(pal_merger *m, pal_price_fn *price);

#endif
