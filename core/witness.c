/*
** The observer's own process: it is told of calls, reads their paths out of the memory of who makes
** them, lets them go on, and looks for itself whether a path is there that it has not met before.
** That look comes right after the answer, so that nobody waits for it: of a place that changes
** meanwhile it may tell what came after. Places that are read-only inside do not change.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "observe.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

enum { PATH_SIZE = 4096, PAGE = 4096, LINK_SIZE = 64, NOTICE_SIZE = 1024 };

typedef struct Observer {
  const Witness *w;
  Sight *sight;
  int listener, root; /* of the sandbox; -1: not known yet */
  bool started; /* a program runs whose memory may be read */
} Observer;

/* ---- what was seen ---- */

static uint32_t hash_of(const char *text)
{
  uint32_t hash = 2166136261U;

  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619U;
  return hash;
}

/* The slot of a path: its own, or the free one where it would be. */
static uint32_t *slot_of(Sight *sight, const char *path, uint32_t hash)
{
  for (uint32_t i = hash;; i++) {
    uint32_t *slot = &sight->slots[i % SLOTS];
    const Seen *seen;

    if (*slot == 0) return slot;
    seen = &sight->seen[*slot - 1];
    if (seen->hash == hash && strcmp(sight->text + seen->path, path) == 0) return slot;
  }
}

/* Returns where it is; 0: there is no room. */
static uint32_t keep_text(Sight *sight, const char *text)
{
  size_t size = strlen(text) + 1;
  uint32_t at = sight->used > 0 ? sight->used : 1;

  if (size > TEXT_LIMIT - at) return 0;
  memcpy(sight->text + at, text, size);
  sight->used = at + (uint32_t)size;
  return at;
}

/* ---- what is there ---- */

static State state_of(int fd)
{
  struct stat st;

  if (fstat(fd, &st) < 0) return UNKNOWN;
  return S_ISREG(st.st_mode) ? REGULAR : S_ISDIR(st.st_mode) ? DIRECTORY : OTHER;
}

static bool read_link(char *out, const char *link)
{
  ssize_t n = readlink(link, out, PATH_SIZE - 1);

  if (n < 0) return false;
  out[n] = '\0';
  return out[0] == '/';
}

/* As the sandbox sees it: links lead nowhere out of its root. */
static State look(const Observer *o, const char *path, char *real)
{
  const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, o->root, path, &how, sizeof how);
  char link[LINK_SIZE];
  State state;

  real[0] = '\0';
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? ABSENT : UNKNOWN;
  state = state_of(fd);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (!read_link(real, link)) real[0] = '\0';
  close(fd);
  return state;
}

static void add(const Observer *o, const char *path, uint32_t hash, uint32_t *slot, uint8_t use)
{
  Sight *sight = o->sight;
  Seen seen = {.hash = hash, .uses = use};
  char real[PATH_SIZE];

  seen.state = (uint8_t)look(o, path, real);
  seen.path = sight->count < SEEN_LIMIT ? keep_text(sight, path) : 0;
  if (seen.path > 0 && real[0] && strcmp(real, path) != 0) {
    seen.real = keep_text(sight, real);
    if (seen.real == 0) seen.path = 0;
  }
  if (seen.path == 0) {
    sight->lost = true;
    return;
  }
  sight->seen[sight->count++] = seen;
  *slot = sight->count;
}

/* ---- whose path it is ---- */

/* The string at an address of another process, in steps that do not cross a page. */
static bool read_string(char *out, pid_t pid, uint64_t address)
{
  size_t used = 0;

  while (used < PATH_SIZE) {
    size_t room = PAGE - (size_t)(address % PAGE);
    struct iovec here = {out + used, room < PATH_SIZE - used ? room : PATH_SIZE - used};
    struct iovec there = {(void *)(uintptr_t)address, here.iov_len};
    ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

    if (n <= 0) return false;
    if (memchr(out + used, '\0', (size_t)n)) return true;
    used += (size_t)n;
    address += (uint64_t)n;
  }
  return false; /* too long to be a path */
}

/* Takes out empty parts, "." and "..", as text: of a link to a directory ".." leads elsewhere. */
static void normalise(char *path)
{
  char *out = path;
  const char *in = path;

  while (*in) {
    size_t size;

    in += strspn(in, "/");
    size = strcspn(in, "/");
    if (size == 2 && in[0] == '.' && in[1] == '.') {
      while (out > path && *--out != '/') continue;
    } else if (size > 0 && !(size == 1 && in[0] == '.')) {
      *out++ = '/';
      memmove(out, in, size);
      out += size;
    }
    in += size;
  }
  if (out == path) *out++ = '/';
  *out = '\0';
}

/* Where a relative path begins: the working directory, or an open one. */
static bool absolute(char *out, const char *path, pid_t pid, const Told *call,
                     const struct seccomp_data *data)
{
  int directory = call->directory < 0 ? AT_FDCWD : (int)data->args[call->directory];
  char link[LINK_SIZE];
  size_t used = 0;

  if (path[0] != '/') {
    if (directory == AT_FDCWD)
      snprintf(link, sizeof link, "/proc/%d/cwd", pid);
    else
      snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, directory);
    if (!read_link(out, link)) return false;
    used = strlen(out);
    out[used++] = '/';
  }
  if (used + strlen(path) >= 2 * PATH_SIZE) return false;
  strcpy(out + used, path);
  normalise(out);
  return true;
}

