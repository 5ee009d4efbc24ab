// Stands between a process and its disk: the write or sync number
// STEWARD_TEST_FAIL_AT on a file of the database fails, and as many after it as
// STEWARD_TEST_FAIL_FOR says. STEWARD_TEST_FAIL_WHAT is "sync" (EIO), "write"
// (ENOSPC) or "short" (half of it is written). Each failure is noted in the file
// STEWARD_TEST_FAIL_NOTES, by the path that it hit.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long count;

static int fails(int fd, const char *what) {
  const char *kind = getenv("STEWARD_TEST_FAIL_WHAT"), *at = getenv("STEWARD_TEST_FAIL_AT"), *lasts = getenv("STEWARD_TEST_FAIL_FOR");
  if (!kind || !at || strcmp(kind, what) != 0) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  if (!strstr(path, "steward.db") || strstr(path, "-shm")) return 0;
  long i = atomic_fetch_add(&count, 1) + 1, first = atol(at);
  if (i < first || i >= first + (lasts ? atol(lasts) : 1)) return 0;
  const char *notes = getenv("STEWARD_TEST_FAIL_NOTES");
  int out = notes ? open(notes, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
  if (out >= 0) {
    path[n] = '\n';
    if (write(out, path, n + 1) < 0) abort();
    close(out);
  }
  return 1;
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  if (fails(fd, "sync")) { errno = EIO; return -1; }
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  if (fails(fd, "sync")) { errno = EIO; return -1; }
  return real(fd);
}

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t failing_pwrite(int fd, const void *data, size_t size, off_t at) {
  if (!real_pwrite) real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  if (fails(fd, "write")) { errno = ENOSPC; return -1; }
  if (size > 1 && fails(fd, "short")) {
    real_pwrite(fd, data, size / 2, at);
    errno = EIO;
    return -1;
  }
  return real_pwrite(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return failing_pwrite(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) { return failing_pwrite(fd, data, size, at); }
