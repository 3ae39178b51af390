/*
** A policy to a seccomp program (seccomp(2), Documentation/userspace-api/seccomp_filter.rst).
** architecture -> a tree over the call's number -> an answer, or the conditions of the rules that
** name the call, in their order. libseccomp's own generator cannot express that: it looks at all 64
** bits of an int, where the kernel looks at 32, takes one comparison an argument, and gives rules
** no order.
** Loads of the number and the architecture, and jumps, are all that stands before an answer that
** depends on nothing else: so the kernel answers "allow" from its bitmap without running us.
*/
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

enum { RANK_BASE, RANK_AFTER, RANK_CALL, NEAR_JUMP = 255 };

static size_t emit(Compiler *k, int code, uint32_t value, size_t yes, size_t no)
{
  if (k->size < FILTER_LIMIT)
    k->out[k->size] =
      (struct sock_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, value};
  return k->size++;
}

static void emit_load(Compiler *k, size_t offset)
{
  emit(k, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_answer(Compiler *k, uint32_t action)
{
  emit(k, BPF_RET | BPF_K, action, 0, 0);
}

/* ---- conditions ---- */

/* Where a jump inside of one rule goes; the numbers are filled in at the rule's end. */
enum { GO_ON = 0, FAILS = 254, HOLDS = 255 };

static void emit_half(Compiler *k, unsigned argument, bool high, uint32_t mask)
{
  size_t offset = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);

  emit_load(k, offset + (high ? sizeof(uint32_t) : 0)); /* little endian: see syscalls.c */
  if (mask != UINT32_MAX) emit(k, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
}

static void test(Compiler *k, int jump, uint32_t value, size_t yes, size_t no)
{
  emit(k, BPF_JMP | jump | BPF_K, value, yes, no);
}

/* The upper half decides unless it is equal. */
static void emit_high(Compiler *k, const Condition *c)
{
  uint32_t mask = (uint32_t)(c->mask >> 32), value = (uint32_t)(c->value >> 32);

  if (mask == 0) return;
  emit_half(k, c->argument, true, mask);
  switch (c->comparison) {
  case EQUAL: test(k, BPF_JEQ, value, GO_ON, FAILS); break;
  case NOT_EQUAL: test(k, BPF_JEQ, value, GO_ON, HOLDS); break;
  case GREATER:
  case GREATER_EQUAL:
    test(k, BPF_JGT, value, HOLDS, GO_ON);
    test(k, BPF_JEQ, value, GO_ON, FAILS);
    break;
  case LESS:
  case LESS_EQUAL:
    test(k, BPF_JGT, value, FAILS, GO_ON);
    test(k, BPF_JEQ, value, GO_ON, HOLDS);
    break;
  }
}

static void emit_low(Compiler *k, const Condition *c)
{
  uint32_t value = (uint32_t)c->value;

  emit_half(k, c->argument, false, (uint32_t)c->mask);
  switch (c->comparison) {
  case EQUAL: test(k, BPF_JEQ, value, GO_ON, FAILS); break;
  case NOT_EQUAL: test(k, BPF_JEQ, value, FAILS, GO_ON); break;
  case GREATER: test(k, BPF_JGT, value, GO_ON, FAILS); break;
  case GREATER_EQUAL: test(k, BPF_JGE, value, GO_ON, FAILS); break;
  case LESS: test(k, BPF_JGE, value, FAILS, GO_ON); break;
  case LESS_EQUAL: test(k, BPF_JGT, value, FAILS, GO_ON); break;
  }
}

/* Sets the jumps since `from` that go to a mark. No true distance in a rule is as large as a mark:
   16 conditions of 8 instructions. */
static void aim(Compiler *k, size_t from, uint8_t mark, size_t target)
{
  for (size_t i = from; i < k->size && i < FILTER_LIMIT; i++) {
    struct sock_filter *op = &k->out[i];

    if (BPF_CLASS(op->code) != BPF_JMP) continue;
    if (op->jt == mark) op->jt = (uint8_t)(target - i - 1);
    if (op->jf == mark) op->jf = (uint8_t)(target - i - 1);
  }
}

static void emit_rule(Compiler *k, const Rule *rule)
{
  size_t start = k->size;

  for (size_t i = 0; i < rule->conditions; i++) {
    size_t condition = k->size;

    emit_high(k, &rule->when[i]);
    emit_low(k, &rule->when[i]);
    aim(k, condition, HOLDS, k->size);
  }
  emit_answer(k, rule->action);
  aim(k, start, FAILS, k->size);
}

static void emit_chain(Compiler *k, Chain *chain)
{
  chain->place = k->size;
  for (size_t i = 0; i < chain->count; i++) emit_rule(k, chain->entries[i].rule);
  if (chain->entries[chain->count - 1].rule->conditions > 0) emit_answer(k, k->policy->otherwise);
}

/* ---- who decides about which number ---- */

static int compare_entries(const void *a, const void *b)
{
  const Entry *x = a, *y = b;

  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_segments(const void *a, const void *b)
{
  const Segment *x = a, *y = b;

  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  return y->rank - x->rank;
}

/* The call of an old i386 program: its first argument says which one it is, the rest cannot be
   seen. So conditions are taken as met where the answer is a refusal, and as not met where it is
   not. */
static const Rule *through_multiplexer(Compiler *k, const Rule *rule, const Multiplexed *inner)
{
  bool allows = rule->action == SECCOMP_RET_ALLOW || rule->action == SECCOMP_RET_LOG;
  Condition *when = keep_memory(k->check, sizeof *when);
  Rule *copy = keep_memory(k->check, sizeof *copy);

  if (rule->conditions > 0 && allows) return NULL;
  *when = (Condition){0, EQUAL, (uint64_t)inner->part, inner->mask};
  *copy = (Rule){rule->action, rule->names, when, 1};
  return copy;
}

static size_t add_name(Compiler *k, const Abi *abi, const Rule *rule, const char *name,
                       Entry *entries, size_t n)
{
  size_t length = filter_name_length(name);
  const Multiplexed *inner = syscall_multiplexed(abi, name, length);
  long number = syscall_number(abi, name, length);
  const Rule *hidden = inner ? through_multiplexer(k, rule, inner) : NULL;

  if (number >= 0) {
    entries[n] = (Entry){(uint32_t)number, rule, n};
    n++;
  }
  if (hidden) {
    entries[n] = (Entry){(uint32_t)inner->through, hidden, n};
    n++;
  }
  return n;
}

static size_t count_names(const Policy *policy)
{
  size_t n = 0;

  for (size_t i = 0; i < policy->count; i++)
    for (const char **name = policy->rules[i].names; *name; name++) n++;
  return n;
}

/* Every (number, rule) of an architecture, by number, then in the order of the rules. */
static Entry *collect(Compiler *k, const Abi *abi, size_t *count)
{
  const Policy *policy = k->policy;
  uint32_t architecture = abi->architecture;
  Entry *entries = keep_memory(k->check, (count_names(policy) * 4 + 1) * sizeof *entries);
  size_t n = 0;

  for (; abi->name && abi->architecture == architecture; abi++)
    for (size_t i = 0; i < policy->count; i++)
      for (const char **name = policy->rules[i].names; *name; name++)
        n = add_name(k, abi, &policy->rules[i], *name, entries, n);
  qsort(entries, n, sizeof *entries, compare_entries);
  *count = n;
  return entries;
}

static bool is_known(const Abi *abi, uint32_t number)
{
  uint32_t architecture = abi->architecture;

  for (; abi->name && abi->architecture == architecture; abi++) {
    uint32_t plain = number - abi->bit;

    if (number < abi->bit) continue;
    if (plain <= SYSCALL_LAST) return true;
    if (abi->more.from && plain >= abi->more.from && plain <= abi->more.to) return true;
  }
  return false;
}

/* What a number gets when no rule names it, from `from` on. */
static Segment unnamed(Compiler *k, const Abi *abi, uint32_t from, int rank)
{
  uint32_t answer = is_known(abi, from) ? k->policy->otherwise : k->policy->unknown;

  return (Segment){from, rank, -1, answer};
}

static size_t add_bases(Compiler *k, const Abi *first, Segment *list)
{
  size_t n = 0;

  list[n++] = unnamed(k, first, 0, RANK_BASE);
  for (const Abi *abi = first; abi->name && abi->architecture == first->architecture; abi++) {
    list[n++] = unnamed(k, first, abi->bit, RANK_BASE);
    list[n++] = unnamed(k, first, abi->bit + SYSCALL_LAST + 1, RANK_BASE);
    if (abi->more.from == 0) continue;
    list[n++] = unnamed(k, first, abi->bit + abi->more.from, RANK_BASE);
    list[n++] = unnamed(k, first, abi->bit + abi->more.to + 1, RANK_BASE);
  }
  return n;
}

static bool same_chain(const Chain *a, const Chain *b)
{
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++)
    if (a->entries[i].rule != b->entries[i].rule) return false;
  return true;
}

static int chain_number(Compiler *k, Chain chain)
{
  for (size_t i = 0; i < k->chain_count; i++)
    if (same_chain(&k->chains[i], &chain)) return (int)i;
  k->chains[k->chain_count] = chain;
  return (int)k->chain_count++;
}

/* The segment of the call at entries[0]; `used`: how many entries are about it. */
static Segment of_call(Compiler *k, const Entry *entries, size_t count, size_t *used)
{
  Chain chain = {entries, 0, 0};
  size_t n = 0;
  bool ended = false;

  for (; n < count && entries[n].number == entries[0].number; n++) {
    if (ended) continue;
    chain.count++;
    ended = entries[n].rule->conditions == 0;
  }
  *used = n;
  if (entries[0].rule->conditions == 0)
    return (Segment){entries[0].number, RANK_CALL, -1, entries[0].rule->action};
  return (Segment){entries[0].number, RANK_CALL, chain_number(k, chain), 0};
}

static bool same_segment(const Segment *a, const Segment *b)
{
  return a->chain == b->chain && a->answer == b->answer;
}

/* Sorted, one a number, neighbours differ; the first begins at 0. */
static size_t tidy(Segment *list, size_t count)
{
  size_t n = 0;

  qsort(list, count, sizeof *list, compare_segments);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && list[i].from == list[i - 1].from) continue;
    if (n > 0 && same_segment(&list[n - 1], &list[i])) continue;
    list[n++] = list[i];
  }
  return n;
}

