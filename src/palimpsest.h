/* palimpsest.h - text filled in at any place by discrete diffusion; the one public header.
 *
 *   pal_error err;
 *   pal_model *model;
 *   if (pal_model_open_file(&model, "tales-infill.gguf", &err)) report(err.text, err.offset);
 *   pal_infill_options options = pal_infill_defaults();
 *   const char *page = "Once upon a time [[?]] lived in [[4]].";
 *   size_t bytes;                                                             // ask ...
 *   if (pal_session_bytes(model, page, strlen(page), &options, &bytes, &err)) report(...);
 *   pal_session *s;                                                           // ... then lend
 *   pal_session_init(&s, model, page, strlen(page), &options, malloc(bytes), bytes, &err);
 *   while (pal_step(s) == PAL_MORE) draw(s);                                  // one evaluation at most
 *   n = pal_session_text(s, buffer, sizeof buffer);
 *
 * Memory: a model owns what it needs beside the file image and frees it in pal_model_close; a session
 * lives in the caller's block, and nothing is allocated during a step.  The image and the block must
 * stay where they are until the last call on them; a session has nothing to free.
 * Threads: a model may be shared by threads, a session may not.
 * Errors: PAL_OK is 0, failures are negative, and a call that fails changes nothing.  Files and text
 * may be hostile; pointers and sizes given by the caller are trusted.
 * The same model, options and text give the same bits on every target. */
#ifndef PALIMPSEST_H
#define PALIMPSEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    PAL_MORE = 1,          /* pal_step: there is more to do */
    PAL_OK = 0,            /* done */
    PAL_E_FORMAT = -1,     /* not a model file, or a damaged one */
    PAL_E_UNSUPPORTED = -2,/* a valid file of a kind this engine does not run */
    PAL_E_TEXT = -3,       /* the text is not a valid page; offset is the byte in it */
    PAL_E_OPTION = -4,     /* an option out of range, or one this sampler or model has no use for */
    PAL_E_CONTEXT = -5,    /* more tokens than the context holds */
    PAL_E_MEMORY = -6,     /* no memory, or the lent block is too small */
    PAL_E_IO = -7          /* the file cannot be read or written */
} pal_status;

/* What went wrong, for a person.  text is a constant and never NULL after a failure; offset is the byte
 * in the file or text where it went wrong, SIZE_MAX where there is no such place. */
typedef struct {
    pal_status status;
    const char *text;
    size_t offset;
} pal_error;

typedef struct pal_model pal_model;
typedef struct pal_session pal_session;

#ifdef __cplusplus
}
#endif
#endif