static bool is_below(const char *path, const char *place)
{
  size_t size = strlen(place);

  if (size == 1) return true; /* "/" */
  return strncmp(path, place, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static bool is_wanted(const Observer *o, const char *path)
{
  for (const char *const *place = o->w->places; *place; place++)
    if (is_below(path, *place)) return true;
  return false;
}

/* ---- being told ---- */

static const Told *call_of(const Observer *o, const struct seccomp_data *data)
{
  for (size_t i = 0; i < o->w->count; i++) {
    const Numbered *one = &o->w->calls[i];

    if (one->number == (uint32_t)data->nr && one->architecture == data->arch) return one->call;
  }
  return NULL;
}

static bool is_valid(const Observer *o, uint64_t id)
{
  return ioctl(o->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void find_root(Observer *o, pid_t pid)
{
  char link[LINK_SIZE];

  if (o->root >= 0) return;
  snprintf(link, sizeof link, "/proc/%d/root", pid);
  o->root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The path of a call, absolute; false: there is none. Until the first program runs, its process has
   the caller's memory, which an ordinary user's observer may not read. */
static bool read_path(Observer *o, const struct seccomp_notif *notice, const Told *call, char *out)
{
  char path[PATH_SIZE];
  pid_t pid = (pid_t)notice->pid;

  if (!call) return false;
  if (!read_string(path, pid, notice->data.args[call->path])) {
    if (o->started && is_valid(o, notice->id)) o->sight->unread++;
    return false;
  }
  o->started = true;
  if (path[0] == '\0' || !absolute(out, path, pid, call, &notice->data)) return false;
  find_root(o, pid);
  return o->root >= 0 && strlen(out) < PATH_SIZE && is_wanted(o, out);
}

/* What is known of a path already costs no further call. */
static void serve_one(Observer *o, struct seccomp_notif *notice)
{
  struct seccomp_notif_resp answer = {.id = notice->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  const Told *call = call_of(o, &notice->data);
  char path[2 * PATH_SIZE + 1];
  uint32_t hash = 0, *slot = NULL;
  Seen *seen = NULL;

  o->sight->calls++;
  if (read_path(o, notice, call, path)) {
    hash = hash_of(path);
    slot = slot_of(o->sight, path, hash);
    if (*slot > 0) seen = &o->sight->seen[*slot - 1];
    /* when the caller was killed it may have been another process that was read */
    if ((!seen || (seen->uses & call->use) == 0) && !is_valid(o, notice->id)) slot = NULL;
  }
  ioctl(o->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer); /* ENOENT: it was killed */
  if (slot && seen) seen->uses |= call->use;
  if (slot && !seen) add(o, path, hash, slot, call->use);
}

static int receive_listener(int socket)
{
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  char byte;
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.space,
                           .msg_controllen = sizeof control.space};
  int fd;

  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) return -1;
  if (!CMSG_FIRSTHDR(&message)) return -1;
  memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
  return fd;
}

/* The kernel may know of a larger notice than we do. */
static bool fits(void)
{
  struct seccomp_notif_sizes sizes;

  return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
         sizes.seccomp_notif <= NOTICE_SIZE &&
         sizes.seccomp_notif_resp <= sizeof(struct seccomp_notif_resp);
}

/* From Linux 6.11 on who waits for a notice is woken when nobody is left to send one. */
static bool is_woken(void)
{
  struct utsname name;
  int major = 0, minor = 0;

  return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         major * 1000 + minor >= 6011;
}

/* Is somebody left, and has he something to tell? Waits for one or the other, or does not wait. */
static bool is_left(const Observer *o, int patience)
{
  struct pollfd fd = {.fd = o->listener, .events = POLLIN};
  int ready = poll(&fd, 1, patience);

  return ready <= 0 || fd.revents & POLLIN;
}

static void serve(Observer *o)
{
  union {
    struct seccomp_notif notice;
    char space[NOTICE_SIZE];
  } now;
  bool woken = is_woken();

  while (woken || is_left(o, -1)) {
    memset(&now, 0, sizeof now);
    if (ioctl(o->listener, SECCOMP_IOCTL_NOTIF_RECV, &now) == 0)
      serve_one(o, &now.notice);
    else if (errno != ENOENT && errno != EINTR) /* it was killed before we came */
      return;
    else if (woken && !is_left(o, 0))
      break;
  }
  o->sight->complete = true;
}

void bear_witness(const Witness *w)
{
  Observer o = {.w = w, .sight = w->sight, .root = -1, .listener = receive_listener(w->socket)};

  if (o.listener < 0 || !fits()) return;
  o.sight->attached = true;
  close(w->socket);
  /* on the processor of who asks, which sleeps until the answer (Linux 6.6) */
  ioctl(o.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  serve(&o);
}
