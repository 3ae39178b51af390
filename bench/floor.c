/*
** The floor: what one sandbox costs when C asks the kernel for it in the most direct way.
**
**   floor INIT [net] [filter FILE] OPERATION... --- PROGRAM ARGUMENT... --- FILE...
**         --- PEER ARGUMENT... [--- PEER ARGUMENT...]...
**
** The operations come from the plan of the sandbox that it is compared with, so both make the same
** mounts. It reads one letter a round and answers with a line, "NANOSECONDS STATUS BYTES CPU", and
** the BYTES that were captured; CPU is the processor time in microseconds of all that was started:
**
**   f   PROGRAM in the sandbox that is made here, below INIT (core/init.c: no libc, one page)
**   p   the first PEER, started by posix_spawn, with each FILE open from descriptor 10 on
**   q   the second, and so on
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../core/clone.h"
#include "../core/status.h"

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

enum { OUTPUT_LIMIT = 1 << 20, FIRST_FILE = 10, PEERS = 10 };

extern char **environ;

static uint64_t namespaces =
  CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
static char **operations, **program, **files, **peers[PEERS], **peer;
static bool modern; /* Linux 6.15: open_tree_attr, and an upper that is mounted nowhere */
static char uid_map[64], gid_map[64], output[OUTPUT_LIMIT];
static size_t output_size;
static struct sock_filter instructions[4096];
static struct sock_fprog filter = {.filter = instructions};
static int null_fd, init_fd, self_fd, last_cap, status_pipe[2];
static bool whole_bounding_set; /* under no_new_privs it grants nothing to who is not root inside */

/* Also in a child that shares our memory: no exit handlers, no buffers. */
static _Noreturn void die(const char *what)
{
  dprintf(2, "floor: %s: %s\n", what, strerror(errno));
  _exit(125);
}

#define TRY(call) ((call) < 0 ? die(#call) : (void)0)

static void write_file(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write(fd, text, strlen(text)) < 0) die(path);
  close(fd);
}

static int context(const char *type, const char *mode)
{
  int fs = fsopen(type, FSOPEN_CLOEXEC);

  TRY(fs);
  if (mode) TRY(fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0));
  return fs;
}

static int finish(int fs, unsigned attributes)
{
  int mount;

  TRY(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  TRY(mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes));
  return mount;
}

static void attach(int mount, int root, const char *target)
{
  TRY(move_mount(mount, "", root, target, MOVE_MOUNT_F_EMPTY_PATH));
}

static int copy_tree(int at, const char *path, unsigned flags, uint64_t attributes)
{
  struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
  int tree;

  flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
  if (modern) return (int)syscall(SYS_open_tree_attr, at, path, flags, &attr, sizeof attr);
  tree = open_tree(at, path, flags);
  if (tree >= 0)
    TRY(mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr));
  return tree;
}

