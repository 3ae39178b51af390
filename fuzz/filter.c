/*
** Any policy is either refused, or becomes a program that the kernel would take
** (seccomp_check_filter, bpf_check_classic) and that answers as the policy says: read here once
** more, in the plainest way.
*/
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "value.h"

enum { SAMPLES = 48, POOL = 512, VISITS_LIMIT = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size);

static void require(bool holds, const char *what)
{
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

/* ---- what the kernel takes ---- */

static void verify(const struct sock_filter *program, size_t size)
{
  require(size > 0 && size <= BPF_MAXINSNS, "the kernel takes 1 to 4096 instructions");
  require(program[size - 1].code == (BPF_RET | BPF_K), "the end is no answer");
  for (size_t i = 0; i < size; i++) {
    const struct sock_filter *op = &program[i];

    switch (op->code) {
    case BPF_LD | BPF_W | BPF_ABS:
      require(op->k % 4 == 0 && op->k < sizeof(struct seccomp_data), "a load from outside");
      break;
    case BPF_JMP | BPF_JA: require(op->k < size - i - 1, "a jump to nowhere"); break;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
      require(op->jt < size - i - 1 && op->jf < size - i - 1, "a branch to nowhere");
      break;
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_RET | BPF_K: break;
    default: require(false, "an instruction that no filter needs");
    }
  }
}

static uint32_t run(const struct sock_filter *op, const struct seccomp_data *data)
{
  uint32_t a = 0;

  for (;; op++) {
    switch (op->code) {
    case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + op->k, sizeof a); break;
    case BPF_ALU | BPF_AND | BPF_K: a &= op->k; break;
    case BPF_JMP | BPF_JA: op += op->k; break;
    case BPF_JMP | BPF_JEQ | BPF_K: op += a == op->k ? op->jt : op->jf; break;
    case BPF_JMP | BPF_JGT | BPF_K: op += a > op->k ? op->jt : op->jf; break;
    case BPF_JMP | BPF_JGE | BPF_K: op += a >= op->k ? op->jt : op->jf; break;
    default: return op->k;
    }
  }
}

/* ---- what the policy says ---- */

static uint32_t action(const char *word)
{
  if (strcmp(word, "allow") == 0) return SECCOMP_RET_ALLOW;
  if (strcmp(word, "kill") == 0) return SECCOMP_RET_KILL_PROCESS;
  if (strcmp(word, "log") == 0) return SECCOMP_RET_LOG;
  if (strcmp(word, "succeed") == 0) return SECCOMP_RET_ERRNO;
  if (strcmp(word, "errno") == 0) return SECCOMP_RET_ERRNO | 1;
  if (strcmp(word, "ENOTSUP") == 0) return SECCOMP_RET_ERRNO | 95;
  for (uint32_t i = 1; i < 200; i++)
    if (strerrorname_np((int)i) && strcmp(strerrorname_np((int)i), word) == 0)
      return SECCOMP_RET_ERRNO | i;
  require(false, "an action that nobody knows was taken");
  return 0;
}

