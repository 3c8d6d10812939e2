/* ends.c - finds the tokens that end texts.
 *
 * These are the tokens that the file's keys name as end of a sequence, a turn or a message. Many files name none of
 * them, or not the one that their chat format uses; so tokens with the usual names are added, as in llama.cpp
 * (llama-vocab.cpp, "a list of tokens that cause end-of-generation"). Of the tokens for filling in the middle, the
 * padding and the separators of files and repositories are added, one of each, because the text does not continue after
 * them. */
#include "source.h"
#include "vocab.h"

#include <string.h>

typedef enum { END_NONE, END_USUAL, END_FIM_PAD, END_FIM_REPOSITORY, END_FIM_FILE, END_KINDS } end_kind;

static const struct {
    const char *name;
    end_kind kind;
} names[] = {
    {"</s>", END_USUAL},
    {"<eos>", END_USUAL},
    {"<EOT>", END_USUAL},
    {"_<EOT>", END_USUAL},
    {"[EOT]", END_USUAL},
    {"[EOS]", END_USUAL},
    {"[e~[", END_USUAL},
    {"<|end|>", END_USUAL},
    {"<|call|>", END_USUAL},
    {"<|calls|>", END_USUAL},
    {"<|flush|>", END_USUAL},
    {"<|return|>", END_USUAL},
    {"<|eot_id|>", END_USUAL},
    {"<|eom_id|>", END_USUAL},
    {"<|im_end|>", END_USUAL},
    {"<turn|>", END_USUAL},
    {"<end_of_turn>", END_USUAL},
    {"<end_of_utterance>", END_USUAL},
    {"<|endoftext|>", END_USUAL},
    {"<|end_of_text|>", END_USUAL},
    {"<|tool_response>", END_USUAL},
    {"<\xEF\xBD\x9C"
     "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
     END_USUAL}, /* contains U+FF5C and U+2581 */
    {"<PAD>", END_FIM_PAD},
    {"[PAD]", END_FIM_PAD},
    {"<fim-pad>", END_FIM_PAD},
    {"<fim_pad>", END_FIM_PAD},
    {"<|fim_pad|>", END_FIM_PAD},
    {"<REPO>", END_FIM_REPOSITORY},
    {"<reponame>", END_FIM_REPOSITORY},
    {"<fim-repo>", END_FIM_REPOSITORY},
    {"<|fim_repo|>", END_FIM_REPOSITORY},
    {"<|repo_name|>", END_FIM_REPOSITORY},
    {"<|file_sep|>", END_FIM_FILE},
};

enum { NAMES = sizeof names / sizeof *names, KEYS = 6 };
_Static_assert((int)NAMES + (int)KEYS <= (int)PAL_TEXT_ENDS, "there is a place for every end");

static void add_end(pal_source *src, int32_t id)
{
    for (size_t i = 0; i < src->end_count; i++)
        if (src->ends[i] == id) return;
    if (id >= 0) src->ends[src->end_count++] = id;
}

static void remove_end(pal_source *src, int32_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < src->end_count; i++)
        if (src->ends[i] != id) src->ends[kept++] = src->ends[i];
    src->end_count = kept;
}

/* found[i] := the id of the first piece with name i, or -1. */
static void find_names(const pal_source *src, int32_t found[NAMES])
{
    size_t cursor = 0;
    for (size_t i = 0; i < NAMES; i++) found[i] = -1;
    for (uint64_t id = 0; id < src->tokens->count; id++) {
        const pal_str name = pal_gguf_next_str(src->tokens, &cursor);
        const bool may_be = name.size > 3 && (name.data[0] == '<' || name.data[0] == '[' || name.data[0] == '_');
        for (size_t i = 0; may_be && i < NAMES; i++)
            if (found[i] < 0 && pal_str_is(name, names[i].name)) found[i] = (int32_t)id;
    }
}

static int32_t id_of(const int32_t found[NAMES], const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i].name, name) == 0) return found[i];
    return -1;
}

/* For a kind with one token: adds the id that the file's key names, otherwise the lowest id with one of the names. */
static void add_one_of(pal_source *src, const int32_t found[NAMES], end_kind kind, const char *key)
{
    int32_t id = pal_source_id(src, key, PAL_NOTE_FIM);
    const bool by_name = id < 0;
    for (size_t i = 0; by_name && i < NAMES; i++)
        if (names[i].kind == kind && found[i] >= 0 && (id < 0 || found[i] < id)) id = found[i];
    add_end(src, id);
}

/* Two formats use as ordinary tokens what ends texts in others. <|end|> ends only a message, and others follow, if
 * there are also <|call|> or <|calls|>, and <|return|> or <|flush|>. </s> does not end texts if there is also
 * <|tool_response>. */
static void except(pal_source *src, const int32_t found[NAMES])
{
    const bool call = id_of(found, "<|call|>") >= 0 || id_of(found, "<|calls|>") >= 0;
    const bool finish = id_of(found, "<|return|>") >= 0 || id_of(found, "<|flush|>") >= 0;
    if (call && finish) remove_end(src, id_of(found, "<|end|>"));
    if (id_of(found, "<|tool_response>") >= 0) remove_end(src, id_of(found, "</s>"));
}

void pal_source_find_ends(pal_source *src)
{
    int32_t found[NAMES];
    find_names(src, found);
    for (size_t i = 0; i < NAMES; i++)
        if (names[i].kind == END_USUAL) add_end(src, found[i]);
    except(src, found);
    src->end_named = src->end_count;
    add_end(src, pal_source_id(src, "tokenizer.ggml.eos_token_id", PAL_NOTE_EOS));
    add_end(src, pal_source_id(src, "tokenizer.ggml.eot_token_id", PAL_NOTE_EOT));
    add_end(src, pal_source_id(src, "tokenizer.ggml.eom_token_id", PAL_NOTE_EOM));
    except(src, found);
    add_one_of(src, found, END_FIM_PAD, "tokenizer.ggml.fim_pad_token_id");
    add_one_of(src, found, END_FIM_REPOSITORY, "tokenizer.ggml.fim_rep_token_id");
    add_one_of(src, found, END_FIM_FILE, "tokenizer.ggml.fim_sep_token_id");
}
