// Preloaded into the runner and its stages: counts the calls that change what is on the disk, in all processes together,
// and does something to the N-th of them before it takes effect.
//
//   FAULTS_STATE  a file of zeros that all processes map: the count, and the process groups that there are
//   FAULTS_AT     N; 0 counts only
//   FAULTS_DO     kill: the process that makes the call (what happens without it); kill-all: every process, at once;
//                 an error number: the call fails with it (EMFILE counts only the opening of files)
//   FAULTS_LOG    a file to which it is written which files were written to (W), synced (S) and renamed (R), as lines
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_GROUPS = 500 };

static struct state {
  uint64_t count, groups;
  pid_t group[MOST_GROUPS];
} *state;
static uint64_t at;
static int kills_all, error, log_file = -1;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("FAULTS_STATE"), *limit = getenv("FAULTS_AT"), *what = getenv("FAULTS_DO");
  const char *log = getenv("FAULTS_LOG");
  if (!path) return;
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int file = real_open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return;
  at = limit ? strtoull(limit, NULL, 10) : 0;
  kills_all = what && strcmp(what, "kill-all") == 0;
  error = what ? atoi(what) : 0;
  if (log) log_file = real_open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
  state = map;
  uint64_t index = __atomic_fetch_add(&state->groups, 1, __ATOMIC_SEQ_CST);
  if (index == 0) setpgid(0, 0);  // the runner: away from who started it
  if (index < MOST_GROUPS) state->group[index] = getpgrp();
}

static void kill_all(void) {
  for (uint64_t i = 0; i < state->groups && i < MOST_GROUPS; i++)
    if (state->group[i] > 1 && state->group[i] != getpgrp()) kill(-state->group[i], SIGKILL);
  kill(0, SIGKILL);
}

// Whether the call is to fail.
static int step(int opens) {
  if (!state || (error == EMFILE && !opens)) return 0;
  if (__atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST) != at) return 0;
  if (kills_all) kill_all();
  if (!error) kill(getpid(), SIGKILL);
  errno = error;
  return 1;
}

static void note(const char *line) {
  static ssize_t (*real_write)(int, const void *, size_t);
  if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
  if (log_file >= 0) real_write(log_file, line, strlen(line));
}

static void note_file(const char *what, int file) {
  if (log_file < 0) return;
  char link[64], path[4096], line[4200];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return;
  path[n] = 0;
  snprintf(line, sizeof line, "%s %s\n", what, path);
  note(line);
}

static void note_rename(const char *from, const char *to) {
  if (log_file < 0) return;
  char here[4096], line[16400];
  if (!getcwd(here, sizeof here)) return;
  const char *a = from[0] == '/' ? "" : here, *b = to[0] == '/' ? "" : here;
  snprintf(line, sizeof line, "R %s%s%s\t%s%s%s\n", a, *a ? "/" : "", from, b, *b ? "/" : "", to);
  note(line);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = dlsym(RTLD_NEXT, #name);

#define CHANGES(result, name, parameters, arguments) \
  result name parameters { REAL(name) return step(0) ? -1 : real arguments; }

CHANGES(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
CHANGES(int, unlink, (const char *path), (path))
CHANGES(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
CHANGES(int, rmdir, (const char *path), (path))
CHANGES(int, mkdir, (const char *path, mode_t mode), (path, mode))
CHANGES(int, link, (const char *from, const char *to), (from, to))
CHANGES(int, symlink, (const char *from, const char *to), (from, to))
CHANGES(int, chmod, (const char *path, mode_t mode), (path, mode))
CHANGES(int, ftruncate, (int file, off_t size), (file, size))

int rename(const char *from, const char *to) {
  REAL(rename)
  if (step(0)) return -1;
  int result = real(from, to);
  if (result == 0) note_rename(from, to);
  return result;
}

int fsync(int file) {
  REAL(fsync)
  if (step(0)) return -1;
  note_file("S", file);
  return real(file);
}

ssize_t pwrite(int file, const void *bytes, size_t n, off_t at) {
  REAL(pwrite)
  if (step(0)) return -1;
  note_file("W", file);
  return real(file, bytes, n, at);
}

// Writing to a terminal or a pipe changes nothing on the disk.
ssize_t write(int file, const void *bytes, size_t n) {
  REAL(write)
  struct stat status;
  if (state && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    if (step(0)) return -1;
    note_file("W", file);
  }
  return real(file, bytes, n);
}

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    static int (*real)(const char *, int, ...); \
    if (!real) real = dlsym(RTLD_NEXT, #name); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (flags & (O_CREAT | O_TRUNC) && step(1)) return -1; \
    return real(path, flags, mode); \
  }

OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
  int name(int directory, const char *path, int flags, ...) { \
    static int (*real)(int, const char *, int, ...); \
    if (!real) real = dlsym(RTLD_NEXT, #name); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (flags & (O_CREAT | O_TRUNC) && step(1)) return -1; \
    return real(directory, path, flags, mode); \
  }

OPENS_AT(openat)
OPENS_AT(openat64)
