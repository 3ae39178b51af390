/*
** moonsand's pid 1: a program of its own without libc, so that a sandbox has no copy of the
** caller's memory.
** It reaps, forwards the signals that come from outside, dies with its caller, and leaves nothing
** behind.
**
**   init PROGRAM-PID STATUS-FD CALLER-PIDFD
**
** All signals are blocked already: blocked ones reach a pid 1 without a handler (they are queued,
** signal(7)).
*/
#include <asm/unistd.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "status.h"

typedef struct Usage {
  int64_t user_s, user_us, system_s, system_us, max_rss, rest[13];
} Usage;

enum { USAGE_CHILDREN = -1, EINTR_NUMBER = 4 };

static long call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;

  __asm__ volatile("svc #0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                   : "memory");
  return x0;
#endif
}

static long number_of(const char *text)
{
  long number = 0;

  for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
  return number;
}

static void leave(int code)
{
  for (;;) call(__NR_exit_group, code, 0, 0, 0, 0);
}

/* Waits until no child is left; counts those that died by our SIGKILL. */
static int reap_the_rest(void)
{
  int status, killed = 0;
  long pid;

  do {
    pid = call(__NR_wait4, -1, (long)&status, __WALL, 0, 0);
    if (pid > 0 && (status & 0x7f) == SIGKILL) killed++;
  } while (pid > 0 || pid == -EINTR_NUMBER);
  return killed;
}

/* The program has ended: kill everything else, tell the caller, and be gone. */
static void finish(int status, int to_caller)
{
  Ended ended = {.status = status};
  Usage usage = {0};

  call(__NR_kill, -1, SIGKILL, 0, 0, 0);
  ended.leftovers = reap_the_rest();
  if (call(__NR_getrusage, USAGE_CHILDREN, (long)&usage, 0, 0, 0) == 0) {
    ended.user_us = usage.user_s * 1000000 + usage.user_us;
    ended.system_us = usage.system_s * 1000000 + usage.system_us;
    ended.max_rss_kib = usage.max_rss;
  }
  call(__NR_write, to_caller, (long)&ended, sizeof ended, 0, 0);
  leave(0);
}

static void reap(long program, int to_caller)
{
  int status;
  long pid;

  while ((pid = call(__NR_wait4, -1, (long)&status, 1 /* WNOHANG */ | __WALL, 0, 0)) > 0)
    if (pid == program) finish(status, to_caller);
}

/* Signals from outside have no sender in this namespace; those from inside are not ours to pass
   on. */
static void forward(int signals, long program)
{
  struct signalfd_siginfo info;

  if (call(__NR_read, signals, (long)&info, sizeof info, 0, 0) != sizeof info) return;
  if (info.ssi_signo != SIGCHLD && info.ssi_pid == 0 && info.ssi_code <= 0)
    call(__NR_kill, program, info.ssi_signo, 0, 0, 0);
}

static void serve(long program, int to_caller, int caller)
{
  unsigned long all = ~0UL;
  long signals = call(__NR_signalfd4, -1, (long)&all, sizeof all, 02000000 /* SFD_CLOEXEC */, 0);
  struct pollfd fds[2] = {{.fd = (int)signals, .events = POLLIN},
                          {.fd = caller, .events = POLLIN}};

  if (signals < 0) leave(125);
  for (;;) {
    reap(program, to_caller);
    if (call(__NR_ppoll, (long)fds, 2, 0, 0, 8) < 0) continue;
    if (fds[1].revents) leave(125); /* the caller is dead; the kernel kills what is left */
    if (fds[0].revents) forward((int)signals, program);
  }
}

/* The kernel leaves argc, argv[0], argv[1], ... on the stack. */
__attribute__((used)) void init_main(const long *stack)
{
  char **argv = (char **)(stack + 1);

  call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  call(__NR_prctl, PR_SET_NAME, (long)"moonsand-init", 0, 0, 0);
  /* finish() kills all that it can: never anywhere but in a namespace of its own */
  if (stack[0] != 4 || call(__NR_getpid, 0, 0, 0, 0, 0) != 1) leave(125);
  serve(number_of(argv[1]), (int)number_of(argv[2]), (int)number_of(argv[3]));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tandq $-16, %rsp\n\t"
        "call init_main\n\tud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl init_main\n\tbrk #1\n");
#endif
