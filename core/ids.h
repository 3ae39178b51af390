#ifndef MOONSAND_IDS_H
#define MOONSAND_IDS_H

#include "step.h"

enum { MAP_LINE_SIZE = 36 };

/* Lines of a map file; text has room for MAP_LINE_SIZE bytes a range. */
size_t format_map(char *text, const IdRange *ranges, size_t count);

#endif
