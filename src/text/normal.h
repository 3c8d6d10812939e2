/* normal.h - the view of given text that the model is shown (internal).
 *
 * Typographic quotes, dashes, ellipses and no-break spaces in their ASCII forms, CRLF as LF: the models
 * are trained on plain ASCII text.  Only the model sees it; the output keeps the original bytes. */
#ifndef PAL_NORMAL_H
#define PAL_NORMAL_H

#include <stddef.h>

/* Never longer than the input.  Returns the length written to out[bytes]. */
size_t pal_normalise(const char *text, size_t bytes, char *out);

/* The byte of text that byte `view` of its normalised form comes from; bytes where that is its end. */
size_t pal_normal_origin(const char *text, size_t bytes, size_t view);

#endif
