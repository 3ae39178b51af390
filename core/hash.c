/*
** SHA-256 at the speed of libcrypto: one context, one buffer a thread, nothing per call.
** The first hash loads the library: that takes longer than all the rest of the core's start, and
** who makes a sandbox by hand hashes nothing.
*/
#define _GNU_SOURCE
#include "hash.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "path.h"

#define HASHER_TYPE "moonsand.hasher"
#define HASHERS_FIELD "moonsand.hashers"

#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(word) #word
#define LIBRARY "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

/* What is used of the library. */
typedef struct Crypto {
  __typeof__(EVP_MD_fetch) *fetch;
  __typeof__(EVP_MD_free) *free_method;
  __typeof__(EVP_MD_CTX_new) *new_context;
  __typeof__(EVP_MD_CTX_free) *free_context;
  __typeof__(EVP_DigestInit_ex2) *start;
  __typeof__(EVP_DigestUpdate) *add;
  __typeof__(EVP_DigestFinal_ex) *finish;
} Crypto;

struct Hasher {
  Crypto crypto;
  EVP_MD *method;
  EVP_MD_CTX *context;
  unsigned char buffer[1 << 17];
};

static int broken(void)
{
  errno = EIO;
  return -1;
}

int hash_start(Hasher *h)
{
  return h->crypto.start(h->context, h->method, NULL) == 1 ? 0 : broken();
}

int hash_add(Hasher *h, const void *bytes, size_t count)
{
  return h->crypto.add(h->context, bytes, count) == 1 ? 0 : broken();
}

int hash_finish(Hasher *h, char hex[HASH_HEX])
{
  static const char digits[] = "0123456789abcdef";
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned length = 0;

  if (h->crypto.finish(h->context, raw, &length) != 1 || length != 32) return broken();
  for (unsigned i = 0; i < 32; i++) {
    hex[2 * i] = digits[raw[i] >> 4];
    hex[2 * i + 1] = digits[raw[i] & 15];
  }
  hex[64] = '\0';
  return 0;
}

int hash_fd(Hasher *h, int fd, char hex[HASH_HEX], int64_t *size)
{
  ssize_t n;

  *size = 0;
  if (hash_start(h) < 0) return -1;
  while ((n = read(fd, h->buffer, sizeof h->buffer)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || hash_add(h, h->buffer, (size_t)n) < 0) return -1;
    *size += n;
  }
  return hash_finish(h, hex);
}

static int hash_bytes(Hasher *h, const void *bytes, size_t count, char hex[HASH_HEX])
{
  if (hash_start(h) < 0 || hash_add(h, bytes, count) < 0) return -1;
  return hash_finish(h, hex);
}

static int hasher_gc(lua_State *L)
{
  Hasher *h = luaL_checkudata(L, 1, HASHER_TYPE);

  if (h->context) h->crypto.free_context(h->context);
  if (h->method) h->crypto.free_method(h->method);
  h->context = NULL;
  h->method = NULL;
  return 0;
}

/* It stays loaded: libcrypto cannot be taken out of a process again (OPENSSL_init_crypto(3)). */
static void load(lua_State *L, Crypto *crypto)
{
  static const struct {
    const char *name;
    size_t at;
  } symbols[] = {
    {"EVP_MD_fetch", offsetof(Crypto, fetch)},
    {"EVP_MD_free", offsetof(Crypto, free_method)},
    {"EVP_MD_CTX_new", offsetof(Crypto, new_context)},
    {"EVP_MD_CTX_free", offsetof(Crypto, free_context)},
    {"EVP_DigestInit_ex2", offsetof(Crypto, start)},
    {"EVP_DigestUpdate", offsetof(Crypto, add)},
    {"EVP_DigestFinal_ex", offsetof(Crypto, finish)},
  };
  void *function, *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

  if (!library) luaL_error(L, "no library to hash with: %s", dlerror());
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    function = dlsym(library, symbols[i].name);
    if (!function) luaL_error(L, "no library to hash with: %s", dlerror());
    memcpy((char *)crypto + symbols[i].at, &function, sizeof function);
  }
}

