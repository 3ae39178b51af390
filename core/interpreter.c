/* A file that is there, and yet exec says it is not: what it is to be run by is missing. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spawn.h"

enum { LINE_SIZE = 256, NESTING = 5 }; /* of the kernel: BINPRM_BUF_SIZE, and exec_binprm() */

/* "#! /bin/sh -e" */
static bool of_script(const char *line, size_t size, char *out)
{
  const char *end = line + size, *word = line + 2;
  size_t len = 0;

  while (word < end && (*word == ' ' || *word == '\t')) word++;
  while (word + len < end && !strchr(" \t\n", word[len])) len++; /* strchr finds '\0', too */
  memcpy(out, word, len);
  out[len] = '\0';
  return len > 0;
}

static bool read_at(int fd, void *space, size_t size, uint64_t at)
{
  return pread(fd, space, size, (off_t)at) == (ssize_t)size;
}

static bool read_name(int fd, uint64_t at, uint64_t size, char *out)
{
  if (size == 0 || size >= LINE_SIZE || !read_at(fd, out, size, at)) return false;
  out[size] = '\0';
  return true;
}

/* The dynamic loader: the segment PT_INTERP, in either size of an ELF file. */
static bool of_program(int fd, const unsigned char *head, char *out)
{
  Elf64_Ehdr wide;
  Elf32_Ehdr narrow;
  bool is_wide = head[EI_CLASS] == ELFCLASS64;
  size_t count;

  if (!(is_wide ? read_at(fd, &wide, sizeof wide, 0) : read_at(fd, &narrow, sizeof narrow, 0)))
    return false;
  count = is_wide ? wide.e_phnum : narrow.e_phnum;
  for (size_t i = 0; i < count && i < 64; i++) {
    Elf64_Phdr w;
    Elf32_Phdr n;

    if (is_wide) {
      if (!read_at(fd, &w, sizeof w, wide.e_phoff + i * sizeof w)) return false;
      if (w.p_type == PT_INTERP) return read_name(fd, w.p_offset, w.p_filesz, out);
    } else {
      if (!read_at(fd, &n, sizeof n, narrow.e_phoff + i * sizeof n)) return false;
      if (n.p_type == PT_INTERP) return read_name(fd, n.p_offset, n.p_filesz, out);
    }
  }
  return false;
}

static bool interpreter_of(const char *path, char *out)
{
  char head[LINE_SIZE - 1];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
  bool found = false;

  if (n > 2 && head[0] == '#' && head[1] == '!')
    found = of_script(head, (size_t)n, out);
  else if (n > EI_NIDENT && memcmp(head, ELFMAG, SELFMAG) == 0)
    found = of_program(fd, (const unsigned char *)head, out);
  if (fd >= 0) close(fd);
  return found;
}

/* Tells in the report's log which interpreter of a file is missing. An interpreter may be a script
   with one of its own. */
bool tell_interpreter(Run *r, const char *path)
{
  static const char before[] = "its interpreter ", after[] = " is not there";
  char name[LINE_SIZE], next[LINE_SIZE], *log = r->report->log;
  int err = errno;
  bool told = false;

  for (int depth = 0; depth < NESTING && !told && interpreter_of(path, next); depth++) {
    memcpy(name, next, sizeof name);
    path = name;
    if (access(name, F_OK) == 0) continue;
    memcpy(log, before, sizeof before - 1);
    memcpy(log + sizeof before - 1, name, strlen(name));
    memcpy(log + sizeof before - 1 + strlen(name), after, sizeof after);
    told = true;
  }
  errno = err;
  return told;
}
