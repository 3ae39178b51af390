/*
** Steps: what one line of a plan becomes after checking, and what carries it out. check_* runs in
** the parent, knows Lua, and raises on misuse. run_* runs in the child: system calls only. A step
** points at strings of the plan's own tables: these stay on the Lua stack until the child has
** executed.
*/
#ifndef MOONSAND_STEP_H
#define MOONSAND_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core.h"

/* What gcc says by a macro, clang says by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

typedef struct IdRange {
  uint32_t inside, outside, count;
} IdRange;

typedef struct IdMap {
  const IdRange *ranges;
  size_t count;
  bool by_parent; /* else the child writes it */
} IdMap;

typedef struct Entrance {
  const char *name, *path; /* without a path, fd */
  uint64_t flag;
  int fd;
} Entrance;

typedef struct FdPair {
  int target, source;
} FdPair;

typedef struct ResourceLimit {
  const char *name;
  int resource;
  struct rlimit limit;
} ResourceLimit;

enum { LANDLOCK_SETS = 6 };

typedef struct Step Step;
typedef struct Run Run;
typedef struct Check Check;
typedef struct Verb Verb;

struct Step {
  const Verb *verb;
  const char *source; /* a path of the caller's world */
  const char *target; /* a path of the new world, or a plain word */
  const char *text;
  size_t text_size;
  const char **list; /* ends in NULL */
  uint64_t attributes; /* MOUNT_ATTR_* */
  uint64_t number;
  uint64_t keep; /* capabilities */
  int fd;
  unsigned mode;
  bool recursive, optional, read_only, flag;
  union {
    struct {
      const char *upper, *work;
      const char **options;
      bool tmpfs_upper, attached; /* attached: its tmpfs must be mounted for that */
    } overlay;
    struct {
      IdMap uid, gid;
      uint32_t user, group;
    } ids;
    struct {
      const Entrance *list;
      size_t count;
    } enter;
    struct {
      const FdPair *pairs;
      size_t count;
    } fds;
    struct {
      const ResourceLimit *list;
      size_t count;
    } rlimits;
    struct {
      const int *join;
      size_t joins;
      int into; /* -1: none */
    } cgroup;
    struct {
      const struct sock_filter *program;
      size_t size; /* in instructions */
    } filter;
    struct {
      const char **paths[LANDLOCK_SETS]; /* NULL: this set is not given */
      const uint16_t *bind, *connect;
      size_t binds, connects;
      uint64_t ports;
    } landlock;
    struct {
      const char **argv, **env, *path;
      bool session, init, terminal;
    } exec;
  };
};

/* What the child tells: shared memory, read by the parent when the child has executed or ended. */
typedef struct Report {
  int step; /* index from 0; -1: everything went well */
  int err;
  const char *call; /* the kernel verb that failed */
  const char *path; /* or NULL */
  bool proc_is_callers; /* no fresh proc was to be had, and a bind was good enough */
  uint16_t *made; /* by step: the length of the first part of its target that had to be made on the
                     caller's disk, 0: none; NULL: the plan has no such place */
  char log[512]; /* the kernel's own text, from the fs context */
} Report;

struct Run {
  const Step *steps;
  size_t count;
  const Step *fds, *rlimits, *cgroup, *capabilities, *observe;
  bool filters; /* there are steps seccomp: they take effect at exec */
  bool own_groups; /* a namespace of control groups is made once the child is in them */
  bool clocks; /* there is a step time */
  bool own_world; /* the plan makes or joins namespaces */
  bool joined; /* in the namespaces of a sandbox that is there already */
  int left_open; /* a descriptor below it is left to exec to close; see let_go */
  bool below; /* its user namespace is made below an entered one, where the caller has these ids */
  uint32_t below_uid, below_gid;
  bool direct; /* one step in the current process: no child, no new world */
  int root; /* the new root; -1: none yet, targets are paths of the caller's world */
  const char *near; /* the parent of the last target, of near_size bytes, open as near_fd or -1 */
  size_t near_size;
  int near_fd;
  mode_t umask; /* the program's; until it starts modes are exactly what the plan says */
  dev_t *own; /* file systems that vanish with the sandbox; NULL: nobody asks */
  size_t owned;
  int init; /* memfd of our pid 1 */
  int status; /* write end: pid 1 tells how the program ended */
  int parent; /* pidfd of the caller */
  int sync, sync_peer; /* pipe: the parent has written the id maps; -1: not waited for */
  int done; /* open until this process executes: then the parent goes on; -1: it is a vfork */
  char *stack; /* for the program's own process */
  size_t stack_size;
  Report *report;
};

struct Check {
  lua_State *L;
  int table; /* the step's table */
  int keep; /* a table that anchors memory for the length of the call */
  int step; /* number from 1; 0: a direct call */
  int words; /* where those of the step's array part begin: 2 after the verb's name */
  const char *verb;
  char *room; /* what is left of a block for small pieces */
  size_t left;
};

