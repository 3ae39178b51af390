/* What staging costs without us: loops in C, and programs. Each prints the seconds that it took,
   and the seconds of processor time.
     stage link FROM TO         a hard link for each file, then all is removed
     stage symlink FROM TO      a symbolic link for each, the same
     stage overlay POINT DIR... a read-only overlay is mounted, and unmounted
     stage hash DIR [THREADS]   SHA-256 of each file, as fast as libcrypto
     stage run TO PROGRAM...    a program that makes TO, then all of TO is removed */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
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
  char **files;
  size_t count, room;
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

static void note(Job *job, int from, int to, const char *name, const char *path)
{
  (void)from;
  (void)to;
  (void)name;
  if (job->count == job->room) {
    job->room = job->room == 0 ? 1024 : 2 * job->room;
    job->files = realloc(job->files, job->room * sizeof *job->files);
    if (job->files == NULL) err(1, "realloc");
  }
  job->files[job->count] = strdup(path);
  if (job->files[job->count++] == NULL) err(1, "strdup");
}

static atomic_size_t next_file;

static void hash(const char *path, EVP_MD *method, EVP_MD_CTX *context)
{
  unsigned char digest[EVP_MAX_MD_SIZE], buffer[1 << 17];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  ssize_t n;

  if (fd < 0 || EVP_DigestInit_ex2(context, method, NULL) != 1) err(1, "%s", path);
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    EVP_DigestUpdate(context, buffer, (size_t)n);
  if (n < 0 || EVP_DigestFinal_ex(context, digest, NULL) != 1) err(1, "%s", path);
  close(fd);
}

static void *hash_some(void *arg)
{
  const Job *job = arg;
  EVP_MD *method = EVP_MD_fetch(NULL, "SHA256", NULL);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t i;

  if (method == NULL || context == NULL) errx(1, "no SHA-256");
  while ((i = atomic_fetch_add(&next_file, 1)) < job->count)
    hash(job->files[i], method, context);
  EVP_MD_CTX_free(context);
  EVP_MD_free(method);
  return NULL;
}

static void hash_all(Job *job, const char *path, int threads)
{
  pthread_t others[64];

  walk(job, open_at(AT_FDCWD, path), -1, path, note);
  if (threads > 64) threads = 64;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&others[i], NULL, hash_some, job) != 0) errx(1, "pthread_create");
  hash_some(job);
  for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
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
    hash_all(&job, argv[2], argc > 3 ? atoi(argv[3]) : 1);
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
