/* grammar_code.h - the internals of a compiled grammar (shared by src/text/decode/grammar*.c only).
 *
 * A rule is a part of a program that reads bytes and follows all choices in parallel (Thompson 1968). A reference to
 * another rule is a call that pushes its return position on a stack. A call at the end of its rule pushes nothing, so
 * lists written with right recursion need no stack. */
#ifndef PAL_GRAMMAR_CODE_H
#define PAL_GRAMMAR_CODE_H

#include "grammar.h"

typedef enum {
    PAL_OP_BYTE,  /* reads the byte `arg` */
    PAL_OP_ROW,   /* reads a character by the tables, starting with row `arg` */
    PAL_OP_CALL,  /* calls rule `arg` */
    PAL_OP_JUMP,  /* continues at this op + arg */
    PAL_OP_SPLIT, /* continues at the next op and also at this op + arg */
    PAL_OP_END    /* end of the rule */
} pal_op_kind;

typedef struct {
    uint8_t kind; /* pal_op_kind */
    bool last;    /* of a call: directly before the end of its rule */
    int32_t arg;
    uint32_t at; /* byte offset in the text of the grammar */
} pal_op;

typedef struct {
    pal_str name;  /* points into the text of the grammar: invalid once the grammar is open */
    int32_t start; /* first op; -1: not defined yet */
    uint32_t at;   /* where it is defined; until then, where it is first used */
    bool nullable; /* matches the empty text */
    bool ends;     /* matches some finite text */
} pal_rule;

/* The result of reading a byte inside a character: no match, a complete character, or, for FIRST + r, row r. */
enum { PAL_ROW_DEAD = 0, PAL_ROW_DONE = 1, PAL_ROW_FIRST = 2 };
typedef struct {
    uint16_t to[256];
} pal_row;

struct pal_grammar {
    pal_op *ops;
    pal_rule *rules;
    pal_row *rows;
    uint32_t *row_hash;                     /* [row_count] */
    size_t op_count, rule_count, row_count; /* used; their capacities: */
    size_t op_capacity, rule_capacity, row_capacity;
    int32_t root; /* rule */
};

/* Code points from low to high, both inclusive. */
typedef struct {
    uint32_t low, high;
} pal_range;

/* Normalises ranges[*count]: sorts and merges them, removes surrogates and everything above U+10FFFF; with `others`
 * takes the complement. The array must have capacity for 2 more. */
void pal_ranges_normalise(pal_range *ranges, size_t *count, bool others);

/* Returns the row that reads one character of a normalised set; -1: out of memory, -2: too many rows. */
int32_t pal_grammar_row(pal_grammar *g, const pal_range *ranges, size_t count);

/* Returns the array of `count` elements of `size` bytes, reallocated if it is full; NULL: out of memory. */
void *pal_grammar_grow(void *array, size_t count, size_t *capacity, size_t size);

/* Refuses rules that are undefined, never end or are left-recursive; sets `last` of calls. */
pal_status pal_grammar_check(pal_grammar *g, pal_error *err);

#endif
