/* json_read.h - reads JSON (RFC 8259) value by value (internal to the command line).
 *
 * Each function skips white space, reads one item and returns whether it was there.  At a mistake `wrong` is set to a
 * message, and all later calls return false. */
#ifndef PAL_CLI_JSON_READ_H
#define PAL_CLI_JSON_READ_H

#include "cli.h"

typedef struct {
    const char *at, *end;
    const char *wrong; /* NULL, or what was expected at `at` */
} json_reader;

bool json_take(json_reader *r, char c); /* one of { } [ ] : , if it is next; it is no mistake if it is not */
bool json_need(json_reader *r, char c, const char *wrong);
bool json_read_text(json_reader *r, bytes *out); /* a string; the caller frees out->data */
bool json_read_int(json_reader *r, int32_t *out);
bool json_next_is(json_reader *r, char c);

#endif
