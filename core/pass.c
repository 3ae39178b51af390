/* Descriptors that go from a child to its caller, through a socket (unix(7), SCM_RIGHTS). */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "step.h"

typedef struct Parcel {
  struct msghdr message;
  struct iovec bytes;
  char byte;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
} Parcel;

static void prepare(Parcel *p)
{
  memset(p, 0, sizeof *p);
  p->bytes = (struct iovec){.iov_base = &p->byte, .iov_len = 1};
  p->message = (struct msghdr){.msg_iov = &p->bytes,
                               .msg_iovlen = 1,
                               .msg_control = p->control.space,
                               .msg_controllen = sizeof p->control.space};
}

/* In a child: the caller, who waits for it, reads later. */
int send_fd(int socket, int fd)
{
  Parcel p;

  prepare(&p);
  p.control.header.cmsg_len = CMSG_LEN(sizeof fd);
  p.control.header.cmsg_level = SOL_SOCKET;
  p.control.header.cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(&p.control.header), &fd, sizeof fd);
  return sendmsg(socket, &p.message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}

/* socketpair() -> handle, handle | nil, message, errno: each message is one */
static int core_socketpair(lua_State *L)
{
  Fd *one = fd_new(L);
  Fd *other = fd_new(L);
  int ends[2];

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return fail(L, "socketpair");
  one->fd = ends[0];
  other->fd = ends[1];
  return 2;
}

/* receive_fd(socket) -> handle | nil, message, errno (EAGAIN: none was sent) */
static int core_receive_fd(lua_State *L)
{
  int socket = fd_check(L, 1);
  Fd *h = fd_new(L);
  struct cmsghdr *header;
  Parcel p;
  ssize_t n;

  prepare(&p);
  do n = recvmsg(socket, &p.message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) return fail(L, "receive a descriptor");
  header = CMSG_FIRSTHDR(&p.message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return fail_as(L, ENOMSG, "receive a descriptor");
  memcpy(&h->fd, CMSG_DATA(header), sizeof h->fd);
  return 1;
}

static const luaL_Reg functions[] = {
  {"socketpair", core_socketpair},
  {"receive_fd", core_receive_fd},
  {NULL, NULL},
};

void open_pass(lua_State *L)
{
  luaL_setfuncs(L, functions, 0);
}
