/* Between run.c, which makes the child, and process.c, which is the handle of it. */
#ifndef MOONSAND_SPAWN_H
#define MOONSAND_SPAWN_H

#include <linux/sched.h>

#include "step.h"

#define PROCESS_TYPE "moonsand.process"

/* The child's stack: the upper half is its own, the lowest part its program's until that has
   executed, what is between belongs to who makes the child (enter.c). */
enum { RESERVED_STACK = 16384 };

typedef struct Process {
  int pidfd; /* -1: closed */
  int status; /* read end of pid 1's pipe; -1: the program is not under our pid 1 */
  int pid;
  uint64_t namespaces; /* that were made for it: CLONE_NEW* */
  bool ended;
} Process;

Process *process_new(lua_State *L);
void process_kill(Process *p);
/* Who calls is the parent then (the pid), or the child (0), which ends with the parent; or nothing
   has happened (-1, errno). */
pid_t process_fork(Process *p);

/* Starts what `run` says in new namespaces. Returns 0, or -1 when clone3 itself failed (errno).
   The child has executed, or the report says where it stopped. */
int spawn_child(Run *run, Process *p, uint64_t namespaces, const Step *ranges);

/* enter.c: -errno; 0: the report says why there is none */
long clone_child(Run *r, struct clone_args *args, void (*child)(void *));
uint64_t entered(const Step *s);

/* interpreter.c */
bool tell_interpreter(Run *r, const char *path);

/* exec.c: the last step; returns only on failure */
int exec_program(Run *r, const Step *s);
int hide_memory(Run *r);

/* fdmap.c */
int apply_fds(Run *r, const Step *fds);
int close_others(Run *r, const Step *fds);

/* signals.c */
void reset_signals(void);

#endif
