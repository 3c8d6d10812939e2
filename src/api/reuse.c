/* reuse.c - pages that begin like a text that was read before: its content rows are copied, not computed again. */
#include "pages.h"
#include "sequence.h"

/* The number of places from the start at which `from` has the rows of the page's given tokens, and nothing where the page
 * has a blank.  Only for pages, or first windows of them, that begin with the start token.  *tokens: how many of them are tokens of the page. */
static int common_places(const pal_session *s, const pal_content_rows *from, int32_t *tokens)
{
    const pal_fill *f = &s->fill;
    int places = 1;
    *tokens = 0;
    if (from->places < 1 || f->from > 0 || (from->rank && from->rank[0] != 0) || from->token[0] != s->model->rows.start)
        return 0;
    for (int32_t i = 0, place = 0; i < f->n && i + 1 < from->places; i++) {
        const bool blank = place < f->places + f->after && f->place[place].at == i;
        const bool given = !from->rank || from->rank[i + 1] == 0;
        if (given == blank || (given && from->token[i + 1] != f->tokens[i])) break;
        if (blank) {
            place++;
            continue;
        }
        ++*tokens;
        places = i + 2;
    }
    return places;
}

/* Models with one file have the same weights. */
static int32_t reuse(pal_session *s, const pal_model *model, const pal_content_rows *from)
{
    int32_t tokens;
    if (model->gguf != s->model->gguf || !s->model->rows.used || !pal_row_runner_is_new(&s->runner.rows)) return 0;
    if (s->runner.rows.cache.type != from->cache->type) return 0;
    const int places = common_places(s, from, &tokens);
    if (tokens) pal_row_runner_adopt(&s->runner.rows, from, places);
    return tokens;
}

int32_t pal_session_reuse(pal_session *session, const pal_session *from)
{
    if (!from->model->rows.used || from->model != session->model) return 0;
    const pal_content_rows rows = pal_row_runner_content(&from->runner.rows);
    return reuse(session, from->model, &rows);
}

int32_t pal_session_reuse_sequence(pal_session *session, const pal_sequence *from)
{
    return reuse(session, from->model,
                 &(pal_content_rows){.cache = &from->cache, .token = from->tokens, .places = from->length});
}