static Segment *make_segments(Compiler *k, const Abi *abi, size_t *count)
{
  size_t names, n, used;
  Entry *entries = collect(k, abi, &names);
  Segment *list = keep_memory(k->check, (names * 2 + 16) * sizeof *list);

  n = add_bases(k, abi, list);
  for (size_t i = 0; i < names; i += used) {
    list[n++] = of_call(k, entries + i, names - i, &used);
    if (entries[i].number < UINT32_MAX)
      list[n++] = unnamed(k, abi, entries[i].number + 1, RANK_AFTER);
  }
  *count = tidy(list, n);
  return list;
}

/* ---- the tree ---- */

static size_t tree_size(size_t count)
{
  size_t half = count / 2, left;

  if (count == 1) return 1;
  left = tree_size(half);
  return left + tree_size(count - half) + (left > NEAR_JUMP ? 2 : 1);
}

static void emit_tree(Compiler *k, const Segment *list, size_t count)
{
  size_t half = count / 2, left;

  if (count == 1 && list->chain < 0) {
    emit_answer(k, list->answer);
  } else if (count == 1) {
    k->patches[k->patch_count++] = (Patch){k->size, list->chain};
    emit(k, BPF_JMP | BPF_JA, 0, 0, 0);
  } else {
    left = tree_size(half);
    if (left > NEAR_JUMP) {
      test(k, BPF_JGE, list[half].from, 0, 1);
      emit(k, BPF_JMP | BPF_JA, (uint32_t)left, 0, 0);
    } else {
      test(k, BPF_JGE, list[half].from, left, 0);
    }
    emit_tree(k, list, half);
    emit_tree(k, list + half, count - half);
  }
}

