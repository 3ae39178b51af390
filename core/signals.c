/* The child's signals: nothing of what the caller made of them is left. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn.h"

/* Which signals are ignored: "SigIgn: 0000000000001000" of /proc/self/status (proc(5)), bit 0 is
   signal 1; all, when that cannot be read. */
static uint64_t ignored_signals(void)
{
  char text[4096];
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  const char *digit = NULL;
  uint64_t mask = 0;

  if (fd >= 0) close(fd);
  if (size > 0) {
    text[size] = '\0';
    digit = strstr(text, "\nSigIgn:\t");
  }
  if (!digit) return ~(uint64_t)0;
  for (digit += sizeof "\nSigIgn:\t" - 1; *digit && *digit != '\n'; digit++)
    mask = mask << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
  return mask;
}

/* What the caller ignores (nohup, a host program without SIGPIPE) is not the program's business,
   and a pid 1 that ignores SIGCHLD would not hear of its end; what he handles was reset by
   CLONE_CLEAR_SIGHAND (clone(2)). sigaction(3) keeps 32 and 33 to itself, so the kernel is asked;
   zero is SIG_DFL there. All are blocked until the program starts. */
void reset_signals(void)
{
  static const struct {
    unsigned long handler, flags, restorer, mask;
  } fresh;
  uint64_t ignored = ignored_signals();

  for (int sig = 1; sig <= 64; sig++)
    if (ignored & (uint64_t)1 << (sig - 1) && sig != SIGKILL && sig != SIGSTOP)
      syscall(SYS_rt_sigaction, sig, &fresh, NULL, sizeof fresh.mask);
}
