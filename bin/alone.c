/*
** The command without a loader: linked to nothing, it starts in half the time. So it does what
** needs no library while it runs, which is `moonsand run`. For all else it makes way for the same
** program with a loader, which is in a directory of its own: beside it where it was built, in lib/
** where it is installed.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "alone.h"

enum { BUG = 70 };

static _Noreturn void execute_the_rest(char **argv)
{
  static const char *const places[] = {"full/moonsand", "../lib/moonsand/moonsand"};
  const char *name = (const char *)getauxval(AT_EXECFN);
  char own[PATH_MAX], path[2 * PATH_MAX] = "?";

  if (name && realpath(name, own)) {
    *strrchr(own, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
      snprintf(path, sizeof path, "%s/%s", own, places[i]);
      execv(path, argv);
      if (errno != ENOENT) break;
    }
  }
  fprintf(stderr, "moonsand: cannot execute the rest of it, %s: %s; run make, or make install\n",
          path, strerror(errno));
  exit(BUG);
}

void make_way(char **argv)
{
  static const char *const verbs[] = {"run", "version", "--version"};

  for (size_t i = 0; argv[0] && argv[1] && i < sizeof verbs / sizeof *verbs; i++)
    if (strcmp(argv[1], verbs[i]) == 0) return;
  execute_the_rest(argv);
}

/* The C library's own would load a second C library (ld --wrap). Lua, and who looks for a library of
   the host, are told that there is none. */
void *__wrap_dlopen(const char *file, int mode)
{
  (void)file, (void)mode;
  return NULL;
}

char *__wrap_dlerror(void)
{
  static char why[] = "moonsand run loads no libraries";

  return why;
}