static uint64_t number_at(lua_State *L, int table, int i, uint64_t otherwise)
{
  uint64_t value = otherwise;

  if (lua_rawgeti(L, table, i) != LUA_TNIL) value = (uint64_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* {argument, comparison, value, mask} on the top of the stack */
static bool condition_holds(lua_State *L, const struct seccomp_data *data)
{
  int table = lua_gettop(L);
  uint64_t argument = number_at(L, table, 1, 0), value = number_at(L, table, 3, 0);
  uint64_t mask = number_at(L, table, 4, UINT64_MAX), have = data->args[argument] & mask;
  const char *word = (lua_rawgeti(L, table, 2), lua_tostring(L, -1));

  lua_pop(L, 1);
  switch (word[0] << 8 | word[1]) {
  case 'n' << 8 | 'e': return have != value;
  case 'l' << 8 | 't': return have < value;
  case 'l' << 8 | 'e': return have <= value;
  case 'g' << 8 | 't': return have > value;
  case 'g' << 8 | 'e': return have >= value;
  default: return have == value;
  }
}

/* 0: the rule has none; 1: all hold; -1: one fails */
static int conditions(lua_State *L, const struct seccomp_data *data)
{
  int result = 1, top = lua_gettop(L);

  if (lua_getfield(L, top, "when") == LUA_TNIL) result = 0;
  for (lua_Unsigned i = 1; result > 0 && i <= lua_rawlen(L, top + 1); i++) {
    lua_rawgeti(L, top + 1, (lua_Integer)i);
    if (!condition_holds(L, data)) result = -1;
    lua_pop(L, 1);
  }
  lua_settop(L, top);
  return result;
}

static bool is_through(const Multiplexed *inner, const struct seccomp_data *data)
{
  return inner && (int)inner->through == data->nr &&
         ((uint32_t)data->args[0] & inner->mask) == (uint32_t)inner->part;
}

/* Does the rule on the top of the stack, under this name, decide about the call? */
static bool decides(lua_State *L, const char *name, uint32_t what, const struct seccomp_data *data)
{
  size_t length = syscall_name_length(name);
  bool allows = what == SECCOMP_RET_ALLOW || what == SECCOMP_RET_LOG;

  for (const Abi *abi = abis; abi->name; abi++) {
    if (abi->architecture != data->arch) continue;
    if (syscall_number(abi, name, length) == (long)(uint32_t)data->nr &&
        conditions(L, data) >= 0)
      return true;
    if (is_through(syscall_multiplexed(abi, name, length), data) &&
        !(allows && conditions(L, data) != 0))
      return true;
  }
  return false;
}

static bool is_covered(uint32_t architecture)
{
  for (const Abi *abi = abis; abi->name; abi++)
    if (abi->architecture == architecture) return true;
  return false;
}

static bool is_known(const struct seccomp_data *data)
{
  for (const Abi *abi = abis; abi->name; abi++) {
    uint32_t number = (uint32_t)data->nr ^ abi->bit;

    if (abi->architecture != data->arch) continue;
    if (number <= SYSCALL_LAST) return true;
    if (abi->more.from && number >= abi->more.from && number <= abi->more.to) return true;
  }
  return false;
}

static uint32_t word_of(lua_State *L, int policy, const char *field, const char *otherwise)
{
  uint32_t what = action(lua_getfield(L, policy, field) == LUA_TNIL ? otherwise
                                                                     : lua_tostring(L, -1));

  lua_pop(L, 1);
  return what;
}

static uint32_t answer(lua_State *L, int policy, const struct seccomp_data *data)
{
  int top = lua_gettop(L), rules = top + 1;
  uint32_t otherwise = word_of(L, policy, "default", "allow");

  if (!is_covered(data->arch)) return SECCOMP_RET_KILL_PROCESS;
  lua_getfield(L, policy, "rules");
  for (lua_Unsigned i = 1; i <= lua_rawlen(L, rules); i++) {
    lua_rawgeti(L, rules, (lua_Integer)i);
    for (lua_Unsigned k = 2; k <= lua_rawlen(L, rules + 1); k++) {
      uint32_t what;
      bool found;

      lua_rawgeti(L, rules + 1, 1);
      what = action(lua_tostring(L, -1));
      lua_rawgeti(L, rules + 1, (lua_Integer)k);
      lua_pushvalue(L, rules + 1);
      found = decides(L, lua_tostring(L, -2), what, data);
      lua_settop(L, found ? top : rules + 1);
      if (found) return what;
    }
    lua_settop(L, rules);
  }
  lua_getfield(L, policy, "default");
  if (!is_known(data)) otherwise = word_of(L, policy, "unknown", luaL_optstring(L, -1, "allow"));
  lua_settop(L, top);
  return otherwise;
}

/* ---- calls to ask both about ---- */

typedef struct Pool {
  uint64_t values[POOL];
  size_t count, visits;
  uint64_t random;
} Pool;

static uint64_t next_random(Pool *pool)
{
  pool->random ^= pool->random << 13;
  pool->random ^= pool->random >> 7;
  pool->random ^= pool->random << 17;
  return pool->random;
}

static void add(Pool *pool, uint64_t value)
{
  if (pool->count < POOL) pool->values[pool->count++] = value;
}

static uint64_t take(Pool *pool)
{
  uint64_t random = next_random(pool), value = pool->values[random % pool->count];

  switch (random >> 32 & 7) {
  case 0: return value + 1;
  case 1: return value - 1;
  case 2: return value ^ 1ULL << (random >> 40 & 63);
  case 3: return next_random(pool);
  default: return value;
  }
}

/* Every number in a table, at any depth, and the numbers of every system call that is named. */
static void collect(lua_State *L, Pool *numbers, Pool *values, int depth)
{
  int table = lua_gettop(L);

  if (depth == 4) return;
  luaL_checkstack(L, 8, "pool");
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    size_t length;
    const char *name;

    if (++numbers->visits > VISITS_LIMIT) continue;
    if (lua_type(L, -1) == LUA_TTABLE) collect(L, numbers, values, depth + 1);
    if (lua_type(L, -1) == LUA_TNUMBER) add(values, (uint64_t)lua_tointeger(L, -1));
    if (lua_type(L, -1) != LUA_TSTRING) continue;
    name = lua_tostring(L, -1);
    length = syscall_name_length(name);
    for (const Abi *abi = abis; abi->name; abi++) {
      const Multiplexed *inner = syscall_multiplexed(abi, name, length);

      if (numbers->count > POOL - 32) break;
      if (syscall_number(abi, name, length) >= 0)
        add(numbers, (uint64_t)syscall_number(abi, name, length));
      if (inner) add(numbers, (uint64_t)inner->through), add(values, (uint64_t)inner->part);
    }
  }
}

static void compare(lua_State *L, int policy, const struct sock_filter *program, uint64_t seed)
{
  Pool numbers = {.random = seed | 1}, values = {.random = seed | 2};
  size_t kinds = 0;
  static const uint32_t edges[] = {0, 423, 424, 471, 472, 511, 512, 547, 548, 0x40000000,
                                   0x3fffffff, 0x7fffffff, UINT32_MAX};

  while (abis[kinds].name) kinds++;
  lua_pushvalue(L, policy);
  collect(L, &numbers, &values, 0);
  lua_pop(L, 1);
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    add(&numbers, edges[i]), add(&numbers, 0x40000000U | edges[i]);
  add(&values, 0);
  for (int i = 0; i < SAMPLES; i++) {
    struct seccomp_data data = {.nr = (int)take(&numbers)};
    uint32_t said, meant;

    data.arch = i % 16 ? abis[(size_t)i % kinds].architecture : (uint32_t)take(&values);
    for (int k = 0; k < 6; k++) data.args[k] = take(&values);
    said = run(program, &data), meant = answer(L, policy, &data);
    if (said == meant) continue;
    fprintf(stderr, "arch %x call %d args %llx %llx %llx %llx %llx %llx: %x instead of %x\n",
            data.arch, data.nr, data.args[0], data.args[1], data.args[2], data.args[3],
            data.args[4], data.args[5], said, meant);
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size)
{
  static lua_State *L;
  uint64_t seed = size * 0x9e3779b97f4a7c15ULL;
  size_t bytes;
  const char *program;

  if (!L) L = value_state();
  for (size_t i = 0; i < size; i++) seed = (seed ^ text[i]) * 0x100000001b3ULL;
  value_push(L, text, size);
  lua_getfield(L, 1, "filter");
  lua_pushvalue(L, 2);
  if (lua_pcall(L, 1, 2, 0) == LUA_OK) {
    program = lua_tolstring(L, 3, &bytes);
    require(bytes == (size_t)lua_tointeger(L, 4) * sizeof(struct sock_filter), "a wrong length");
    verify((const struct sock_filter *)program, bytes / sizeof(struct sock_filter));
    compare(L, 2, (const struct sock_filter *)program, seed);
  }
  lua_settop(L, 1);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}
