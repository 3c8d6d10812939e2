/* grammar.h - text that follows a grammar, token by token (internal).
 *
 * Grammars are written in GBNF, as llama.cpp has it: `name ::= alternatives`, one rule a line, the text is what
 * `root` derives.
 *
 *    "text"           these characters         a b       one after the other        x*     any number
 *    [a-z_] [^"\n]    one of, none of them     a | b     either                     x+     at least one
 *    .                any character            ( ... )   a group, may span lines    x?     at most one
 *    name             what that rule derives   # ...     a comment                  x{3}   so many; {3,} {3,5}
 *
 * Escapes in texts and classes: \\ \" \[ \] \- \^ \n \r \t, \xHH \uHHHH \UHHHHHHHH (a code point each).  Names are of
 * letters, digits, - and _.  A line that begins with | goes on with the rule before it.
 *
 * A grammar is compiled to a program over bytes (characters become their UTF-8), so that tokens may end inside a
 * character.  Refused, with the place: what does not parse; left recursion; a rule that can never end; a rule used
 * but not defined, or defined twice; what is larger than the limits below. */
#ifndef PAL_GRAMMAR_H
#define PAL_GRAMMAR_H

#include "pieces.h"

enum {
    PAL_MAX_GRAMMAR_TEXT = 1 << 20, /* bytes of a grammar */
    PAL_GRAMMAR_DEPTH = 64,         /* groups inside of each other */
    PAL_GRAMMAR_RULES = 1024,
    PAL_GRAMMAR_OPS = 32768,  /* of the program; x{5} is five times x */
    PAL_GRAMMAR_RANGES = 512, /* in one class */
    PAL_GRAMMAR_ROWS = 1024,  /* different tables of bytes that all classes together need */
    PAL_GRAMMAR_WORDS = 8192  /* of a state: 3 for each rule that is under way, 1 for each way to go on */
};

/* pal_grammar_open and pal_grammar_close stand in palimpsest.h. */

/* Where a text stands in its grammar: plain memory, to be copied and saved as it is; only the first
 * pal_grammar_state_bytes() need to be kept.  The same text gives the same bytes, whatever its tokens were. */
typedef struct {
    uint32_t nodes, tops, may_end;
    uint32_t word[PAL_GRAMMAR_WORDS]; /* nodes: op, row, parent (an earlier node, or UINT32_MAX) each; then tops */
} pal_grammar_state;
size_t pal_grammar_state_bytes(const pal_grammar_state *state);

/* One text that is being written.  Beside the state it holds what is worked out on the way (a cache, of fixed size),
 * which never changes a result. */
typedef struct pal_grammar_run pal_grammar_run;

/* Measures, or places a run at the start of a text; returns NULL while measuring.  About a megabyte, the longest
 * piece of the vocabulary times 4 bytes included.  Grammar and pieces must stay. */
pal_grammar_run *pal_grammar_layout(const pal_grammar *g, const pal_pieces *pieces, pal_arena *arena);

void pal_grammar_restart(pal_grammar_run *run);
const pal_grammar_state *pal_grammar_state_of(const pal_grammar_run *run);

/* Goes on from a state that this grammar gave; bytes may come from a file: PAL_E_FORMAT where they are none. */
pal_status pal_grammar_restore(pal_grammar_run *run, const void *state, size_t bytes, pal_error *err);

/* allowed[pieces->vocab]: 1 for tokens after which the text can still become one of the grammar, else 0.  Tokens
 * without text are not allowed, but for ends[end_count], which are exactly where the text may end.  *count is how many
 * are allowed; 0 only where the text may end.  PAL_E_OPTION: no token can satisfy the grammar here.
 * PAL_E_UNSUPPORTED: more ways to read the text, or deeper ones, than a run has room for; here and below that
 * depends on the text and the tokens alone, not on what the run did before. */
pal_status pal_grammar_mask(pal_grammar_run *run, const int32_t *ends, size_t end_count, uint8_t *allowed,
                            int32_t *count, pal_error *err);

bool pal_grammar_may_end(const pal_grammar_run *run); /* the text so far is one of the grammar */

/* Appends a token, or bytes.  PAL_E_OPTION: not allowed (a token without text: nothing is appended, and it is
 * allowed); PAL_E_UNSUPPORTED as above.  A failure changes nothing. */
pal_status pal_grammar_accept(pal_grammar_run *run, int32_t id, pal_error *err);
pal_status pal_grammar_accept_bytes(pal_grammar_run *run, const char *text, size_t bytes, pal_error *err);

#endif
