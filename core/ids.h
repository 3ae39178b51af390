#ifndef MOONSAND_IDS_H
#define MOONSAND_IDS_H

#include "step.h"

/* The kernel takes 340 lines, and less than a page of text (user_namespaces(7)). */
enum { MAP_LINE_SIZE = 36, MAP_LINES = 340, MAP_TEXT_SIZE = 4096 };

#define ID_LAST 4294967294LL /* 2^32 - 1 is nobody's */

/* Lines of a map file; text has room for MAP_LINE_SIZE bytes a range. */
size_t format_map(char *text, const IdRange *ranges, size_t count);

/* idmap.c: the maps that are not the child's own to write */
int map_from_outside(Run *r, int pid, const Step *s);

#endif
