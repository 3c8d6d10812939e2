/* split.h - the words that byte-level BPE works on, by the rule that tokenizer.ggml.pre names (shared by
 * src/token only).
 *
 * A rule is a sequence of patterns.  The first splits the text into its matches and the gaps between them,
 * the next splits each of those, and so on; a pattern sees its segment only, as if there were no other text.
 * What the last one leaves are the words.  They cover the text without a gap. */
#ifndef PAL_SPLIT_H
#define PAL_SPLIT_H

#include "../core/core.h"

typedef struct pal_split_rule pal_split_rule;

/* The rule of this name, NULL if unknown. */
const pal_split_rule *pal_split_rule_of(pal_str name);

/* A word that is a piece becomes it, whatever merging would give (Llama 3 and others). */
bool pal_split_ignores_merges(const pal_split_rule *rule);

/* BOS is added where the file does not say. */
bool pal_split_adds_bos(const pal_split_rule *rule);

/* Calls `word` for each word of text[from, to), in order.  Time grows with the length alone. */
typedef void pal_word_fn(void *context, size_t from, size_t to);
void pal_split(const pal_split_rule *rule, const char *text, size_t from, size_t to, pal_word_fn *word, void *context);

#endif