static void make_bind(int root, const char *source, const char *target, bool optional)
{
  int file, tree = copy_tree(AT_FDCWD, source, 0,
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  struct stat st;

  if (tree < 0 && optional) return;
  TRY(tree);
  TRY(fstat(tree, &st));
  if (S_ISDIR(st.st_mode)) {
    TRY(mkdirat(root, target, 0755));
  } else {
    TRY(file = openat(root, target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    close(file);
  }
  attach(tree, root, target);
}

static void make_dev(int root, const char *target)
{
  static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                      "/dev/random", "/dev/urandom", "/dev/tty"};
  int dev = finish(context("tmpfs", "0755"), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

  TRY(mkdirat(root, target, 0755));
  TRY(move_mount(dev, "", root, target, MOVE_MOUNT_F_EMPTY_PATH));
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    int tree = open_tree(AT_FDCWD, nodes[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    TRY(tree);
    TRY(mknodat(dev, nodes[i] + 5, S_IFREG | 0644, 0));
    attach(tree, dev, nodes[i] + 5);
  }
  TRY(symlinkat("/proc/self/fd", dev, "fd"));
  TRY(symlinkat("/proc/self/fd/0", dev, "stdin"));
  TRY(symlinkat("/proc/self/fd/1", dev, "stdout"));
  TRY(symlinkat("/proc/self/fd/2", dev, "stderr"));
  TRY(mkdirat(dev, "shm", 01777));
}

static void make_proc(int root, const char *target, bool read_only)
{
  unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

  if (read_only) attributes |= MOUNT_ATTR_RDONLY;
  TRY(mkdirat(root, target, 0755));
  attach(finish(context("proc", NULL), attributes), root, target);
}

static void make_file(int root, const char *target, const char *text)
{
  int fd = openat(root, target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

  if (fd < 0 || write(fd, text, strlen(text)) < 0) die(target);
  close(fd);
}

static int empty_directory(void)
{
  return finish(context("tmpfs", "0555"), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int hidden(struct stat *st, int *first)
{
  bool directory = S_ISDIR(st->st_mode);

  if (*first >= 0)
    return open_tree(*first, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  *first = directory ? empty_directory()
                     : open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return *first;
}

/* What is there of a list of paths is hidden, or read-only in place. */
static char **make_covers(int root, char **path, bool hide)
{
  int first[2] = {-1, -1};

  for (; strcmp(*path, ".") != 0; path++) {
    int tree, place = openat(root, *path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (place < 0) continue;
    TRY(fstat(place, &st));
    tree = hide ? hidden(&st, &first[S_ISDIR(st.st_mode)])
                : copy_tree(place, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY);
    TRY(move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
    close(place);
  }
  return path + 1;
}

/* Its upper vanishes: a tmpfs that the overlay alone holds in the end. */
static char **make_overlay(int root, const char *target, char **lower)
{
  int fs, tmpfs = finish(context("tmpfs", "0755"), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

  TRY(mkdirat(root, target, 0755));
  if (!modern) TRY(move_mount(tmpfs, "", root, target, MOVE_MOUNT_F_EMPTY_PATH));
  TRY(mkdirat(tmpfs, "upper", 0755));
  TRY(mkdirat(tmpfs, "work", 0755));
  TRY(fchdir(tmpfs));
  fs = context("overlay", NULL);
  for (; strcmp(*lower, ".") != 0; lower++)
    TRY(fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", *lower, 0));
  TRY(fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", "upper", 0));
  TRY(fsconfig(fs, FSCONFIG_SET_STRING, "workdir", "work", 0));
  TRY(fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0));
  TRY(fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0));
  fs = finish(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (!modern) TRY(umount2(".", MNT_DETACH));
  attach(fs, root, target);
  return lower + 1;
}

static bool take(char ***at, const char *name)
{
  if (strcmp(**at, name) != 0) return false;
  ++*at;
  return true;
}

/* Targets are relative to the new root, and none leads through a symbolic link. */
static void make_world(int root)
{
  for (char **at = operations; *at;) {
    bool optional = take(&at, "bind?");

    if (optional || take(&at, "bind")) {
      make_bind(root, at[0], at[1], optional), at += 2;
    } else if (take(&at, "symlink")) {
      TRY(symlinkat(at[0], root, at[1])), at += 2;
    } else if (take(&at, "file")) {
      make_file(root, at[0], at[1]), at += 2;
    } else if (take(&at, "mkdir")) {
      TRY(mkdirat(root, at[0], 0755)), at += 1;
    } else if (take(&at, "proc")) {
      make_proc(root, at[0], strcmp(at[1], "ro") == 0), at += 2;
    } else if (take(&at, "dev")) {
      make_dev(root, at[0]), at += 1;
    } else if (take(&at, "tmpfs")) {
      TRY(mkdirat(root, at[1], 0755));
      attach(finish(context("tmpfs", at[0]), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), root, at[1]);
      at += 2;
    } else if (take(&at, "no_core")) {
      TRY(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
    } else if (take(&at, "overlay")) {
      at = make_overlay(root, at[0], at + 1);
    } else if (take(&at, "mask")) {
      at = make_covers(root, at, true);
    } else if (take(&at, "protect")) {
      at = make_covers(root, at, false);
    } else {
      errno = EINVAL;
      die(*at);
    }
  }
}

static int make_root(void)
{
  int root = finish(context("tmpfs", "0755"), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

  TRY(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
  return root;
}

static void loopback_up(void)
{
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  TRY(fd);
  TRY(ioctl(fd, SIOCSIFFLAGS, &request));
}

static void enter(int root)
{
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

  TRY(mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof attr));
  TRY(fchdir(root));
  TRY(syscall(SYS_pivot_root, ".", "."));
  TRY(umount2(".", MNT_DETACH));
  TRY(chdir("/work"));
}

static void drop_privileges(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {0};

  TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  TRY(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
  for (int cap = 0; cap <= last_cap && !whole_bounding_set; cap++)
    TRY(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
  TRY(syscall(SYS_capset, &header, none));
}

static _Noreturn void run_program(const int *out)
{
  static char *env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/tmp", "LANG=C.UTF-8", "TERM=dumb", NULL,
  };

  setsid();
  TRY(dup2(null_fd, 0));
  TRY(dup2(out[0], 1));
  TRY(dup2(out[1], 2));
  if (filter.len > 0) TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0));
  execve(program[0], program, env);
  die(program[0]);
}

/* The program's parent and this process's next program; the maker's memory stays outside. */
static _Noreturn void become_init(pid_t child)
{
  char pid[16], status[16], maker[16], name[] = "moonsand-init";
  char *argv[] = {name, pid, status, maker, NULL};

  snprintf(pid, sizeof pid, "%d", child);
  snprintf(status, sizeof status, "%d", status_pipe[1]);
  snprintf(maker, sizeof maker, "%d", self_fd);
  TRY(fcntl(status_pipe[1], F_SETFD, 0));
  TRY(fcntl(self_fd, F_SETFD, 0));
  syscall(SYS_execveat, init_fd, "", argv, argv + 4, AT_EMPTY_PATH);
  die("execveat");
}

static void sandbox(void *out)
{
  pid_t child;
  int root;

  TRY(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", uid_map);
  write_file("/proc/self/gid_map", gid_map);
  root = make_root();
  make_world(root);
  TRY(sethostname("moonsand", 8));
  if (namespaces & CLONE_NEWNET) loopback_up();
  enter(root);
  drop_privileges();
  TRY(child = vfork());
  if (child == 0) run_program(out);
  become_init(child);
}

/* vfork into new namespaces: no page of memory is copied, and the child has executed on return. */
static pid_t start_sandbox(int *out)
{
  static char stack[65536] __attribute__((aligned(16)));
  struct clone_args args = {
    .flags = namespaces | CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
    .exit_signal = SIGCHLD,
    .stack = (uint64_t)(uintptr_t)stack,
    .stack_size = sizeof stack,
  };
  sigset_t all, before;
  long pid;

  TRY(pipe2(status_pipe, O_CLOEXEC));
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before); /* as pid 1 wants it */
  pid = clone3_call(&args, sandbox, out);
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = (int)-pid;
  TRY(pid);
  close(status_pipe[1]);
  return (pid_t)pid;
}

/* Waits for the sandbox; the status of the program is what pid 1 tells. */
static int end_sandbox(pid_t pid)
{
  Ended ended = {.status = -1};
  int status;

  TRY(waitpid(pid, &status, 0));
  TRY(read(status_pipe[0], &ended, sizeof ended));
  close(status_pipe[0]);
  return ended.status;
}

/* Processor time of the children that were waited for. */
static int64_t children_time(void)
{
  struct rusage usage;

  getrusage(RUSAGE_CHILDREN, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static pid_t start_peer(int *out)
{
  posix_spawn_file_actions_t actions;
  pid_t pid;

  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, null_fd, 0);
  posix_spawn_file_actions_adddup2(&actions, out[0], 1);
  posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  for (int i = 0; files[i]; i++)
    posix_spawn_file_actions_addopen(&actions, FIRST_FILE + i, files[i], O_RDONLY, 0);
  errno = posix_spawn(&pid, peer[0], &actions, NULL, peer, environ);
  if (errno != 0) die(peer[0]);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

static int end_peer(pid_t pid)
{
  int status;

  TRY(waitpid(pid, &status, 0));
  return status;
}

/* Both pipes until both have ended. */
static void capture(const int *in)
{
  struct pollfd fds[2] = {{.fd = in[0], .events = POLLIN}, {.fd = in[1], .events = POLLIN}};

  output_size = 0;
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    TRY(poll(fds, 2, -1));
    for (int i = 0; i < 2; i++) {
      ssize_t n;

      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      TRY(n = read(fds[i].fd, output + output_size, sizeof output - output_size));
      if (n == 0) fds[i].fd = -1;
      output_size += (size_t)n;
    }
  }
}

static int64_t now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void round_of(pid_t (*start)(int *out), int (*end)(pid_t pid))
{
  int64_t time, spent = children_time(), began = now();
  int in[2], out[2], status;

  for (int i = 0; i < 2; i++) {
    int ends[2];

    TRY(pipe2(ends, O_CLOEXEC));
    in[i] = ends[0], out[i] = ends[1];
  }
  pid_t pid = start(out);
  close(out[0]), close(out[1]);
  capture(in);
  close(in[0]), close(in[1]);
  status = end(pid);
  time = now() - began;
  while (waitpid(-1, NULL, 0) > 0) continue; /* what a peer has left behind */
  printf("%lld %d %zu %lld\n", (long long)time, status, output_size,
         (long long)(children_time() - spent));
  fwrite(output, 1, output_size, stdout);
  fflush(stdout);
}

/* What comes before "---" or the end; the list ends in NULL there. */
static char **section(char ***at)
{
  char **list = *at;

  while (**at && strcmp(**at, "---") != 0) ++*at;
  if (**at) *(*at)++ = NULL;
  return list;
}

/* The program of BPF that the library would install, as it is in memory. */
static void read_filter(const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size;

  TRY(fd);
  TRY(size = read(fd, instructions, sizeof instructions));
  filter.len = (unsigned short)((size_t)size / sizeof *instructions);
  close(fd);
}

int main(int argc, char **argv)
{
  char **at = argv + 2, letter;

  if (argc < 3) die("usage: floor INIT OPERATION... --- PROGRAM... --- FILE... --- PEER...");
  umask(0);
  modern = syscall(SYS_open_tree_attr, -1, "", 0, NULL, 0) < 0 && errno != ENOSYS;
  TRY(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  TRY(init_fd = open(argv[1], O_PATH | O_CLOEXEC));
  if (take(&at, "net")) namespaces |= CLONE_NEWNET;
  if (take(&at, "whole_bounding_set")) whole_bounding_set = true;
  if (take(&at, "filter")) read_filter(*at++);
  operations = section(&at);
  program = section(&at);
  files = section(&at);
  for (int i = 0; i < PEERS && *at; i++) peers[i] = section(&at);
  snprintf(uid_map, sizeof uid_map, "%u %u 1", geteuid(), geteuid());
  snprintf(gid_map, sizeof gid_map, "%u %u 1", getegid(), getegid());
  while (prctl(PR_CAPBSET_READ, last_cap + 1, 0, 0, 0) >= 0) last_cap++;
  TRY(null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC));
  TRY(self_fd = pidfd_open(getpid(), 0));
  while (read(0, &letter, 1) == 1) {
    peer = letter >= 'p' && letter < 'p' + PEERS ? peers[letter - 'p'] : NULL;
    if (letter == 'f')
      round_of(start_sandbox, end_sandbox);
    else if (peer)
      round_of(start_peer, end_peer);
  }
  return 0;
}
