/* source.h - what a file's metadata say about its vocabulary (shared by src/token only).
 *
 * One bad value does not make a file unusable: an invalid value is ignored, and a note reports it. A vocabulary is
 * refused only if it cannot be used at all: no list of pieces, another tokenizer, byte-level BPE without merges. */
#ifndef PAL_SOURCE_H
#define PAL_SOURCE_H

#include "split.h"
#include "token.h"

/* Notes, as bits; pal_vocab_note returns their texts. */
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
    const pal_gguf_value *scores;   /* SentencePiece only; NULL: not used, or no usable scores */
    const pal_gguf_value *types;    /* NULL: no usable types */
    const pal_gguf_value *merges;   /* byte-level BPE only, else NULL */
    size_t text_bytes, whole_count; /* counted before allocating */
    bool has_bytes;                 /* the file gives some pieces the type byte */
    uint32_t notes;
    int32_t ends[PAL_TEXT_ENDS]; /* tokens that end texts: first end_named found by name, then those of the file's
                                    keys */
    size_t end_named, end_count;
} pal_source;

/* Finds the arrays and the end tokens, and checks every piece. */
pal_status pal_source_find(pal_source *src, const pal_gguf *g, pal_error *err);

/* The type and the score of piece i: what the file says, or the default. `name` is the piece's name. */
pal_piece_type pal_source_type(const pal_source *src, uint64_t i, pal_str name);
float pal_source_score(const pal_source *src, uint64_t i);

/* The byte of a name of the form "<0xNN>", or -1. */
int pal_source_byte(pal_str name);

/* The id that a key names; -1 if the key is absent, or, with a note, if the id is not in the vocabulary. */
int32_t pal_source_id(pal_source *src, const char *key, uint32_t note);

/* Reads a boolean, or 0 or 1, into *out. *out is unchanged if the key is absent or, with a note, if it is neither. */
void pal_source_flag(pal_source *src, const char *key, uint32_t note, bool *out);

/* ends.c: fills src->ends; the names of the pieces must be known, their types are not read. */
void pal_source_find_ends(pal_source *src);

#endif
