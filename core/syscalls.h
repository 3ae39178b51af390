/* System calls by name, on every architecture that this machine can run. */
#ifndef MOONSAND_SYSCALLS_H
#define MOONSAND_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two ABIs may share what the kernel calls an architecture: x32 is x86-64 with a bit in the
   number. */
typedef struct Abi {
  const char *name;
  uint32_t architecture; /* AUDIT_ARCH_*, as a filter sees it */
  uint32_t token; /* SCMP_ARCH_* */
  uint32_t bit; /* in every number */
  struct {
    uint32_t from, to;
  } more; /* known numbers above the common ones */
} Abi;

extern const Abi abis[]; /* native first; those of one architecture in a row; ends in name NULL */

/* A call that old i386 programs make through socketcall(2) or ipc(2): the real arguments are in
   memory, where no filter can see them. */
typedef struct Multiplexed {
  const char *name;
  int direct; /* number of its own, -1: none */
  int through; /* number of the multiplexer */
  int part; /* its first argument ... */
  uint32_t mask; /* ... in these bits */
} Multiplexed;

enum {
  SYSCALL_ABSENT = -1, /* known, but not on this ABI */
  SYSCALL_UNKNOWN = -2,
  SYSCALL_LAST = 471, /* the newest number known here; the same on all ABIs from 424 on */
};

/* The length of a name without the "?" of one that may be missing. */
size_t syscall_name_length(const char *name);

/* Number (with the ABI's bit), SYSCALL_ABSENT or SYSCALL_UNKNOWN. */
long syscall_number(const Abi *abi, const char *name, size_t length);
bool syscall_known(const char *name, size_t length);
const Multiplexed *syscall_multiplexed(const Abi *abi, const char *name, size_t length);

/* The known name that is nearest, or NULL; `room` must have 64 bytes. */
const char *syscall_nearest(const char *name, size_t length, char *room);

#endif
