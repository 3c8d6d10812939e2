/* normal.h - the normalised form of given text that the model sees, unless its file says that it was trained on text as it
 * is written (palimpsest.normalise is false) (internal).
 *
 * Typographic quotes, dashes, ellipses and no-break spaces become ASCII, CRLF becomes LF, because the models are
 * trained on plain ASCII text. Only the model sees this form; the output keeps the original bytes. */
#ifndef PAL_NORMAL_H
#define PAL_NORMAL_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the normalised form to out[bytes] and returns its length, never more than the input's. */
size_t pal_normalise(const char *text, size_t bytes, char *out);

/* Writes what the model sees: the normalised form, or the text as it is written. */
size_t pal_text_view(bool as_written, const char *text, size_t bytes, char *out);

/* Returns the index in text of the byte that byte `view` of the normalised form comes from; `bytes` if `view` is its
 * end. */
size_t pal_normal_origin(const char *text, size_t bytes, size_t view);

#endif
