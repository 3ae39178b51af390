/*
** The files of directories. Hashing them ahead, several threads take one after the other, the
** largest first. No thread is left when the call returns, not even in the eyes of the kernel, so
** who makes sandboxes after it is alone in its process (unshare(2) refuses a user namespace to a
** process of two threads). They touch neither Lua nor the heap, and no signal is theirs.
*/
#define _GNU_SOURCE
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core.h"
#include "tree.h"

enum {
  FILE_COST = 1 << 12, /* to open a file takes as long as to hash so many bytes */
  GRAIN = 1 << 19,     /* a thread has to have so much to do to be worth its start */
  STACK = 1 << 19,
};

/* Open a file of ours that its owner may not read, by lending the right for a moment. */
static int open_unreadable(const Content *c)
{
  const Reading *r = c->from;
  mode_t mode = (c->st.st_mode & 07777) | 0400;

  if (!r->grant && !r->normalise) return errno = EACCES, -1;
  if (fchmodat(r->dirfd, c->name, mode, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return openat(r->dirfd, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int grant_file(const Reading *r, int fd, struct stat *st)
{
  if (!r->grant || (st->st_mode & 0400) != 0) return 0;
  st->st_mode |= 0400;
  return fchmod(fd, st->st_mode & 07777);
}

/* The name may have come to mean something else since it was listed: what is open counts. */
static int check_open(int fd, Content *c)
{
  struct stat st;

  if (fstat(fd, &st) < 0) return -1;
  if (!S_ISREG(st.st_mode)) return errno = ESTALE, -1;
  if (c->hashed) {
    if (st.st_ino == c->st.st_ino && st.st_dev == c->st.st_dev) return 0;
    return errno = ESTALE, -1;
  }
  c->st = st;
  c->size = st.st_size;
  return grant_file(c->from, fd, &c->st);
}

int content_open(Content *c)
{
  int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = openat(c->from->dirfd, c->name, flags), err;

  if (fd < 0 && errno == EACCES) fd = open_unreadable(c);
  if (fd < 0 || check_open(fd, c) == 0) return fd;
  err = errno;
  close(fd);
  errno = err;
  return -1;
}

int content_hash(Hasher *hasher, int fd, Content *c)
{
  return hash_fd(hasher, fd, c->hex, &c->size);
}

int content_normalise_fd(const Reading *r, int fd, const struct stat *st, mode_t mode)
{
  struct timespec times[2] = {r->time, r->time};

  if ((st->st_mode & 07777) != mode && fchmod(fd, mode) < 0) return -1;
  return futimens(fd, times);
}

/* A file with a second name is left as it is: the other name may lie elsewhere. Lua copies it. */
int content_normalise(int fd, const Content *c)
{
  if (!c->from->normalise || c->st.st_nlink > 1) return 0;
  return content_normalise_fd(c->from, fd, &c->st, (c->st.st_mode & 0100) ? 0755 : 0644);
}

/* What threads share. */
typedef struct Batch {
  Content **files; /* the largest first */
  size_t count;
  atomic_size_t next;
} Batch;

typedef struct Worker {
  Batch *batch;
  Hasher *hasher;
  pthread_t thread;
  pid_t tid;
} Worker;

/* Xattrs are for Lua to keep, so a file that has some is opened once more. */
static int hash_ahead(Hasher *hasher, int fd, Content *c)
{
  ssize_t xattrs;

  if (content_hash(hasher, fd, c) < 0) return -1;
  xattrs = flistxattr(fd, NULL, 0);
  if (xattrs < 0 && errno != EOPNOTSUPP) return -1;
  c->finished = xattrs <= 0;
  return c->finished ? content_normalise(fd, c) : 0;
}

static void take_one(Hasher *hasher, Content *c)
{
  int fd = content_open(c);

  if (fd < 0 || hash_ahead(hasher, fd, c) < 0) c->err = errno;
  if (fd >= 0) close(fd);
  c->hashed = true;
}

static void work(Batch *b, Hasher *hasher)
{
  size_t i;

  while ((i = atomic_fetch_add(&b->next, 1)) < b->count) take_one(hasher, b->files[i]);
}

static void *worker_main(void *arg)
{
  Worker *w = arg;

  w->tid = gettid();
  work(w->batch, w->hasher);
  return NULL;
}

static int start(Worker *w)
{
  pthread_attr_t attr;
  int err;

  if (pthread_attr_init(&attr) != 0) return -1;
  err = pthread_attr_setstacksize(&attr, STACK);
  if (err == 0) err = pthread_create(&w->thread, &attr, worker_main, w);
  pthread_attr_destroy(&attr);
  return err == 0 ? 0 : -1;
}

/* As many as there may be: what no thread takes is left for this one. */
static int start_all(Worker *workers, int count)
{
  sigset_t all, before;
  int started = 0;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (started < count && start(&workers[started]) == 0) started++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

/* A thread that was joined may still be counted by the kernel for a moment. */
static void wait_for_end(const Worker *w)
{
  pthread_join(w->thread, NULL);
  while (syscall(SYS_tgkill, getpid(), w->tid, 0) == 0) sched_yield();
}

static int by_size(const void *a, const void *b)
{
  off_t one = (*(Content *const *)a)->st.st_size, other = (*(Content *const *)b)->st.st_size;

  return (one < other) - (one > other);
}

/* The regular files, as a userdata on the top; what hashing them costs, in bytes. */
static Content **push_files(lua_State *L, Content *list, size_t count, size_t *files, int64_t *cost)
{
  Content **view = lua_newuserdatauv(L, (count + 1) * sizeof *view, 0);

  for (size_t i = 0; i < count; i++) {
    if (list[i].err != 0 || !S_ISREG(list[i].st.st_mode)) continue;
    view[(*files)++] = &list[i];
    *cost += list[i].st.st_size + FILE_COST;
  }
  return view;
}

int content_processors(void)
{
  cpu_set_t set;

  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int useful(int threads, size_t files, int64_t cost)
{
  int64_t most = cost / GRAIN < (int64_t)files ? cost / GRAIN : (int64_t)files;

  return most < threads ? (int)most : threads;
}

void content_hash_all(lua_State *L, Content *list, size_t count, int threads)
{
  int top = lua_gettop(L), started;
  int64_t cost = 0;
  Batch batch = {.files = NULL};
  Worker *workers;

  if (threads < 2 || count < 2) return;
  batch.files = push_files(L, list, count, &batch.count, &cost);
  threads = useful(threads, batch.count, cost);
  if (threads >= 2) {
    qsort(batch.files, batch.count, sizeof *batch.files, by_size);
    workers = lua_newuserdatauv(L, (size_t)threads * sizeof *workers, 0);
    for (int i = 0; i < threads; i++)
      workers[i] = (Worker){.batch = &batch, .hasher = hash_nth(L, i)};
    started = start_all(workers + 1, threads - 1);
    work(&batch, workers[0].hasher);
    for (int i = 1; i <= started; i++) wait_for_end(&workers[i]);
  }
  lua_settop(L, top);
}
