/* adapted_testing.h - sessions of a causal model with an adapter, which fill their pages by query rows (`model` of
 * session_testing.h is the model with the adapter).  Include cmocka.h first. */
#ifndef PAL_ADAPTED_TESTING_H
#define PAL_ADAPTED_TESTING_H

#include "session_testing.h"
#include "adapter_file.h"
#include "api/pages.h"

static pal_model *base; /* tiny-ar */
static attached with;

static inline int open_adapted(const adapter_spec *o)
{
    base = open_test_model("tiny-ar");
    with = attach_to(base, o);
    model = with.model;
    return with.status;
}

/* For cmocka_run_group_tests. */
static inline int open_both(void **state)
{
    (void)state;
    return open_adapted(&(adapter_spec){.rank = 4});
}

/* The same with an end of blanks. */
static inline int open_both_ending(void **state)
{
    (void)state;
    return open_adapted(&(adapter_spec){.rank = 4, .empty = true});
}

static inline int close_both(void **state)
{
    (void)state;
    close_attachment(&with);
    pal_model_close(base);
    return 0;
}

/* A token that `model` often draws in the second place of a blank: as the end of blanks it makes many of them short. */
static inline int32_t usual_token(void)
{
    const pal_infill_options o = options_of(PAL_ASCENDING, 1);
    pal_place place[4];
    lent l = start("the [[4]] dog", &o);
    finish(&l);
    pal_session_tokens(l.session, place, 4);
    const int32_t id = place[1].alternative_id[0];
    end(&l);
    return id;
}

#endif
