/*
 * system.c - background, privileges, limits, service manager (its protocols by hand: no library is needed for them).
 */
#include "daemon/system.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static void await_report(int fd)
{
    unsigned char status = EX_SOFTWARE; /* the child died without a word */

    while (read(fd, &status, 1) < 0 && errno == EINTR)
        ;
    _exit(status);
}

outrider_err otr_background(int *ready, outrider_diag *diag)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "fork: %s", strerror(errno));
    if (pid > 0) {
        close(ends[1]);
        await_report(ends[0]);
    }
    close(ends[0]);
    setsid();
    pid = fork(); /* no session leader: no terminal can become ours */
    if (pid < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "fork: %s", strerror(errno));
    if (pid > 0)
        _exit(0);
    if (chdir("/") != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "/: %s", strerror(errno));
    *ready = ends[1];
    return OUTRIDER_OK;
}

void otr_background_report(int ready, int status)
{
    unsigned char byte = (unsigned char)status;
    ssize_t written;
    int null;

    if (ready < 0)
        return;
    if (status == 0) {
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; null >= 0 && fd <= 2; fd++)
            dup2(null, fd);
        if (null > 2)
            close(null);
    }
    written = write(ready, &byte, 1);
    (void)written; /* if the one who waits is gone, there is nobody to tell */
    close(ready);
}

outrider_err otr_drop_privileges(const char *user, const char *group, outrider_diag *diag)
{
    struct passwd *pw;
    struct group *gr;
    gid_t gid;

    if (*user == '\0' || geteuid() != 0)
        return OUTRIDER_OK;
    pw = getpwnam(user);
    if (pw == NULL)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "user \"%s\" does not exist", user);
    gid = pw->pw_gid;
    if (*group != '\0') {
        gr = getgrnam(group);
        if (gr == NULL)
            return otr_fail(diag, OUTRIDER_E_CONFIG, "group \"%s\" does not exist", group);
        gid = gr->gr_gid;
    }
    if (initgroups(user, gid) != 0 || setgid(gid) != 0 || setuid(pw->pw_uid) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "cannot become user \"%s\": %s", user, strerror(errno));
    if (pw->pw_uid != 0 && setuid(0) == 0)
        return otr_fail(diag, OUTRIDER_E_IO, "became user \"%s\" and could still become root", user);
    return OUTRIDER_OK;
}

outrider_err otr_prepare_folder(const char *file, const char *user, outrider_diag *diag)
{
    char folder[PATH_MAX];
    struct passwd *pw = *user != '\0' && geteuid() == 0 ? getpwnam(user) : NULL;

    if (snprintf(folder, sizeof(folder), "%s", file) >= (int)sizeof(folder) || strrchr(folder, '/') == NULL)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: not a usable path", file);
    *strrchr(folder, '/') = '\0';
    if (folder[0] == '\0' || access(folder, F_OK) == 0)
        return OUTRIDER_OK; /* what is there already is the administrator's choice */
    if (mkdir(folder, 0750) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    if (pw != NULL && chown(folder, pw->pw_uid, pw->pw_gid) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot give it to user \"%s\": %s", folder, user, strerror(errno));
    return OUTRIDER_OK;
}

outrider_err otr_give_file(const char *file, const char *user, outrider_diag *diag)
{
    struct passwd *pw = *user != '\0' && geteuid() == 0 ? getpwnam(user) : NULL;

    if (pw == NULL || lchown(file, pw->pw_uid, (gid_t)-1) == 0) /* as in bind_unix(): a link would lead root astray */
        return OUTRIDER_OK;
    return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot give it to user \"%s\": %s", file, user, strerror(errno));
}

unsigned long otr_raise_files_limit(unsigned long wanted)
{
    struct rlimit limit, higher;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    higher = (struct rlimit){ .rlim_cur = wanted, .rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* struct sched_attr of linux/sched/types.h (its first version), which Debian 12's libc does not declare. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period; /* ns */
};

#define SHORT_TURN_NS 100000 /* the least that the kernel takes */

void otr_take_short_turns(void)
{
    struct attributes a = { .size = sizeof(a), .policy = SCHED_OTHER, .runtime = SHORT_TURN_NS };

    if (sched_getscheduler(0) != SCHED_OTHER)
        return; /* whoever started us wants it otherwise */
    errno = 0;  /* -1 may be a priority */
    a.nice = getpriority(PRIO_PROCESS, 0);
    if (errno == 0)
        (void)syscall(SYS_sched_setattr, 0, &a, 0);
}

void otr_notify_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    socklen_t len;
    ssize_t sent;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(un.sun_path))
        return;
    strcpy(un.sun_path, path);
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@')
        un.sun_path[0] = '\0'; /* the abstract namespace */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&un, len);
    (void)sent; /* a manager that does not listen will find out by its own deadline */
    close(fd);
}

int otr_inherited_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    long count;

    if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    count = strtol(fds, NULL, 10);
    return count > 0 && count < 1024 ? (int)count : 0;
}