struct Verb {
  const char *name;
  const char *const *fields; /* ends in NULL */
  void (*check)(Check *c, Step *s);
  int (*run)(Run *r, const Step *s);
  bool direct; /* makes sense in the current process */
};

/* check.c */
_Noreturn void misuse(Check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *keep_memory(Check *c, size_t size);
void check_fields(Check *c, const char *const *known);
const char *check_string(Check *c, const char *field);
const char *check_string_or(Check *c, const char *field, const char *otherwise);
const char *check_target(Check *c, const char *field);
void check_target_path(Check *c, const char *field, const char *path);
enum { DESCRIPTOR_LIMIT = 1 << 20 };
int check_descriptor(Check *c, const char *field, int value);
bool check_flag(Check *c, const char *field, bool otherwise);
lua_Integer check_integer(Check *c, const char *field, lua_Integer low, lua_Integer high,
                          lua_Integer otherwise);
const char **check_strings(Check *c, const char *field, size_t *count);
const char **check_words(Check *c, int from, size_t *count); /* the step's own array part */
size_t count_pairs(lua_State *L, int table);
void check_step(Check *c, int first_field, Step *s, const Verb *verb);

/* report.c: always returns -1 */
int stop(Run *r, const char *call, const char *path);
int stop_with_log(Run *r, int fs, const char *call, const char *path);
int push_report(lua_State *L, const Step *steps, size_t count, const Report *report);
int push_notes(lua_State *L, const Step *steps, size_t count, const Report *report);

/* bind.c: the number of a handle, or a number; -1: neither */
int check_handle(Check *c, const char *field);

/* ids.c */
int write_file(const char *path, const char *text, size_t size);

/* pass.c */
int send_fd(int socket, int fd);

/* target.c: all resolve inside the new root and create nothing outside of it */
enum { PLACE_FILE = 0, PLACE_DIRECTORY = 1, PLACE_EXACT = 2 };
int target_open(Run *r, const char *target, int flags);
int world_open(const Run *r, const char *path, int flags);
int target_exact(Run *r, const char *target, int flags);
int target_parent(Run *r, const char *target, const char **name);
void target_forget(Run *r); /* something was mounted on what was there */
int target_directory(Run *r, const char *target, unsigned mode);
int target_place(Run *r, const char *target, unsigned kind, const char **name);
void target_close(Run *r, int fd);
void let_go(const Run *r, int fd);
void target_own(Run *r, int mount);

/* mount.c */
uint64_t check_attributes(Check *c, bool read_only);
int copy_tree(Run *r, int at, const char *path, unsigned flags, uint64_t attributes,
              const char *name);
int attach_open(Run *r, int mount, const char *target, unsigned kind);
int attach(Run *r, int mount, const char *target, unsigned kind);

/* tmpfs.c */
const char *check_size(Check *c);
int make_tmpfs(Run *r, const char *size, const char *mode, uint64_t attributes,
               const char *target);
int finish_context(Run *r, int fs, uint64_t attributes, const char *target);

/* rlimit.c */
int apply_rlimits(Run *r, const Step *s);

/* enter.c */
void check_entries(Check *c, Step *s);
int enter_all(Run *r, const Step *s);

/* caps.c */
int apply_capabilities(Run *r, const Step *s);
int apply_capabilities_of_init(Run *r, const Step *s);

/* observe.c */
int apply_observe(Run *r, const Step *s);

/* filter.c */
int apply_filters(Run *r);

/* verbs.c */
const Verb *verb_find(const char *name);
extern const Verb verbs[];

/* the verbs, by file */
#define DECLARE_VERB(name)               \
  void check_##name(Check *c, Step *s);  \
  int run_##name(Run *r, const Step *s)

DECLARE_VERB(bind);
DECLARE_VERB(tmpfs);
DECLARE_VERB(proc);
DECLARE_VERB(sysfs);
DECLARE_VERB(mask);
DECLARE_VERB(protect);
DECLARE_VERB(dev);
DECLARE_VERB(remount);
DECLARE_VERB(propagation);
DECLARE_VERB(pivot);
DECLARE_VERB(mkdir);
DECLARE_VERB(symlink);
DECLARE_VERB(file);
DECLARE_VERB(overlay);
DECLARE_VERB(namespaces);
DECLARE_VERB(no_new_namespaces);
DECLARE_VERB(watch);
DECLARE_VERB(hostname);
DECLARE_VERB(loopback);
DECLARE_VERB(time);
DECLARE_VERB(ids);
DECLARE_VERB(chdir);
DECLARE_VERB(umask);
DECLARE_VERB(capabilities);
DECLARE_VERB(no_new_privileges);
DECLARE_VERB(observe);
DECLARE_VERB(landlock);
DECLARE_VERB(seccomp);
DECLARE_VERB(cgroup);
DECLARE_VERB(rlimit);
DECLARE_VERB(fds);
DECLARE_VERB(exec);
DECLARE_VERB(hold);

#endif
