/*
** One clone3 makes the child in all its namespaces. It shares our memory, and we sleep, until it
** has executed: so the cost does not grow with the caller, and what went wrong is simply there to
** read. System calls only in the child.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "ids.h"
#include "spawn.h"

/* A program without our pid 1 must die with the caller, too. The pidfd proves that the caller was
   alive after the order was given (prctl(2): a parent that is dead already sends nothing). */
static int die_with_caller(Run *r)
{
  struct pollfd caller = {.fd = r->parent, .events = POLLIN};
  int gone;

  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return stop(r, "prctl", NULL);
  gone = poll(&caller, 1, 0);
  if (gone < 0) return stop(r, "poll", NULL);
  if (gone == 0) return 0;
  errno = ESRCH;
  return stop(r, "the caller is gone", NULL);
}

static void child_main(void *data)
{
  Run *r = data;

  r->report->step = 0;
  if (close_range(0, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
    stop(r, "close_range", NULL);
    _exit(125);
  }
  r->umask = umask(0);
  reset_signals();
  if (!r->steps[r->count - 1].exec.init && die_with_caller(r) < 0) _exit(125);
  for (size_t i = 0; i < r->count; i++) {
    r->report->step = (int)i;
    if (r->steps[i].verb->run(r, &r->steps[i]) < 0) _exit(125);
  }
  _exit(125);
}

/* The child waits in its ids step. `done` has an end only in the child: end of file means
   executed or dead. */
static void serve_ranges(Run *r, int pid, const Step *ranges, int go, int done)
{
  char byte = 1;
  Report early = *r->report;
  Run writer = {.report = &early};
  siginfo_t info;
  ssize_t n;

  early.err = 0;
  if (map_from_outside(&writer, pid, ranges) == 0 && write(go, &byte, 1) != 1)
    stop(&writer, "let the child go on", NULL);
  if (early.err != 0) early.step = (int)(ranges - r->steps);
  close(go); /* without a byte in it the child stops in its own step */
  do n = read(done, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n < 0) { /* the child uses our memory: it must be gone before we go on */
    stop(&writer, "wait for the child", NULL);
    early.step = (int)(ranges - r->steps);
    kill(pid, SIGKILL);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL);
  }
  /* A child that had stopped in an earlier step knows better. */
  if (early.err != 0 && (r->report->err == 0 || r->report->step == early.step))
    *r->report = early;
}

static int spawn_with_ranges(Run *r, Process *p, struct clone_args *args, const Step *ranges)
{
  int sync[2], done[2];
  long pid;

  if (pipe2(sync, O_CLOEXEC) < 0) return -1;
  if (pipe2(done, O_CLOEXEC) < 0) {
    close(sync[0]), close(sync[1]);
    return -1;
  }
  r->sync = sync[0];
  r->sync_peer = sync[1];
  r->done = done[1];
  pid = clone_child(r, args, child_main);
  close(done[1]);
  if (pid > 0) {
    p->pid = (int)pid;
    serve_ranges(r, p->pid, ranges, sync[1], done[0]);
  } else {
    close(sync[1]);
  }
  close(sync[0]), close(done[0]); /* with no reader left, writing to a dead child were a SIGPIPE */
  errno = (int)-pid;
  return pid < 0 ? -1 : 0;
}

static size_t shared_size(const Run *r)
{
  return sizeof(Report) + r->count * sizeof *r->report->made;
}

/*
** A child that shares our memory must not be what an out-of-memory killer chooses: we would die
** with it. In a vfork it is never chosen; while it waits for its ranges it is no vfork, and has a
** copy.
*/
static Report *share_report(Run *r, struct clone_args *args)
{
  Report *shared = mmap(NULL, shared_size(r), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (shared == MAP_FAILED) return NULL;
  *shared = *r->report;
  if (shared->made) shared->made = (uint16_t *)(void *)(shared + 1);
  r->report = shared;
  args->flags &= ~(uint64_t)CLONE_VM;
  return shared;
}

static void take_report(Run *r, Report *own, Report *shared)
{
  uint16_t *made = own->made;

  if (made) memcpy(made, shared->made, r->count * sizeof *made);
  *own = *shared;
  own->made = made;
  r->report = own;
  munmap(shared, shared_size(r));
}

int spawn_child(Run *r, Process *p, uint64_t namespaces, const Step *ranges)
{
  struct clone_args args = {
    .flags = namespaces | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
    .pidfd = (uint64_t)(uintptr_t)&p->pidfd,
    .stack = (uint64_t)(uintptr_t)(r->stack + r->stack_size / 2),
    .stack_size = r->stack_size / 2,
  };
  Report *own = r->report, *shared = NULL;
  sigset_t all, before;
  int result = 0, err, dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

  if (r->cgroup && r->cgroup->cgroup.into >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (unsigned)r->cgroup->cgroup.into;
  }
  if (((r->cgroup && ranges) || r->clocks) && !(shared = share_report(r, &args))) return -1;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  if (ranges) {
    result = spawn_with_ranges(r, p, &args, ranges);
  } else {
    long pid;

    args.flags |= CLONE_VFORK;
    pid = clone_child(r, &args, child_main);
    p->pid = (int)pid;
    if (pid < 0) errno = (int)-pid, result = -1;
  }
  err = errno;
  if (dumpable == 1) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* see hide_memory */
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (shared) take_report(r, own, shared);
  if (result < 0) p->pidfd = -1; /* a clone3 that fails late has told a number that nothing has */
  errno = err;
  return result;
}
