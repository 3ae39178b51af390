/*
** A policy to a seccomp program (seccomp(2), Documentation/userspace-api/seccomp_filter.rst).
** architecture -> a tree over the call's number (segments.c) -> an answer, or the conditions of the
** rules that name the call, in their order. libseccomp's own generator cannot express that: it
** looks at all 64 bits of an int, where the kernel looks at 32, takes one comparison an argument,
** and gives rules no order.
** Loads of the number and the architecture, and jumps, are all that stands before an answer that
** depends on nothing else: so the kernel answers "allow" from its bitmap without running us.
*/
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <stddef.h>

#include "bpf.h"

enum { NEAR_JUMP = 255 };

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
  Segment *list = segments(k, abi, &count);

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
