/* The parent's side of the id maps: written by root, asked of newuidmap(1) and newgidmap(1) by
   anybody else. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ids.h"

enum { NUMBERS = 3 * MAP_LINES, NUMBER_SIZE = 11 };

/* {helper, pid, inside, outside, count, ..., NULL} */
static void helper_words(char **argv, char (*words)[NUMBER_SIZE], int pid, const IdMap *map)
{
  size_t n = 0;

  snprintf(words[n], NUMBER_SIZE, "%d", pid);
  argv[1] = words[n++];
  for (size_t i = 0; i < map->count; i++) {
    uint32_t numbers[] = {map->ranges[i].inside, map->ranges[i].outside, map->ranges[i].count};

    for (size_t k = 0; k < 3; k++, n++) {
      snprintf(words[n], NUMBER_SIZE, "%u", numbers[k]);
      argv[n + 1] = words[n];
    }
  }
  argv[n + 1] = NULL;
}

/* What a helper says becomes the report's log. */
static void keep_words(Report *report, int from)
{
  size_t used = 0, room = sizeof report->log - 1;
  ssize_t n;

  while (used < room && (n = read(from, report->log + used, room - used)) != 0) {
    if (n < 0 && errno != EINTR) break;
    if (n > 0) used += (size_t)n;
  }
  while (used > 0 && report->log[used - 1] == '\n') used--;
  report->log[used] = '\0';
  for (size_t i = 0; i < used; i++)
    if (report->log[i] == '\n') report->log[i] = ' ';
}

static int start_helper(pid_t *child, char **argv, int to)
{
  posix_spawn_file_actions_t actions;
  int err = posix_spawn_file_actions_init(&actions);

  if (err != 0) return err;
  err = posix_spawn_file_actions_adddup2(&actions, to, STDERR_FILENO);
  if (err == 0) err = posix_spawnp(child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  return err;
}

/* The helpers check /etc/subuid and /etc/subgid themselves. */
static int run_helper(Run *r, const char *helper, int pid, const IdMap *map)
{
  char words[NUMBERS + 1][NUMBER_SIZE], *argv[NUMBERS + 3];
  int says[2], status, err;
  pid_t child;

  argv[0] = (char *)(uintptr_t)helper;
  helper_words(argv, words, pid, map);
  if (pipe2(says, O_CLOEXEC) < 0) return stop(r, "pipe", NULL);
  err = start_helper(&child, argv, says[1]);
  close(says[1]);
  if (err == 0) keep_words(r->report, says[0]);
  close(says[0]);
  errno = err;
  if (err != 0) return stop(r, "run", helper);
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return stop(r, "wait for", helper);
  if (status == 0) {
    r->report->log[0] = '\0';
    return 0;
  }
  errno = EPERM;
  return stop(r, "the map was refused by", helper);
}

static int write_map(Run *r, int pid, const char *file, const char *call, const IdMap *map)
{
  char path[64], text[MAP_LINES * MAP_LINE_SIZE];
  size_t size = format_map(text, map->ranges, map->count);
  int fd, result = 0;

  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return stop(r, call, NULL);
  if (write(fd, text, size) < 0) result = stop(r, call, NULL);
  close(fd);
  return result;
}

int map_from_outside(Run *r, int pid, const Step *s)
{
  const IdMap *uid = &s->ids.uid, *gid = &s->ids.gid;

  if (geteuid() == 0) {
    if (uid->by_parent && write_map(r, pid, "uid_map", "write uid_map", uid) < 0) return -1;
    if (gid->by_parent && write_map(r, pid, "gid_map", "write gid_map", gid) < 0) return -1;
    return 0;
  }
  if (uid->by_parent && run_helper(r, "newuidmap", pid, uid) < 0) return -1;
  if (gid->by_parent && run_helper(r, "newgidmap", pid, gid) < 0) return -1;
  return 0;
}
