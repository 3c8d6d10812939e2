/* source.h - what a file's metadata say of its vocabulary (shared by src/token only).
 *
 * One odd value does not close a file: what cannot be used is left aside, and a note says so.  Refused is only what
 * leaves no tokens to work with: no list of pieces, another tokenizer, byte-level BPE without merges. */
#ifndef PAL_SOURCE_H
#define PAL_SOURCE_H

#include "split.h"
#include "token.h"

/* Notes, as bits; pal_vocab_note has their texts. */
enum {
    PAL_NOTE_BOS = 1 << 0,
    PAL_NOTE_EOS = 1 << 1,
    PAL_NOTE_EOT = 1 << 2,
    PAL_NOTE_EOM = 1 << 3,
    PAL_NOTE_UNKNOWN = 1 << 4,
    PAL_NOTE_MASK = 1 << 5,
    PAL_NOTE_FIM = 1 << 6,
    PAL_NOTE_ADD_BOS = 1 << 7,
    PAL_NOTE_ADD_SPACE = 1 << 8,
    PAL_NOTE_SCORES = 1 << 9,
    PAL_NOTE_SCORE = 1 << 10,
    PAL_NOTE_TYPES = 1 << 11,
    PAL_NOTE_TYPE = 1 << 12,
    PAL_NOTE_BYTE = 1 << 13,
    PAL_NOTE_LONG = 1 << 14,
    PAL_NOTE_MERGES = 1 << 15,
    PAL_NOTE_BYTES = 1 << 16,
    PAL_NOTES = 17
};

typedef struct {
    const pal_gguf *gguf;
    const pal_split_rule *rule; /* NULL: SentencePiece */
    const pal_gguf_value *tokens;
    const pal_gguf_value *scores;   /* SentencePiece only, else NULL; NULL also where there are none to be used */
    const pal_gguf_value *types;    /* NULL where there are none to be used */
    const pal_gguf_value *merges;   /* byte-level BPE only, else NULL */
    size_t text_bytes, whole_count; /* counted before allocating */
    bool has_bytes;                 /* the file calls pieces bytes */
    uint32_t notes;
    int32_t ends[PAL_TEXT_ENDS]; /* tokens that end texts: first end_named by their names, then by the file's keys */
    size_t end_named, end_count;
} pal_source;

/* Finds the arrays and the ends of texts, and looks at every piece. */
pal_status pal_source_find(pal_source *src, const pal_gguf *g, pal_error *err);

/* Of the piece number i, whose name is given: what the file says, or what is taken instead. */
pal_piece_type pal_source_type(const pal_source *src, uint64_t i, pal_str name);
float pal_source_score(const pal_source *src, uint64_t i);

/* The byte that "<0xNN>" names, or -1. */
int pal_source_byte(pal_str name);

/* The id that a key names, -1 for none; one that is no token of the vocabulary is noted. */
int32_t pal_source_id(pal_source *src, const char *key, uint32_t note);

/* *out keeps its value where the key is absent or, which is noted, neither a boolean nor 0 or 1. */
void pal_source_flag(pal_source *src, const char *key, uint32_t note, bool *out);

/* ends.c: fills src->ends; the pieces are known, their types are not looked at. */
void pal_source_find_ends(pal_source *src);

#endif
