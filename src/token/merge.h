/* merge.h - byte-pair merging, for SentencePiece and byte-level BPE alike (shared by src/token only).
 *
 * Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", ACL 2016: the
 * adjacent pair of symbols with the lowest price merges first, the leftmost of equals, until no pair has a
 * price.  What a pair costs, and what it becomes, is the tokenizer's to say.
 *
 * The pairs wait in a heap.  A pair that was overtaken by another merge stays there and is recognised when
 * it comes up, so there is nothing to delete: every merge adds at most two pairs and takes one away, which
 * bounds the heap by twice the symbols and the time by n log n. */
#ifndef PAL_MERGE_H
#define PAL_MERGE_H

#include "vocab.h"

/* Symbols lie next to each other and are known by the byte they start at, so the one after a symbol is
 * found by its length and only the one before needs a link. */
typedef struct {
    uint32_t bytes;  /* 0: merged into the one before.  With PAL_FROZEN set: it never merges */
    uint32_t before; /* start of the symbol before, PAL_FIRST for the first; of a frozen one, the tokenizer's */
} pal_symbol;

#define PAL_FROZEN 0x80000000u
#define PAL_FIRST  UINT32_MAX

typedef struct {
    uint32_t price; /* lower merges first */
    uint32_t left;  /* start of the left symbol */
    uint32_t bytes; /* of both together when they were put here */
} pal_pair;

typedef struct pal_merger pal_merger;

/* Fills p->price, the rest is known; false where the two symbols do not merge. */
typedef bool pal_price_fn(const pal_merger *m, pal_pair *p);

struct pal_merger {
    const pal_vocab *vocab;
    const char *text;
    uint32_t bytes;      /* of the text */
    pal_symbol *symbols; /* [bytes], valid where a symbol starts */
    pal_pair *heap;      /* [2 * bytes], heap_count in use */
    uint32_t heap_count;
    int32_t *ids;        /* [bytes] the pieces that symbols are, where they start; NULL: nobody asks */
    const int32_t *made; /* by price: the piece that a merge makes, needed for ids */
    uint16_t *left_part; /* for SentencePiece, see spm.c */
};

/* Bytes of symbols, heap and ids for each byte of text; they need an alignment of 4. */
enum { PAL_MERGER_EACH = sizeof(pal_symbol) + 2 * sizeof(pal_pair) + sizeof(int32_t) };

/* Lends `scratch` to m, where m->bytes is set, for symbols and heap; returns the first byte behind them. */
void *pal_merger_layout(pal_merger *m, void *scratch);

/* Merges all that can be merged; the symbols are in place. */
void pal_merge_all(pal_merger *m, pal_price_fn *price);

#endif
