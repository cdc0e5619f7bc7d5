#include "cli/chinese.h"

#include <stddef.h>

const struct speech *const chinese_tables[] = {chinese_manual, chinese_rehearse, chinese_house,
                                               chinese_others, NULL};
