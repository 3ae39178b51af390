/* Between filter.c, which reads a policy, and bpf.c, which makes the program of it. */
#ifndef MOONSAND_FILTER_H
#define MOONSAND_FILTER_H

#include <linux/filter.h>

#include "step.h"
#include "syscalls.h"

enum { FILTER_LIMIT = BPF_MAXINSNS, CONDITIONS_LIMIT = 16 };

typedef enum Comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL } Comparison;

typedef struct Condition {
  unsigned argument; /* 0 to 5 */
  Comparison comparison; /* (argument & mask) compared with value, unsigned, in 64 bits */
  uint64_t value, mask;
} Condition;

/* The first rule that names the call, and whose conditions all hold, decides. */
typedef struct Rule {
  uint32_t action; /* SECCOMP_RET_* */
  const char **names; /* ends in NULL */
  const Condition *when;
  size_t conditions;
} Rule;

typedef struct Policy {
  uint32_t otherwise; /* for calls that no rule decides */
  uint32_t unknown; /* for numbers that have no name here */
  const Rule *rules;
  size_t count;
} Policy;

/* Returns how many instructions the program needs; `out` has room for FILTER_LIMIT. */
size_t filter_compile(Check *c, const Policy *policy, struct sock_filter *out);

#endif
