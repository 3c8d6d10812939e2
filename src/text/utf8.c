/* utf8.c - the transitions of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
#include "utf8.h"

static int start_state(uint8_t b)
{
    if (b < 0x80) return PAL_UTF8_BOUNDARY;
    if (b >= 0xc2 && b <= 0xdf) return PAL_UTF8_ONE;
    if (b == 0xe0) return PAL_UTF8_AFTER_E0;
    if (b == 0xed) return PAL_UTF8_AFTER_ED;
    if (b >= 0xe1 && b <= 0xef) return PAL_UTF8_TWO;
    if (b == 0xf0) return PAL_UTF8_AFTER_F0;
    if (b >= 0xf1 && b <= 0xf3) return PAL_UTF8_THREE;
    return b == 0xf4 ? PAL_UTF8_AFTER_F4 : PAL_UTF8_DEAD;
}

int pal_utf8_next(int state, uint8_t b)
{
    static const struct {
        uint8_t low, high, to;
    } step[PAL_UTF8_STATES] = {
        [PAL_UTF8_ONE] = {0x80, 0xbf, PAL_UTF8_BOUNDARY}, [PAL_UTF8_TWO] = {0x80, 0xbf, PAL_UTF8_ONE},
        [PAL_UTF8_THREE] = {0x80, 0xbf, PAL_UTF8_TWO},    [PAL_UTF8_AFTER_E0] = {0xa0, 0xbf, PAL_UTF8_ONE},
        [PAL_UTF8_AFTER_ED] = {0x80, 0x9f, PAL_UTF8_ONE}, [PAL_UTF8_AFTER_F0] = {0x90, 0xbf, PAL_UTF8_TWO},
        [PAL_UTF8_AFTER_F4] = {0x80, 0x8f, PAL_UTF8_TWO},
    };
    if (state == PAL_UTF8_BOUNDARY) return start_state(b);
    return b >= step[state].low && b <= step[state].high ? step[state].to : PAL_UTF8_DEAD;
}

int pal_utf8_run(int state, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && state != PAL_UTF8_DEAD; i++) state = pal_utf8_next(state, (uint8_t)text[i]);
    return state;
}
