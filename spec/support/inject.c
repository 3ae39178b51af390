/*
** inject LOG PROGRAM ARGUMENT...: runs a program and makes one of its system calls fail.
**
** The program says which, by signals to itself that it never gets (mark.c):
**   ERROR | errno          what the call is to fail with
**   BEGIN | role << 16 | n from here on count; the n-th call of that role fails (n = 0: none)
**   END                    stop; the answer is 2 * processes left + (1: a call has failed)
**   WHICH                  the answer is the number of the call that has failed
** A role is a process by its depth: 0 the program, 1 what it forks, 2 what that forks. A process
** counts until it executes something. With n = 0 LOG gets a line for every call that counts: role,
** number, first argument. close(2) is carried out and fails afterwards: Linux closes in any case.
** Only while it counts do calls stop: nine in ten are of what the program looks at in between.
*/
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mark.h"

enum { TRACEES = 256 };

typedef struct Tracee {
  pid_t pid; /* 0: free */
  int role; /* -1: its parent has not told yet */
  bool executed, started;
  long result; /* of the call that it is in; 1: its own */
} Tracee;

static Tracee tracees[TRACEES];
static int counts[8], failing_role, failing_call, failure = ENOTRECOVERABLE;
static bool counting, failed;
static long which;
static FILE *notes;

static Tracee *find(pid_t pid)
{
  Tracee *free_one = NULL;

  for (int i = 0; i < TRACEES; i++) {
    if (tracees[i].pid == pid) return &tracees[i];
    if (tracees[i].pid == 0 && !free_one) free_one = &tracees[i];
  }
  if (!free_one) exit(120);
  *free_one = (Tracee){.pid = pid, .role = -1, .result = 1};
  return free_one;
}

static int others(void)
{
  int n = 0;

  for (int i = 0; i < TRACEES; i++) n += tracees[i].pid != 0;
  return n - 1;
}

static void set_register(pid_t pid, bool number, long value)
{
  struct user_regs_struct registers;
  struct iovec all = {&registers, sizeof registers};

#if defined(__aarch64__)
  int call = (int)value;
  struct iovec one = {&call, sizeof call};

  if (number) {
    ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &one);
    return;
  }
#endif
  ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all);
#if defined(__x86_64__)
  if (number)
    registers.orig_rax = (unsigned long)value;
  else
    registers.rax = (unsigned long)value;
#elif defined(__aarch64__)
  registers.regs[0] = (unsigned long)value;
#endif
  ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all);
}

/* What the program is told, as it says something. */
static long answer(long said)
{
  switch (said & MARK) {
  case ERROR: failure = (int)(said & 0xffff); return 0;
  case BEGIN:
    memset(counts, 0, sizeof counts);
    failing_role = (int)(said >> 16 & 7);
    failing_call = (int)(said & 0xffff);
    counting = true, failed = false;
    if (failing_call == 0) rewind(notes), ftruncate(fileno(notes), 0);
    return 0;
  case END:
    counting = false;
    fflush(notes);
    return 2 * others() + failed;
  default: return which;
  }
}

/* Is this signal a mark of the program's? Then it is answered, and the signal is no more. */
static bool at_mark(const Tracee *t, int signal)
{
  siginfo_t info;
  long said, *place;

  if (t->role != 0 || signal != SIGRTMAX) return false;
  if (ptrace(PTRACE_GETSIGINFO, t->pid, NULL, &info) < 0) exit(124);
  place = info.si_value.sival_ptr;
  errno = 0;
  said = ptrace(PTRACE_PEEKDATA, t->pid, place, NULL);
  if (errno || ptrace(PTRACE_POKEDATA, t->pid, place, answer(said)) < 0) exit(124);
  return true;
}

/* Memory and chance come when the libraries want them: such calls would move the numbers of the
   others, as marks would. */
static bool is_at_will(const struct __ptrace_syscall_info *info)
{
  switch (info->entry.nr) {
  case SYS_rt_sigqueueinfo: /* a mark */
  case SYS_brk:
  case SYS_getrandom:
  case SYS_munmap:
  case SYS_mremap:
  case SYS_madvise: return true;
  case SYS_mmap: return !(info->entry.args[3] & MAP_SHARED);
  default: return false;
  }
}

