/* clone3 with a stack of its own: glibc has no wrapper. The child calls fn(arg), which must not
   return. */
#ifndef MOONSAND_CLONE_H
#define MOONSAND_CLONE_H

#include <linux/sched.h>
#include <sys/syscall.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* Returns the child's pid, or -errno. */
static inline long clone3_call(struct clone_args *args, void (*fn)(void *), void *arg)
{
#if defined(__x86_64__)
  register void (*entry)(void *) __asm__("r12") = fn;
  register void *data __asm__("r13") = arg;
  long result;

  __asm__ volatile("syscall\n\t"
                   "testq %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xorl %%ebp, %%ebp\n\t"
                   "movq %%r13, %%rdi\n\t"
                   "call *%%r12\n\t"
                   "ud2\n"
                   "1:"
                   : "=a"(result)
                   : "0"((long)SYS_clone3), "D"(args), "S"(sizeof *args), "r"(entry), "r"(data)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register void (*entry)(void *) __asm__("x19") = fn;
  register void *data __asm__("x20") = arg;
  register long number __asm__("x8") = SYS_clone3;
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = sizeof *args;

  __asm__ volatile("svc #0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x20\n\t"
                   "blr x19\n\t"
                   "brk #1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x1), "r"(number), "r"(entry), "r"(data)
                   : "memory");
  return x0;
#else
#error "core/clone.h has no clone3 for this architecture yet"
#endif
}

#endif
