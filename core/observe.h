/* Between observe.c, which starts an observer and reads what it saw, and witness.c, which is the
   observer's own process. What it saw is in memory that both share. */
#ifndef MOONSAND_OBSERVE_H
#define MOONSAND_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SEEN_LIMIT = 1 << 16, /* paths */
  SLOTS = 2 * SEEN_LIMIT, /* of the table that finds them; a power of two */
  TEXT_LIMIT = 8 << 20, /* bytes of all paths together */
};

/* How a path was used: a bit each. */
enum { LOOKED = 1, OPENED = 2, EXECUTED = 4 };

/* What was there. */
typedef enum State { ABSENT, REGULAR, DIRECTORY, OTHER, UNKNOWN } State;

typedef struct Seen {
  uint32_t hash;
  uint32_t path, real; /* where in `text`; real 0: as path */
  uint8_t uses, state;
} Seen;

typedef struct Sight {
  uint32_t count; /* of `seen` */
  uint32_t used; /* of `text`; from 1 on */
  uint64_t calls, unread; /* that were told; whose path could not be read */
  bool attached; /* there was somebody to observe */
  bool lost; /* more paths than there is room for */
  bool complete; /* observed to the end of the last process */
  Seen seen[SEEN_LIMIT];
  uint32_t slots[SLOTS]; /* number of `seen` from 1 on; 0: free */
  char text[TEXT_LIMIT];
} Sight;

/* A call that is told: where its path is, and how it uses it. */
typedef struct Told {
  const char *name;
  int8_t directory, path; /* arguments; -1: none */
  uint8_t use;
} Told;

extern const Told told[]; /* ends in NULL */

typedef struct Numbered {
  uint32_t architecture, number;
  const Told *call;
} Numbered;

typedef struct Witness {
  Sight *sight;
  int socket; /* the listener comes from there */
  const char *const *places; /* what lies below them is kept; ends in NULL */
  const Numbered *calls;
  size_t count;
} Witness;

/* In a process of its own; returns when there is nobody left to observe. */
void bear_witness(const Witness *w);

#endif
