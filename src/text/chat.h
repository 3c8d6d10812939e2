/* chat.h - conversations in the format that a model was trained on (internal).
 *
 * A file has its format as a program in the language Jinja (tokenizer.chat_template).  C does not run such programs: it
 * recognises four families of them by their text, and what the members of a family do differently.  The results are
 * those of the programs (tests/test_chat.c, tools/make_chat_golden.py). */
#ifndef PAL_CHAT_H
#define PAL_CHAT_H

#include "../token/token.h"

typedef enum { PAL_CHATML, PAL_LLAMA3, PAL_GEMMA, PAL_MISTRAL } pal_chat_family;

typedef enum {
    PAL_SYSTEM_TURN,  /* a turn of its own */
    PAL_SYSTEM_FIRST, /* at the start of the first turn of the user */
    PAL_SYSTEM_LAST   /* at the start of the last turn, if that is the user's */
} pal_chat_system;

/* Texts are parts of string literals in the template: views into the file, with escapes such as \n. */
typedef struct {
    pal_chat_family family;
    bool bos;                   /* the template writes BOS */
    bool trims;                 /* white space around contents is removed (Gemma: also around system message + turn) */
    bool trims_answers;         /* Mistral: the same, only for answers */
    bool drops_thinking;        /* ChatML: of answers only what follows </think> is kept */
    pal_chat_system system;     /* where the system message is */
    pal_str standard_system;    /* ChatML: the system message if there is none; size 0: no such message */
    pal_str date;               /* Llama 3: the date in the system message; size 0: there is none */
    pal_str user[4];            /* Mistral: texts before and after [INST], before and after [/INST] */
    pal_str answer, answer_end; /* Mistral: texts before an answer and after its EOS */
} pal_chat_format;

/* Recognises the template.  PAL_E_UNSUPPORTED: it is not of these families; the message names it if it is known. */
pal_status pal_chat_recognise(pal_chat_format *out, pal_str template, pal_error *err);

/* The control token `id` comes before byte `at` of the text. */
typedef struct {
    size_t at;
    int32_t id;
} pal_chat_mark;

enum { PAL_CHAT_NAMES = 4 }; /* maximum number of control tokens that a family finds by name */

/* A conversation as text and control tokens.  With text NULL nothing is stored, only bytes and count are set. */
typedef struct {
    const pal_vocab *vocab;
    char *text;           /* [bytes] */
    pal_chat_mark *marks; /* [count], in order */
    size_t bytes, count;
    bool begins_with_bos; /* the first mark is a BOS that the template does not write: the text begins after it */
    int32_t in_text[PAL_CHAT_NAMES]; /* [in_text_count] user-defined pieces among the marks: these match in any text */
    size_t in_text_count;
} pal_chat_script;

/* Appends the conversation and the start of the answer.  PAL_E_OPTION: the template does not allow these roles; offset
 * is the index of the message. */
pal_status pal_chat_write(pal_chat_script *out, const pal_chat_format *format, const pal_message *messages,
                          size_t count, pal_error *err);

/* Writes the tokens of the script: up to `capacity`, and returns their number, at most bytes + 2 * count.  Text never
 * becomes one of the script's control tokens.  scratch is that of pal_vocab_encode for `bytes` bytes. */
size_t pal_chat_encode(const pal_chat_script *script, int32_t *ids, size_t capacity, void *scratch);

#endif