static void emit_architecture(Compiler *k, const Abi *abi)
{
  size_t count, skip;
  Segment *list = make_segments(k, abi, &count);

  skip = tree_size(count) + 1;
  test(k, BPF_JEQ, abi->architecture, 1, 0);
  emit(k, BPF_JMP | BPF_JA, (uint32_t)skip, 0, 0);
  emit_load(k, offsetof(struct seccomp_data, nr));
  emit_tree(k, list, count);
}

static void patch(Compiler *k)
{
  for (size_t i = 0; i < k->patch_count; i++) {
    size_t at = k->patches[i].at;

    if (at >= FILTER_LIMIT) continue;
    k->out[at].k = (uint32_t)(k->chains[k->patches[i].chain].place - at - 1);
  }
}

size_t filter_compile(Check *c, const Policy *policy, struct sock_filter *out)
{
  size_t room = count_names(policy) * 8 + 1;
  Compiler k = {.check = c, .policy = policy, .out = out};

  k.chains = keep_memory(c, room * sizeof *k.chains);
  k.patches = keep_memory(c, room * sizeof *k.patches);
  emit_load(&k, offsetof(struct seccomp_data, arch));
  for (const Abi *abi = abis; abi->name; abi++)
    if (abi == abis || abi->architecture != abi[-1].architecture) emit_architecture(&k, abi);
  emit_answer(&k, SECCOMP_RET_KILL_PROCESS); /* an architecture that nobody knows */
  for (size_t i = 0; i < k.chain_count; i++) emit_chain(&k, &k.chains[i]);
  patch(&k);
  return k.size;
}
