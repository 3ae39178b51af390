/* What staging costs without us: loops in C, and programs. Each prints the seconds that it took,
   and the seconds of processor time.
     stage link FROM TO         a hard link for each file, then all is removed
     stage symlink FROM TO      a symbolic link for each, the same
     stage overlay POINT DIR... a read-only overlay is mounted, and unmounted
     stage hash DIR             SHA-256 of each file, as fast as libcrypto
     stage run TO PROGRAM...    a program that makes TO, then all of TO is removed */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Job {
  int symbolic;
  EVP_MD *method;
  EVP_MD_CTX *context;
  unsigned char buffer[1 << 17];
} Job;

typedef void Visit(Job *job, int from, int to, const char *name, const char *path);

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_at(int fd, const char *name)
{
  int result = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

  if (result < 0) err(1, "%s", name);
  return result;
}

/* Every file below `from`; with `to` >= 0 the directories are made there. */
static void walk(Job *job, int from, int to, const char *path, Visit *visit)
{
  DIR *dir = fdopendir(from);
  struct dirent *entry;
  char below[PATH_MAX];

  if (dir == NULL) err(1, "%s", path);
  while ((entry = readdir(dir)) != NULL) {
    const char *name = entry->d_name;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (snprintf(below, sizeof below, "%s/%s", path, name) >= (int)sizeof below)
      errx(1, "%s: too long", path);
    if (entry->d_type == DT_DIR) {
      int inner = -1;

      if (to >= 0 && mkdirat(to, name, 0755) < 0) err(1, "%s", below);
      if (to >= 0) inner = open_at(to, name);
      walk(job, open_at(from, name), inner, below, visit);
      if (inner >= 0) close(inner);
    } else {
      visit(job, from, to, name, below);
    }
  }
  closedir(dir);
}

static void make_link(Job *job, int from, int to, const char *name, const char *path)
{
  int result = job->symbolic ? symlinkat(path, to, name) : linkat(from, name, to, name, 0);

  if (result < 0) err(1, "%s", path);
}

static void hash(Job *job, int from, int to, const char *name, const char *path)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  int fd = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t n;

  (void)to;
  if (fd < 0 || EVP_DigestInit_ex2(job->context, job->method, NULL) != 1) err(1, "%s", path);
  while ((n = read(fd, job->buffer, sizeof job->buffer)) > 0)
    EVP_DigestUpdate(job->context, job->buffer, (size_t)n);
  if (n < 0 || EVP_DigestFinal_ex(job->context, digest, NULL) != 1) err(1, "%s", path);
  close(fd);
}

static void remove_all(int parent, const char *name)
{
  int fd = open_at(parent, name);
  DIR *dir = fdopendir(fd);
  struct dirent *entry;

  if (dir == NULL) err(1, "%s", name);
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (entry->d_type == DT_DIR)
      remove_all(fd, entry->d_name);
    else if (unlinkat(fd, entry->d_name, 0) < 0)
      err(1, "%s", entry->d_name);
  }
  closedir(dir);
  if (unlinkat(parent, name, AT_REMOVEDIR) < 0) err(1, "%s", name);
}

static void stage(Job *job, const char *from, const char *to)
{
  int target;

  if (mkdir(to, 0755) < 0) err(1, "%s", to);
  target = open_at(AT_FDCWD, to);
  walk(job, open_at(AT_FDCWD, from), target, from, make_link);
  close(target);
  remove_all(AT_FDCWD, to);
}

/* The calls that core/overlay.c makes. */
static void overlay(const char *point, char **lower)
{
  int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC), mount;

  if (fs < 0) err(1, "fsopen");
  syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
  for (; *lower != NULL; lower++)
    if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "lowerdir+", *lower, 0) < 0)
      err(1, "%s", *lower);
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) err(1, "overlay");
  mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
  if (mount < 0) err(1, "fsmount");
  if (syscall(SYS_move_mount, mount, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    err(1, "%s", point);
  close(mount);
  close(fs);
  if (umount2(point, 0) < 0) err(1, "%s", point);
}

static void hash_all(Job *job, const char *path)
{
  job->method = EVP_MD_fetch(NULL, "SHA256", NULL);
  job->context = EVP_MD_CTX_new();
  if (job->method == NULL || job->context == NULL) errx(1, "no SHA-256");
  walk(job, open_at(AT_FDCWD, path), -1, path, hash);
  EVP_MD_CTX_free(job->context);
  EVP_MD_free(job->method);
}

static void run(const char *to, char **argv)
{
  pid_t pid = fork();
  int status;

  if (pid < 0) err(1, "fork");
  if (pid == 0) {
    execvp(argv[0], argv);
    err(127, "%s", argv[0]);
  }
  if (waitpid(pid, &status, 0) != pid || status != 0) errx(1, "%s failed", argv[0]);
  remove_all(AT_FDCWD, to);
}

static double busy(int who)
{
  struct rusage u;

  getrusage(who, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
  static Job job;
  double began = now(), worked = busy(RUSAGE_SELF);

  if (argc < 3) errx(2, "see the head of bench/stage.c");
  job.symbolic = strcmp(argv[1], "symlink") == 0;
  if (strcmp(argv[1], "hash") == 0)
    hash_all(&job, argv[2]);
  else if (strcmp(argv[1], "overlay") == 0)
    overlay(argv[2], argv + 3);
  else if (strcmp(argv[1], "run") == 0)
    run(argv[2], argv + 3);
  else if (argc == 4)
    stage(&job, argv[2], argv[3]);
  worked = busy(RUSAGE_SELF) - worked + busy(RUSAGE_CHILDREN);
  printf("%.9f %.9f\n", now() - began, worked);
  return 0;
}
