/* grammar.h - generates text that matches a grammar, token by token (internal).
 *
 * Grammars are written in GBNF, the notation of llama.cpp: one rule `name ::= alternatives` per line. The text must
 * match the rule `root`.
 *
 *    "text"           these characters         a b       a, then b                  x*     zero or more
 *    [a-z_] [^"\n]    one of, none of these    a | b     a or b                     x+     one or more
 *    .                any character            ( ... )   a group, may span lines    x?     zero or one
 *    name             text of that rule        # ...     a comment                  x{3}   exactly 3; {3,} {3,5}
 *
 * Escapes in texts and classes: \\ \" \[ \] \- \^ \n \r \t, \xHH \uHHHH \UHHHHHHHH (one code point each). Names consist
 * of letters, digits, - and _. A line that begins with | continues the rule before it.
 *
 * A grammar is compiled to a program over bytes (characters become their UTF-8), so tokens may end inside a character.
 * Refused, with the position of the error: syntax errors; left recursion; a rule that can never end; a rule that is
 * used but not defined, or defined twice; a grammar above the limits below. */
#ifndef PAL_GRAMMAR_H
#define PAL_GRAMMAR_H

#include "pieces.h"

enum {
    PAL_MAX_GRAMMAR_TEXT = 1 << 20, /* bytes of a grammar */
    PAL_GRAMMAR_DEPTH = 64,         /* nested groups */
    PAL_GRAMMAR_RULES = 1024,
    PAL_GRAMMAR_OPS = 32768,  /* ops of the program; x{5} counts as five copies of x */
    PAL_GRAMMAR_RANGES = 512, /* in one class */
    PAL_GRAMMAR_ROWS = 1024,  /* different byte tables of all classes together */
    PAL_GRAMMAR_WORDS = 8192  /* 32-bit words of a state: 3 per node, 1 per way to continue */
};

/* pal_grammar_open and pal_grammar_close are declared in palimpsest.h. */

/* The state of a text in its grammar: plain memory, which can be copied and saved; only the first
 * pal_grammar_state_bytes() bytes are used. Equal texts give bit-identical states, however they are split into
 * tokens. */
typedef struct {
    uint32_t nodes, tops, may_end;
    uint32_t word[PAL_GRAMMAR_WORDS]; /* nodes: op, row, parent (an earlier node, or UINT32_MAX) each; then the tops
                                         (nodes) */
} pal_grammar_state;
size_t pal_grammar_state_bytes(const pal_grammar_state *state);

/* One text in progress: its state, and a cache of fixed size that never changes a result. */
typedef struct pal_grammar_run pal_grammar_run;

/* Measures, or places a run at the start of a text; returns NULL while measuring. Needs about a megabyte, plus 4 bytes
 * per byte of the longest piece. Grammar and pieces must outlive the run. */
pal_grammar_run *pal_grammar_layout(const pal_grammar *g, const pal_pieces *pieces, pal_arena *arena);

void pal_grammar_restart(pal_grammar_run *run);
const pal_grammar_state *pal_grammar_state_of(const pal_grammar_run *run);

/* Continues from a state of the same grammar. The bytes may come from a file: PAL_E_FORMAT if they are not a valid
 * state; the run is then unchanged. */
pal_status pal_grammar_restore(pal_grammar_run *run, const void *state, size_t bytes, pal_error *err);

/* allowed[pieces->vocab] := 1 for tokens after which the text can still become a match, otherwise 0. Tokens without
 * text are not allowed, except ends[end_count], which are allowed exactly where the text may end. *count is the number
 * of allowed tokens; it is 0 only where the text may end. PAL_E_OPTION: no token can satisfy the grammar here.
 * PAL_E_UNSUPPORTED: the text has more parses, or more deeply nested ones, than a run can hold; this depends only on
 * the text and the tokens, not on earlier calls. */
pal_status pal_grammar_mask(pal_grammar_run *run, const int32_t *ends, size_t end_count, uint8_t *allowed,
                            int32_t *count, pal_error *err);

bool pal_grammar_may_end(const pal_grammar_run *run); /* the text so far matches the grammar */

/* Appends a token, or bytes; a token without text is accepted and appends nothing. PAL_E_OPTION: not allowed here;
 * PAL_E_UNSUPPORTED as above. On failure nothing changes. */
pal_status pal_grammar_accept(pal_grammar_run *run, int32_t id, pal_error *err);
pal_status pal_grammar_accept_bytes(pal_grammar_run *run, const char *text, size_t bytes, pal_error *err);

#endif
