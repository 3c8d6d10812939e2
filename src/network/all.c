/* all.c - all kinds of networks, for programs that do not choose. */
#include "kinds.h"

const pal_network_kind *const pal_network_kinds[] = {&pal_pictures, &pal_texts, NULL};
