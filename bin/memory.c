/*
** Memory for Lua. It asks for millions of small blocks and says the size of each when it gives it
** back, so lists of free blocks by size are enough. They come from huge pages where the kernel has
** some, which takes one fault for all; else from pages that it has been asked for at once. Large
** blocks are malloc's.
*/
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

enum { GRAIN = 16, SMALL = 512, CLASSES = SMALL / GRAIN, REGION = 2 << 20, PIECE = 512 << 10 };

typedef struct Block {
  struct Block *next;
} Block;

static Block *freed[CLASSES + 1]; /* by size in grains */
static char *fresh, *end, *region_end; /* from `end` on nobody has asked for pages yet */

static size_t grains(size_t size)
{
  return (size + GRAIN - 1) / GRAIN;
}

/* As large as a huge page (x86-64, arm64), and where one may be. */
static char *new_region(void)
{
  char *room = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t before = -(uintptr_t)room % REGION;

  if (room == MAP_FAILED) return NULL;
  if (before > 0) munmap(room, before);
  munmap(room + before + REGION, REGION - before);
  madvise(room + before, REGION, MADV_HUGEPAGE);
  return room + before;
}

/* The rest of an old region is left: less than SMALL. A huge page comes with its first piece. */
static int extend(void)
{
  if (end == region_end) {
    fresh = end = new_region();
    if (!end) return region_end = NULL, 0;
    region_end = end + REGION;
  }
  madvise(end, PIECE, MADV_POPULATE_WRITE);
  end += PIECE;
  return 1;
}

static void *take(size_t size)
{
  size_t class = grains(size), bytes = class * GRAIN;
  Block *block = freed[class];

  if (block) {
    freed[class] = block->next;
    return block;
  }
  if ((size_t)(end - fresh) < bytes && !extend()) return NULL;
  fresh += bytes;
  return fresh - bytes;
}

static void give_back(void *block, size_t size)
{
  Block *head = block;

  head->next = freed[grains(size)];
  freed[grains(size)] = head;
}

static void *move(void *block, size_t from, size_t to)
{
  void *other = to <= SMALL ? take(to) : malloc(to);

  if (!other) return NULL;
  memcpy(other, block, from < to ? from : to);
  if (from <= SMALL)
    give_back(block, from);
  else
    free(block);
  return other;
}

/* lua_Alloc. Without a block, `from` is the kind of object, and no size. */
void *memory_for_lua(void *unused, void *block, size_t from, size_t to)
{
  (void)unused;
  if (!block) return to == 0 ? NULL : to <= SMALL ? take(to) : malloc(to);
  if (to == 0) {
    if (from <= SMALL)
      give_back(block, from);
    else
      free(block);
    return NULL;
  }
  if (from > SMALL && to > SMALL) return realloc(block, to);
  if (from <= SMALL && to <= SMALL && grains(from) == grains(to)) return block;
  return move(block, from, to);
}
