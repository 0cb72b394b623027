/*
 * machine.c - a machine that fails, for one program (LD_PRELOAD): the wall clock is off by so many seconds, the disk takes so many
 * milliseconds for each write and sync, and of so many allocations by the program's own code one fails (0: none; its libraries are
 * spared: GNU MP ends the process and libunbound follows null pointers, which is not ours to test). All are read from the file
 * OUTRIDER_MACHINE whenever they matter, so that a test changes them while the program runs: three int64_t, and one for the test to
 * read, which counts the allocations that have failed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK, DISK, MEMORY, FAILED, WORDS };
static volatile int64_t none[WORDS];
static volatile int64_t *state = none;

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

/* Once mapped, it needs no file: the program may be in a sandbox by the time that it looks. */
__attribute__((constructor)) static void prepare(void)
{
    const char *path = getenv("OUTRIDER_MACHINE");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = fd >= 0 ? mmap(NULL, WORDS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    if (mapped == MAP_FAILED)
        abort();
    state = mapped;
}

static void wait_for_disk(int fd)
{
    struct timespec pause = { .tv_sec = state[DISK] / 1000, .tv_nsec = state[DISK] % 1000 * 1000000 };
    struct stat st;

    if (state[DISK] > 0 && fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        nanosleep(&pause, NULL);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = real_clock_gettime(id, now);

    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += state[CLOCK];
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec found;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

ssize_t write(int fd, const void *data, size_t len)
{
    wait_for_disk(fd);
    return real_write(fd, data, len);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    wait_for_disk(fd);
    return real_pwrite64(fd, data, len, at);
}

int fsync(int fd)
{
    wait_for_disk(fd);
    return real_fsync(fd);
}

int fdatasync(int fd)
{
    wait_for_disk(fd);
    return real_fdatasync(fd);
}

/*
 * Memory, but in a build with a sanitizer, which has an allocator of its own. The C library's own names for its allocator, so that
 * none is needed to find them.
 */
#ifndef IS_SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static uintptr_t code_begin, code_end; /* of the program */

static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0) {
            code_begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            code_end = code_begin + info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the program is the first object */
}

__attribute__((constructor)) static void prepare_memory(void)
{
    dl_iterate_phdr(find_code, NULL);
}

static bool is_refused(const void *caller)
{
    static _Atomic uint64_t count;
    int64_t every = state[MEMORY];

    if (every <= 0 || (uintptr_t)caller < code_begin || (uintptr_t)caller >= code_end ||
        atomic_fetch_add(&count, 1) % (uint64_t)every != 0)
        return false;
    atomic_fetch_add((_Atomic int64_t *)(uintptr_t)&state[FAILED], 1);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
#endif
