/* fill.c - an example program for the installed library: fills the blanks of one page. run.sh builds it on an installed
 * tree.
 *
 *   fill MODEL.gguf "Once upon a time [[?]] lived in [[4]]." SEED */
#include <palimpsest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 4) return fputs("usage: fill MODEL.gguf PAGE SEED\n", stderr), 2;
    const char *page = argv[2];
    pal_infill_options options = pal_infill_defaults();
    options.seed = strtoull(argv[3], NULL, 10);

    pal_error err = {PAL_E_MEMORY, "no memory", 0};
    pal_model *model = NULL;
    pal_session *session;
    char *block = NULL, *text = NULL;
    size_t bytes;
    if (pal_model_open_file(&model, argv[1], 0, &err)) goto done;
    if (pal_session_bytes(model, page, strlen(page), &options, &bytes, &err)) goto done; /* ask ... */
    if (!(block = malloc(bytes))) goto done;
    if (pal_session_init(&session, model, page, strlen(page), &options, block, bytes, &err)) goto done; /* lend */

    pal_status status;
    while ((status = pal_step(session, &err)) == PAL_MORE) fputc('.', stderr); /* a program may draw or stop here */
    if (status) goto done;

    bytes = pal_session_text(session, NULL, 0);
    if (!(text = malloc(bytes + 1))) goto done;
    pal_session_text(session, text, bytes);
    text[bytes] = '\0';
    puts(text);
    err.status = PAL_OK;
done:
    if (err.status != PAL_OK) fprintf(stderr, "fill: %s\n", err.text);
    free(text);
    free(block); /* the session is in it: there is nothing else to free */
    pal_model_close(model);
    return err.status == PAL_OK ? 0 : 1;
}
