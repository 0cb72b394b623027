/*
 * hook_run.c - see hook_run.h. The input lies in a file without a name, so that a program that reads nothing blocks nobody.
 */
#include "cli/hook_run.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 16
#define STEP_MS 50
#define READ_OCTETS 4096
#define PIPE_OCTETS 65536 /* as much as a pipe holds (pipe(7)) */

static int make_input(const char *input, size_t len)
{
    int fd = memfd_create("hook", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, input, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* In the child, where nothing may allocate. dup2() leaves copies that stay open. */
_Noreturn static void become(const char *program, char *const *environment, int in, int out)
{
    char *const arguments[] = { (char *)(uintptr_t)program, NULL };
    struct sigaction standard = { .sa_handler = SIG_DFL };

    setpgid(0, 0);
    sigaction(SIGPIPE, &standard, NULL);
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2) {
        close_range(3, ~0U, 0);
        execve(program, arguments, environment);
    }
    _exit(127);
}

/* Read what there is; false at the end. */
static bool drain(int fd, otr_buf *output)
{
    char octets[READ_OCTETS];
    ssize_t got = read(fd, octets, sizeof(octets));

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got > 0 && output->len < OTR_HOOK_OUTPUT_MAX)
        otr_buf_put(output, octets, (size_t)got);
    return got > 0;
}

/* What the program has written and nobody has read. Not more than that: what it has left running may write for ever. */
static void drain_rest(int fd, otr_buf *output)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };

    for (int i = 0; i <= PIPE_OCTETS / READ_OCTETS && poll(&poller, 1, 0) > 0 && drain(fd, output); i++)
        ;
}

/*
 * Until the program itself has ended; what it leaves running in the background may go on, unheard. One read, and then the clock: a program may
 * write faster than it is read.
 */
static bool wait_for(pid_t pid, int fd, int64_t deadline, otr_buf *output, int *status)
{
    bool is_open = true;

    for (;;) {
        struct pollfd poller = { .fd = is_open ? fd : -1, .events = POLLIN };

        poll(&poller, 1, STEP_MS);
        if (is_open && poller.revents != 0)
            is_open = drain(fd, output);
        if (waitpid(pid, status, WNOHANG) == pid) {
            if (is_open)
                drain_rest(fd, output);
            return true;
        }
        if (otr_monotonic_ms() >= deadline)
            return false;
    }
}

static bool judge(int status, const char *program, char why[128])
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && access(program, X_OK) != 0)
        snprintf(why, 128, "cannot be run: %s", strerror(errno));
    else if (WIFEXITED(status))
        snprintf(why, 128, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(why, 128, "killed by signal %d", WTERMSIG(status));
    return false;
}

static bool run(const char *program, char *const *environment, int in, unsigned timeout_s, otr_buf *output, char why[128])
{
    int ends[2], status = 0;
    pid_t pid;
    bool has_ended;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(why, 128, "%s", strerror(errno));
        return false;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid = fork();
    if (pid == 0)
        become(program, environment, in, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        snprintf(why, 128, "%s", strerror(errno));
        close(ends[0]);
        return false;
    }
    setpgid(pid, pid); /* whichever of the two comes first */
    has_ended = wait_for(pid, ends[0], otr_monotonic_ms() + (int64_t)timeout_s * 1000, output, &status);
    if (!has_ended) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        snprintf(why, 128, "no end within %u s", timeout_s);
    }
    close(ends[0]);
    return has_ended && judge(status, program, why);
}

bool otr_hook_run(const char *program, const char *const *variables, const char *input, size_t len, unsigned timeout_s, otr_buf *output,
                  char why[128])
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LANG=C.UTF-8";
    char *environment[ENVIRONMENT_MAX] = { path, language };
    size_t count = 2;
    int in = make_input(input, len);
    bool is_done;

    for (; variables != NULL && *variables != NULL && count < ENVIRONMENT_MAX - 1; variables++)
        environment[count++] = (char *)(uintptr_t)*variables;
    if (in < 0) {
        snprintf(why, 128, "%s", strerror(errno));
        return false;
    }
    fflush(NULL);
    is_done = run(program, environment, in, timeout_s, output, why);
    close(in);
    return is_done;
}
