/* score_fills.h - palimpsest score --fills (internal to the command line). */
#ifndef PAL_CLI_SCORE_FILLS_H
#define PAL_CLI_SCORE_FILLS_H

#include "cli.h"

typedef struct {
    const pal_model *model;
    const char *model_path;
    bool json;
    pal_infill_options infill;
    pal_fills_options options;
} fills_request;

/* Scores each line of the input and prints the results.  Returns the exit code; prints errors with the line number. */
int score_fills(const fills_request *r, const bytes *input);

#endif
