/*
** What of /proc is the kernel's, and no process's. A host may have thousands of processes, and to
** list one costs as much as to open it; so the list is left where they begin. The kernel tells of
** its own entries first, then of "self" and "thread-self", then of processes (proc_root_readdir and
** proc_pid_readdir, fs/proc). Where it were otherwise, the whole list is read.
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

enum { ROOM = 1024, FILES = 1, DIRECTORIES };

typedef struct Reader {
  int fd;
  bool self, thread_self; /* were told of */
} Reader;

static bool is_process(const char *name)
{
  return name[strspn(name, "0123456789")] == '\0';
}

/* Modes by name, in the tables at FILES and DIRECTORIES. */
static void keep_entry(lua_State *L, const Reader *reader, const struct dirent64 *entry)
{
  struct stat st;

  if (entry->d_name[0] == '.' || entry->d_type == DT_LNK) return;
  if (fstatat(reader->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) return; /* gone */
  if (S_ISLNK(st.st_mode)) return;
  lua_pushstring(L, entry->d_name);
  lua_pushinteger(L, st.st_mode & 07777);
  lua_rawset(L, S_ISDIR(st.st_mode) ? DIRECTORIES : FILES);
}

/* Returns 1 where nothing of the kernel's own comes any more. */
static int take_entry(lua_State *L, Reader *reader, const struct dirent64 *entry)
{
  bool process = is_process(entry->d_name);

  if (strcmp(entry->d_name, "self") == 0)
    reader->self = true;
  else if (strcmp(entry->d_name, "thread-self") == 0)
    reader->thread_self = true;
  else if (!process)
    keep_entry(L, reader, entry);
  return process && reader->self && reader->thread_self;
}

static int take_entries(lua_State *L, Reader *reader)
{
  _Alignas(struct dirent64) char room[ROOM];
  ssize_t size;

  while ((size = getdents64(reader->fd, room, sizeof room)) > 0)
    for (ssize_t at = 0; at < size;) {
      const struct dirent64 *entry = (const void *)(room + at);

      if (take_entry(L, reader, entry)) return 0;
      at += entry->d_reclen;
    }
  return (int)size;
}

/* proc_entries() -> files, directories: {name = mode, ...} | nil, message, errno */
static int proc_entries(lua_State *L)
{
  Reader reader = {0};
  Fd *h;
  int result;

  lua_settop(L, 0);
  lua_newtable(L);
  lua_newtable(L);
  h = fd_new(L);
  h->fd = reader.fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  result = h->fd < 0 ? -1 : take_entries(L, &reader);
  if (result < 0) return fail(L, "/proc");
  close(h->fd);
  h->fd = -1;
  lua_settop(L, DIRECTORIES);
  return 2;
}

void open_kernel(lua_State *L)
{
  lua_pushcfunction(L, proc_entries);
  lua_setfield(L, -2, "proc_entries");
}
