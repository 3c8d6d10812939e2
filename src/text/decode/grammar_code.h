/* grammar_code.h - what a compiled grammar looks like inside (shared by src/text/decode/grammar*.c only).
 *
 * A rule is a piece of program that reads bytes, with choices made in parallel (Thompson 1968); a reference to
 * another rule is a call that puts the place behind it on a stack.  A call that ends its rule puts nothing there, so
 * that lists written with right recursion need no room. */
#ifndef PAL_GRAMMAR_CODE_H
#define PAL_GRAMMAR_CODE_H

#include "grammar.h"

typedef enum {
    PAL_OP_BYTE,  /* reads the byte `arg` */
    PAL_OP_ROW,   /* reads a character by the tables that begin with row `arg` */
    PAL_OP_CALL,  /* goes through rule `arg` */
    PAL_OP_JUMP,  /* goes to this op + arg */
    PAL_OP_SPLIT, /* goes to the next op, and also to this op + arg */
    PAL_OP_END    /* of the rule */
} pal_op_kind;

typedef struct {
    uint8_t kind; /* pal_op_kind */
    bool last;    /* of a call: nothing but the end of the rule comes behind it */
    int32_t arg;
    uint32_t at; /* where it stands in the text of the grammar */
} pal_op;

typedef struct {
    pal_str name;  /* in the text of the grammar: not valid any more once it is open */
    int32_t start; /* op; -1: not defined yet */
    uint32_t at;   /* where it is defined, or used first */
    bool nullable; /* derives the empty text */
    bool ends;     /* derives some text */
} pal_rule;

/* What each byte leads to inside of a character. */
enum { PAL_ROW_DEAD = 0, PAL_ROW_DONE = 1, PAL_ROW_FIRST = 2 }; /* FIRST + r: on to row r */
typedef struct {
    uint16_t to[256];
} pal_row;

struct pal_grammar {
    pal_op *ops;
    pal_rule *rules;
    pal_row *rows;
    uint32_t *row_hash;                     /* [row_count] */
    size_t op_count, rule_count, row_count; /* and how many there is room for: */
    size_t op_capacity, rule_capacity, row_capacity;
    int32_t root; /* rule */
};

/* Code points from low to high, both included. */
typedef struct {
    uint32_t low, high;
} pal_range;

/* Makes ranges[*count] a set: sorted, apart, without surrogates and with nothing above U+10FFFF; or all other
 * characters.  There is room for 2 more. */
void pal_ranges_normalise(pal_range *ranges, size_t *count, bool others);

/* The row that reads one character of a set as above; -1: no memory, -2: too many rows. */
int32_t pal_grammar_row(pal_grammar *g, const pal_range *ranges, size_t count);

/* Array of count elements of `size` bytes, made larger if there is room for no more; NULL: no memory. */
void *pal_grammar_grow(void *array, size_t count, size_t *capacity, size_t size);

/* Refuses rules that are not defined, never end or call themselves before anything else; marks last calls. */
pal_status pal_grammar_check(pal_grammar *g, pal_error *err);

#endif
