/*
** Who decides about which system call: the numbers of an architecture, cut into segments that have
** one answer, or one chain of rules.
*/
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <stdlib.h>

#include "bpf.h"

enum { RANK_BASE, RANK_AFTER, RANK_CALL };

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
  size_t length = syscall_name_length(name);
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

size_t count_names(const Policy *policy)
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

Segment *segments(Compiler *k, const Abi *abi, size_t *count)
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
