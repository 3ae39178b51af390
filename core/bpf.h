/* Between segments.c, which says who decides about which number, and bpf.c, which makes the program
   of it. */
#ifndef MOONSAND_BPF_H
#define MOONSAND_BPF_H

#include "filter.h"

typedef struct Entry {
  uint32_t number;
  const Rule *rule;
  size_t order;
} Entry;

/* Rules of one call, up to the first that has no conditions. */
typedef struct Chain {
  const Entry *entries;
  size_t count;
  size_t place; /* in the program */
} Chain;

/* From this number on, up to the next segment: an answer, or a chain. */
typedef struct Segment {
  uint32_t from;
  int rank; /* the higher one wins at the same number */
  int chain; /* -1: answer */
  uint32_t answer;
} Segment;

typedef struct Patch {
  size_t at;
  int chain;
} Patch;

typedef struct Compiler {
  Check *check;
  const Policy *policy;
  struct sock_filter *out;
  size_t size;
  Chain *chains;
  size_t chain_count;
  Patch *patches;
  size_t patch_count;
} Compiler;

/* How many names all rules have together. */
size_t count_names(const Policy *policy);

/* Those of the architecture of `abi`, in their order, the first from 0 on; adds chains to k. */
Segment *segments(Compiler *k, const Abi *abi, size_t *count);

#endif