static void enter(Tracee *t, const struct __ptrace_syscall_info *info)
{
  uint64_t number = info->entry.nr;

  t->result = 1;
  if (counting && !t->executed && t->role >= 0 && t->role < 8 && !is_at_will(info)) {
    if (failing_call == 0)
      fprintf(notes, "%d %d %lld\n", t->role, (int)number, (long long)info->entry.args[0]);
    if (++counts[t->role] != failing_call || t->role != failing_role) return;
    failed = true, which = (long)number;
    t->result = -failure;
  }
  if (t->result != 1 && number != SYS_close) set_register(t->pid, true, -1);
}

static void at_call(Tracee *t)
{
  struct __ptrace_syscall_info info;

  if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) <= 0) return;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    enter(t, &info);
  } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->result != 1) {
    set_register(t->pid, false, t->result);
    t->result = 1;
  }
}

static void go_on(const Tracee *t, int signal)
{
  bool is_of_interest = t->result != 1 || (counting && !t->executed);

  ptrace(is_of_interest ? PTRACE_SYSCALL : PTRACE_CONT, t->pid, NULL, (void *)(long)signal);
}

/* State and parent of a process, proc_pid_stat(5); false: it is no more. */
static bool look(pid_t pid, char *state, pid_t *parent)
{
  char path[32], line[512] = "";
  FILE *file;

  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  file = fopen(path, "re");
  if (!file) return false;
  if (!fgets(line, sizeof line, file)) *line = '\0';
  fclose(file);
  return strrchr(line, ')') && sscanf(strrchr(line, ')'), ") %c %d", state, parent) == 2;
}

/* A new process waits until its parent has told whose child it is. */
static void at_event(Tracee *t, int event)
{
  unsigned long pid = 0;
  char state;
  pid_t parent;
  Tracee *child;

  if (event == PTRACE_EVENT_EXEC) t->executed = t->role > 0;
  if (event == PTRACE_EVENT_EXEC || ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &pid) < 0) return;
  /* one that was killed at once: its end was told, or will be */
  if (!look((pid_t)pid, &state, &parent) || state == 'Z' || state == 'X') return;
  child = find((pid_t)pid);
  if (child->executed) return;
  child->role = t->role + 1;
  child->executed = t->executed;
  if (child->started) go_on(child, 0);
}

/* Does a process that counts have this child? */
static bool counts_as_parent(pid_t child)
{
  char state;
  pid_t parent;

  if (!look(child, &state, &parent)) return false;
  for (int i = 0; i < TRACEES; i++) {
    if (parent > 0 && tracees[i].pid == parent) return !tracees[i].executed;
  }
  return false;
}

/* Whoever waits in vain, as its parent was killed before it could tell, or counts no more as
   its parent does not, goes on. */
static void release(Tracee *child)
{
  if (!child->pid || !child->started || child->role >= 0 || child->executed) return;
  if (counts_as_parent(child->pid)) return;
  child->executed = true;
  go_on(child, 0);
}

static void at_stop(Tracee *t, int status)
{
  int signal = WSTOPSIG(status), event = status >> 16;

  if (!t->started && signal == SIGSTOP) {
    t->started = true;
    if (t->role >= 0)
      go_on(t, 0);
    else
      release(t);
    return;
  }
  if (signal == (SIGTRAP | 0x80)) at_call(t);
  if (event) at_event(t, event);
  go_on(t, event || signal == (SIGTRAP | 0x80) || at_mark(t, signal) ? 0 : signal);
}

static pid_t start(char **argv)
{
  pid_t pid = fork();

  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execvp(argv[0], argv);
    _exit(127);
  }
  return pid;
}

int main(int argc, char **argv)
{
  int status;
  pid_t pid, program;

  if (argc < 3 || !(notes = fopen(argv[1], "we"))) return 120;
  program = start(argv + 2);
  if (program < 0 || waitpid(program, &status, __WALL) != program) return 120;
  if (ptrace(PTRACE_SETOPTIONS, program, NULL,
             PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
               PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
    return 121;
  find(program)->role = 0;
  find(program)->started = true;
  go_on(find(program), 0);
  while ((pid = waitpid(-1, &status, __WALL)) > 0) {
    Tracee *t = find(pid);

    if (WIFSTOPPED(status)) {
      at_stop(t, status);
      continue;
    }
    t->pid = 0;
    for (int i = 0; i < TRACEES; i++) release(&tracees[i]);
    if (pid != program) continue;
    if (WIFSIGNALED(status))
      fprintf(stderr, "inject: the program died by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 122;
  }
  return 123;
}
