/* split.h - splits text into the words of byte-level BPE, by the rule that tokenizer.ggml.pre names (shared by
 * src/token only).
 *
 * A rule is a sequence of patterns. The first splits the text into its matches and the gaps between them, the next
 * splits each of those parts, and so on; each pattern sees only its segment, as if there were no other text. The parts
 * after the last pattern are the words. They cover the text without gaps. */
#ifndef PAL_SPLIT_H
#define PAL_SPLIT_H

#include "../core/core.h"

typedef struct pal_split_rule pal_split_rule;

/* The rule of this name, or NULL if unknown. */
const pal_split_rule *pal_split_rule_of(pal_str name);

/* Whether a word that is a piece always becomes that piece, whatever merging would produce (Llama 3 and others). */
bool pal_split_ignores_merges(const pal_split_rule *rule);

/* Whether BOS is added if the file does not say. */
bool pal_split_adds_bos(const pal_split_rule *rule);

/* Calls `word` for each word of text[from .. to), in order. Takes linear time. */
typedef void pal_word_fn(void *context, size_t from, size_t to);
void pal_split(const pal_split_rule *rule, const char *text, size_t from, size_t to, pal_word_fn *word, void *context);

#endif
