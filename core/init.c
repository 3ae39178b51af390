/*
** moonsand's pid 1: a program of its own without libc, so that a sandbox has no copy of the
** caller's memory.
** It reaps, forwards the signals that come from outside, dies with its caller, and leaves nothing
** behind.
**
**   moonsand-init PROGRAM-PID STATUS-FD CALLER-PIDFD     pid 1; PROGRAM-PID 0: there is none yet
**   moonsand-wait PROGRAM-PID STATUS-FD CALLER-PIDFD     the parent of a program that has joined a
** sandbox
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
  int64_t user_s, user_us, system_s, system_us, max_rss, faults[6], in_blocks, out_blocks, rest[5];
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

typedef struct Charge {
  long program;
  int to_caller, caller;
  int is_init; /* pid 1: all processes are ours; otherwise only the program is */
} Charge;

/* The program has ended: kill everything else, tell the caller, and be gone. */
static void finish(const Charge *charge, int status)
{
  Ended ended = {.status = status};
  Usage usage = {0};

  if (charge->is_init) {
    /* ESRCH: there is nobody else */
    if (call(__NR_kill, -1, SIGKILL, 0, 0, 0) == 0) ended.leftovers = reap_the_rest();
  }
  if (call(__NR_getrusage, USAGE_CHILDREN, (long)&usage, 0, 0, 0) == 0) {
    ended.user_us = usage.user_s * 1000000 + usage.user_us;
    ended.system_us = usage.system_s * 1000000 + usage.system_us;
    ended.max_rss_kib = usage.max_rss;
    ended.read_blocks = usage.in_blocks;
    ended.written_blocks = usage.out_blocks;
  }
  call(__NR_write, charge->to_caller, (long)&ended, sizeof ended, 0, 0);
  leave(0);
}

static void reap(const Charge *charge)
{
  int status;
  long pid;

  while ((pid = call(__NR_wait4, -1, (long)&status, 1 /* WNOHANG */ | __WALL, 0, 0)) > 0)
    if (pid == charge->program) finish(charge, status);
}

/* kill(-1) is one pass over all processes that no fork escapes. The waiter of a program that has
   joined a sandbox knows only the program's own process group. */
static void pause_all(const Charge *charge, int signal)
{
  if (charge->is_init)
    call(__NR_kill, -1, signal, 0, 0, 0);
  else if (call(__NR_kill, -charge->program, signal, 0, 0, 0) < 0)
    call(__NR_kill, charge->program, signal, 0, 0, 0);
}

/* What a keyboard sends goes to the program's group, as a terminal does it: a shell, or make,
   leaves it to its children to end by ctrl-C. All else is for the program alone. */
static void send(const Charge *charge, int signal)
{
  int group = signal == SIGINT || signal == SIGQUIT || signal == SIGWINCH;

  if (!group || call(__NR_kill, -charge->program, signal, 0, 0, 0) < 0)
    call(__NR_kill, charge->program, signal, 0, 0, 0);
}

/* To pid 1, signals from outside have no sender; those from inside are not ours to pass on. */
static void forward(const Charge *charge, int signals)
{
  struct signalfd_siginfo info;

  if (call(__NR_read, signals, (long)&info, sizeof info, 0, 0) != sizeof info) return;
  if (info.ssi_signo == SIGCHLD || info.ssi_code > 0) return;
  if (charge->is_init && info.ssi_pid != 0) return;
  if (info.ssi_signo == STOP_ALL || info.ssi_signo == CONTINUE_ALL) {
    pause_all(charge, info.ssi_signo == STOP_ALL ? SIGSTOP : SIGCONT);
    return;
  }
  if (charge->program == 0) leave(0);
  send(charge, (int)info.ssi_signo);
}

/* The caller is dead. What pid 1 leaves behind is killed by the kernel. */
static void abandon(const Charge *charge)
{
  if (!charge->is_init) call(__NR_kill, charge->program, SIGKILL, 0, 0, 0);
  leave(125);
}

static void serve(const Charge *charge)
{
  unsigned long all = ~0UL;
  /* SFD_CLOEXEC, SFD_NONBLOCK */
  long signals = call(__NR_signalfd4, -1, (long)&all, sizeof all, 02004000, 0);
  struct pollfd fds[2] = {{.fd = (int)signals, .events = POLLIN},
                          {.fd = charge->caller, .events = POLLIN}};

  if (signals < 0) abandon(charge);
  for (;;) { /* a child that has ended before we listen has left its signal: it was blocked */
    if (call(__NR_ppoll, (long)fds, 2, 0, 0, 8) < 0) continue;
    if (fds[1].revents) abandon(charge);
    if (fds[0].revents) forward(charge, (int)signals);
    reap(charge);
  }
}

/* The kernel leaves argc, argv[0], argv[1], ... on the stack. */
__attribute__((used)) void init_main(const long *stack)
{
  char **argv = (char **)(stack + 1);
  Charge charge;

  call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (stack[0] != 4) leave(125);
  call(__NR_prctl, PR_SET_NAME, (long)argv[0], 0, 0, 0);
  charge.is_init = argv[0][9] == 'i';
  charge.program = number_of(argv[1]);
  charge.to_caller = (int)number_of(argv[2]);
  charge.caller = (int)number_of(argv[3]);
  /* finish() kills all that it can: never anywhere but in a namespace of its own */
  if (charge.is_init && call(__NR_getpid, 0, 0, 0, 0, 0) != 1) leave(125);
  serve(&charge);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tandq $-16, %rsp\n\t"
        "call init_main\n\tud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl init_main\n\tbrk #1\n");
#endif
