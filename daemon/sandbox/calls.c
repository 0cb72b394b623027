/*
 * calls.c - see calls.h.
 *
 * A list of what is allowed. What is not on it gets ENOSYS: a C library that is newer than this list then does what it did before the
 * call existed, where EPERM would be taken for an answer, and a signal would stop the mail. Above all there is no execve(), no
 * fork(), no ptrace(), no listen(), no setuid(), and no memory that is writable and executable.
 */
#include "daemon/sandbox/calls.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static const int plain[] = {
    /* files: which, is Landlock's part */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(_llseek),
    SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(stat64), SCMP_SYS(fstat64), SCMP_SYS(lstat64), SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(statfs64), SCMP_SYS(fstatfs64),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents),
    SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(fallocate), SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(fchmod), SCMP_SYS(utimensat), SCMP_SYS(utimensat_time64), SCMP_SYS(flock), SCMP_SYS(umask), SCMP_SYS(fadvise64),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
    /* the network: sockets that exist, and new ones of the families below */
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(send), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(sendfile), SCMP_SYS(recv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(pipe),
    SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
    /* waiting */
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(pause),
    /* memory and threads */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(msync), SCMP_SYS(mincore), SCMP_SYS(futex),
    SCMP_SYS(futex_time64), SCMP_SYS(membarrier), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list),
    SCMP_SYS(set_tid_address), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu), SCMP_SYS(arch_prctl), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall), SCMP_SYS(sysinfo), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
    /* signals that come */
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigtimedwait_time64), SCMP_SYS(sigaltstack), SCMP_SYS(sigreturn),
    /* time and names */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(uname), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid),
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getresuid), SCMP_SYS(getresgid),
    SCMP_SYS(getgroups), SCMP_SYS(getpgrp), SCMP_SYS(getrlimit), SCMP_SYS(ugetrlimit), SCMP_SYS(getpriority),
};

/* With a condition on one argument: (argument & mask) == value. */
static const struct {
    int call;
    unsigned argument;
    scmp_datum_t mask, value;
} conditional[] = {
#define ALL (~(scmp_datum_t)0)
    { SCMP_SYS(socket), 0, ALL, AF_UNIX },
    { SCMP_SYS(socket), 0, ALL, AF_INET },
    { SCMP_SYS(socket), 0, ALL, AF_INET6 },
    { SCMP_SYS(socketpair), 0, ALL, AF_UNIX },
    { SCMP_SYS(ioctl), 1, 0xffffffff, FIONREAD },
    { SCMP_SYS(ioctl), 1, 0xffffffff, FIONBIO },
    { SCMP_SYS(ioctl), 1, 0xffffffff, TCGETS }, /* isatty(3), of standard error */
    { SCMP_SYS(prctl), 0, ALL, PR_SET_NAME },
    { SCMP_SYS(prlimit64), 2, ALL, 0 },         /* asked, not set */
    { SCMP_SYS(sched_setattr), 0, ALL, 0 },     /* of the calling thread: otr_take_short_turns() */
    { SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD }, /* clone3() hides its flags: ENOSYS, and this is called instead */
    /* Memory holds code or data. */
    { SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
    { SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC },
    { SCMP_SYS(mmap2), 2, PROT_EXEC, 0 },
    { SCMP_SYS(mmap2), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC },
    { SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
#undef ALL
};

static int allow_all(scmp_filter_ctx filter)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(plain) / sizeof(plain[0]); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
    for (size_t i = 0; rc == 0 && i < sizeof(conditional) / sizeof(conditional[0]); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, conditional[i].call, 1,
                              SCMP_CMP(conditional[i].argument, SCMP_CMP_MASKED_EQ, conditional[i].mask, conditional[i].value));
    if (rc == 0) /* abort(3) */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    return rc;
}

int otr_calls_enter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int rc = filter != NULL ? 0 : -ENOMEM;

    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: the cost of a call is a few comparisons */
    if (rc == 0)
        rc = allow_all(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    return -rc;
}
