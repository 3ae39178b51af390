/* Binds: a part of the caller's world, by its path or as what the caller has open. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "step.h"

enum { TRIES = 8, PATH_SIZE = 4096 };

int check_handle(Check *c, const char *field)
{
  int number;

  lua_pushstring(c->L, field);
  lua_rawget(c->L, c->table);
  number = check_descriptor(c, field, lua_gettop(c->L));
  lua_pop(c->L, 1);
  return number;
}

/* source: a path; or a handle, or its number, of what is meant, whatever its path is by then */
static void check_source(Check *c, Step *s)
{
  char *text;

  s->fd = check_handle(c, "source");
  if (s->fd < 0) {
    s->source = check_string(c, "source");
    return;
  }
  text = keep_memory(c, 24);
  snprintf(text, 24, "fd %d", s->fd);
  s->source = text;
}

/* tree: a mount that is made already and belongs nowhere (core.idmapped); idmap says in words what
   is special about it, and is nothing without. */
static void check_tree(Check *c, Step *s)
{
  int tree = check_handle(c, "tree");

  s->flag = tree >= 0;
  if (!!check_string_or(c, "idmap", NULL) != s->flag) misuse(c, "idmap and tree go together");
  if (s->flag) s->fd = tree;
}

void check_bind(Check *c, Step *s)
{
  check_source(c, s);
  check_tree(c, s);
  s->target = check_target(c, "target");
  s->attributes = check_attributes(c, true);
  s->recursive = check_flag(c, "recursive", true);
  s->optional = check_flag(c, "optional", false);
}

static bool is_same(int a, int b)
{
  struct stat one, two;

  return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

/* "/proc/self/fd/7" to where it leads. */
static int path_of(int fd, char *path)
{
  char link[40] = "/proc/self/fd/", digits[12];
  size_t at = sizeof "/proc/self/fd/" - 1;
  int n = 0;
  ssize_t len;

  do digits[n++] = (char)('0' + fd % 10);
  while ((fd /= 10) > 0);
  while (n > 0) link[at++] = digits[--n];
  len = readlink(link, path, PATH_SIZE - 1);
  if (len < 0) return -1;
  path[len] = '\0';
  return 0;
}

/*
** A handle is of a mount of the caller's namespace, and this one has copies: what the path of it
** leads to here has to be the very same file. A swapped directory or link makes that fail, and
** something that was renamed is found at its new place. Returns an O_PATH fd.
*/
static int open_again(int fd)
{
  char path[PATH_SIZE];

  for (int i = 0; i < TRIES; i++) {
    int found;

    if (path_of(fd, path) < 0) return -1;
    found = open(path, O_PATH | O_CLOEXEC);
    if (found >= 0 && is_same(fd, found)) return found;
    if (found >= 0) close(found);
  }
  errno = ESTALE;
  return -1;
}

/* The caller's handle stays his. */
static int take_tree(Run *r, const Step *s)
{
  struct mount_attr attr = {.attr_set = s->attributes, .propagation = MS_PRIVATE};
  int tree = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);

  if (tree < 0) return stop(r, "dup", s->source);
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0) return tree;
  stop(r, "mount_setattr", s->source);
  close(tree);
  return -1;
}

static int clone_source(Run *r, const Step *s)
{
  unsigned recursive = s->recursive ? AT_RECURSIVE : 0;
  int found, tree;

  if (s->flag) return take_tree(r, s);
  if (s->fd < 0) return copy_tree(r, AT_FDCWD, s->source, recursive, s->attributes, s->source);
  found = open_again(s->fd);
  if (found < 0) return stop(r, "what is open is not to be seen at its path any more:", s->source);
  tree = copy_tree(r, found, "", AT_EMPTY_PATH | recursive, s->attributes, s->source);
  let_go(r, found);
  return tree;
}

int run_bind(Run *r, const Step *s)
{
  int tree = clone_source(r, s);
  struct stat st;

  if (tree < 0) {
    if (!s->optional || (r->report->err != ENOENT && r->report->err != ENOTDIR)) return -1;
    r->report->err = 0;
    return 0;
  }
  if (fstat(tree, &st) < 0) {
    stop(r, "stat", s->source);
    close(tree);
    return -1;
  }
  return attach(r, tree, s->target, S_ISDIR(st.st_mode) ? PLACE_DIRECTORY : PLACE_FILE);
}
