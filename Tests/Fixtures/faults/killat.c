// Preloaded into the runner and its stages: counts the calls that change what is on the disk, in all processes together,
// and kills the process that makes the N-th of them before it takes effect.
//
//   KILLAT_COUNT  a file of one 64-bit number, mapped by all processes
//   KILLAT_AT     N; 0 counts only
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t *count;
static uint64_t at;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("KILLAT_COUNT"), *limit = getenv("KILLAT_AT");
  if (!path) return;
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int file = real_open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return;
  at = limit ? strtoull(limit, NULL, 10) : 0;
  count = map;
}

static void step(void) {
  if (count && __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) == at) kill(getpid(), SIGKILL);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = dlsym(RTLD_NEXT, #name);

#define CHANGES(result, name, parameters, arguments) \
  result name parameters { REAL(name) step(); return real arguments; }

CHANGES(int, rename, (const char *from, const char *to), (from, to))
CHANGES(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
CHANGES(int, unlink, (const char *path), (path))
CHANGES(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
CHANGES(int, rmdir, (const char *path), (path))
CHANGES(int, mkdir, (const char *path, mode_t mode), (path, mode))
CHANGES(int, link, (const char *from, const char *to), (from, to))
CHANGES(int, symlink, (const char *from, const char *to), (from, to))
CHANGES(int, chmod, (const char *path, mode_t mode), (path, mode))
CHANGES(int, fsync, (int file), (file))
CHANGES(int, ftruncate, (int file, off_t size), (file, size))
CHANGES(ssize_t, pwrite, (int file, const void *bytes, size_t n, off_t at), (file, bytes, n, at))

// Writing to a terminal or a pipe changes nothing on the disk.
ssize_t write(int file, const void *bytes, size_t n) {
  REAL(write)
  struct stat status;
  if (count && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) step();
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
    if (flags & (O_CREAT | O_TRUNC)) step(); \
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
    if (flags & (O_CREAT | O_TRUNC)) step(); \
    return real(directory, path, flags, mode); \
  }

OPENS_AT(openat)
OPENS_AT(openat64)
