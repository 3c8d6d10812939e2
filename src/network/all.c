/* all.c - the list of all kinds of networks, for programs that do not define a list of their own. */
#include "kinds.h"

const pal_network_kind pal_network_kinds[] = {PAL_KINDS_OF_UNETS, PAL_KINDS_OF_TRANSFORMERS, PAL_KINDS_OF_DDIT,
                                              PAL_KINDS_OF_BOARDS, PAL_KIND_UNKNOWN};
const size_t pal_network_kind_count = sizeof pal_network_kinds / sizeof *pal_network_kinds;