/* A new one, on the top. */
static Hasher *hasher_new(lua_State *L)
{
  Hasher *h = lua_newuserdatauv(L, sizeof *h, 0);

  h->context = NULL;
  h->method = NULL;
  luaL_setmetatable(L, HASHER_TYPE);
  load(L, &h->crypto);
  h->method = h->crypto.fetch(NULL, "SHA256", NULL);
  h->context = h->crypto.new_context();
  if (h->method == NULL || h->context == NULL) luaL_error(L, "libcrypto has no SHA-256");
  return h;
}

Hasher *hash_nth(lua_State *L, int n)
{
  Hasher *h;

  luaL_getsubtable(L, LUA_REGISTRYINDEX, HASHERS_FIELD);
  if (lua_rawgeti(L, -1, n + 1) == LUA_TNIL) {
    lua_pop(L, 1);
    hasher_new(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, n + 1);
  }
  h = luaL_checkudata(L, -1, HASHER_TYPE);
  lua_pop(L, 2); /* the registry keeps it */
  return h;
}

Hasher *hash_get(lua_State *L)
{
  return hash_nth(L, 0);
}

/* sha256(bytes) -> 64 hex digits */
static int core_sha256(lua_State *L)
{
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  char hex[HASH_HEX];

  if (hash_bytes(hash_get(L), bytes, len, hex) < 0) return fail(L, "sha256");
  lua_pushlstring(L, hex, 64);
  return 1;
}

static int hash_regular(Hasher *h, int fd, char hex[HASH_HEX], int64_t *size)
{
  struct stat st;

  if (fstat(fd, &st) < 0) return -1;
  if (S_ISREG(st.st_mode)) return hash_fd(h, fd, hex, size);
  errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  return -1;
}

/* sha256_file(path) -> 64 hex digits, size | nil, message, errno; regular files only */
static int core_sha256_file(lua_State *L)
{
  const char *path = path_check(L, 1);
  Hasher *h = hash_get(L);
  char hex[HASH_HEX];
  int64_t size;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  int ok, err;

  if (fd < 0) return fail(L, path);
  ok = hash_regular(h, fd, hex, &size);
  err = errno;
  close(fd);
  if (ok < 0) return fail_as(L, err, path);
  lua_pushlstring(L, hex, 64);
  lua_pushinteger(L, size);
  return 2;
}

static int hash_range(Hasher *h, int fd, off_t offset, off_t count, char hex[HASH_HEX])
{
  if (hash_start(h) < 0) return -1;
  while (count > 0) {
    size_t want = count < (off_t)sizeof h->buffer ? (size_t)count : sizeof h->buffer;
    ssize_t n = pread(fd, h->buffer, want, offset);

    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0 || hash_add(h, h->buffer, (size_t)n) < 0) return -1;
    offset += n;
    count -= n;
  }
  return hash_finish(h, hex);
}

/* sha256_range(fd, offset, count) -> 64 hex digits | nil, message, errno (EIO: too short) */
static int core_sha256_range(lua_State *L)
{
  int fd = fd_check(L, 1);
  lua_Integer offset = luaL_checkinteger(L, 2);
  lua_Integer count = luaL_checkinteger(L, 3);
  char hex[HASH_HEX];

  luaL_argcheck(L, offset >= 0, 2, "negative");
  luaL_argcheck(L, count >= 0, 3, "negative");
  if (hash_range(hash_get(L), fd, offset, count, hex) < 0) return fail(L, "read");
  lua_pushlstring(L, hex, 64);
  return 1;
}

static const luaL_Reg hasher_meta[] = {
  {"__gc", hasher_gc},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"sha256", core_sha256},
  {"sha256_file", core_sha256_file},
  {"sha256_range", core_sha256_range},
  {NULL, NULL},
};

void open_hash(lua_State *L)
{
  luaL_newmetatable(L, HASHER_TYPE);
  luaL_setfuncs(L, hasher_meta, 0);
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
