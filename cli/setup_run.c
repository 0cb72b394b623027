/*
 * setup_run.c - fork, exec, poll, wait.
 */
#include "cli/setup_run.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/usr/exim/bin"
#define EXEC_FAILED 127
#define FDS_MAX 2

/* False at the end of file. What is beyond the limit is read and dropped: a full pipe would stop the writer. */
static bool read_some(int fd, otr_buf *out)
{
    char chunk[8192];
    ssize_t got = read(fd, chunk, sizeof(chunk));

    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    otr_buf_put(out, chunk, (size_t)got);
    return got > 0;
}

/* True when all have ended, false when time is up. */
static bool read_all(const int *fds, otr_buf *const *outs, size_t count, int64_t deadline)
{
    struct pollfd polled[FDS_MAX];
    size_t open = count;

    for (size_t i = 0; i < count; i++)
        polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
    while (open > 0) {
        int64_t left = deadline - otr_monotonic_ms();

        if (left <= 0)
            return false;
        if (poll(polled, count, (int)left) <= 0)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (polled[i].fd >= 0 && polled[i].revents != 0 && !read_some(polled[i].fd, outs[i])) {
                polled[i].fd = -1;
                open--;
            }
        }
    }
    return true;
}

/* It has closed its output, so it is about to end; one that goes on all the same is not waited for. */
static int await(int pid, int64_t deadline)
{
    int status;
    struct timespec pause = { .tv_nsec = 2000000 };

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (otr_monotonic_ms() > deadline)
            return -1;
        nanosleep(&pause, NULL);
    }
    return status;
}

int otr_gather(int pid, const int *fds, otr_buf *const *outs, size_t count, unsigned timeout)
{
    int64_t deadline = otr_monotonic_ms() + (int64_t)timeout * 1000;
    int status = read_all(fds, outs, count, deadline) ? await(pid, deadline) : -1;

    if (status == -1) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL); /* if it had no time to make its group */
        waitpid(pid, NULL, 0);
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return status;
}

static _Noreturn void become(const char *const *argv, int out, int errors)
{
    static const char *const environment[] = { PATH, "LC_ALL=C", "TZ=UTC", NULL };
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    putenv((char *)(uintptr_t)PATH); /* where execvpe() looks */
    if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(errors, 2) >= 0 && chdir("/") == 0)
        execvpe(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
    _exit(errno == ENOENT ? EXEC_FAILED : EXEC_FAILED - 1);
}

static void close_pair(const int *pair)
{
    if (pair[0] >= 0)
        close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
}

static void judge(otr_ran *ran, int status)
{
    if (status == -1) {
        ran->how = OTR_RAN_TOO_LONG;
    } else if (!WIFEXITED(status)) {
        ran->how = OTR_RAN_FAILED;
    } else {
        ran->status = WEXITSTATUS(status);
        ran->how = ran->status == EXEC_FAILED       ? OTR_RAN_NOT_FOUND
                   : ran->status == EXEC_FAILED - 1 ? OTR_RAN_FAILED
                                                    : OTR_RAN;
    }
}

void otr_run(const char *const *argv, otr_ran *ran)
{
    int out[2] = { -1, -1 }, errors[2] = { -1, -1 };
    otr_buf *const outs[] = { &ran->out, &ran->errors };
    int pid;

    *ran = (otr_ran){ .how = OTR_RAN_FAILED, .out.limit = OTR_RUN_OUTPUT_LIMIT, .errors.limit = OTR_RUN_OUTPUT_LIMIT };
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        close_pair(out);
        close_pair(errors);
        return;
    }
    if (pid == 0)
        become(argv, out[1], errors[1]);
    close(out[1]);
    close(errors[1]);
    judge(ran, otr_gather(pid, (const int[]){ out[0], errors[0] }, outs, 2, OTR_RUN_TIMEOUT));
}

void otr_ran_clear(otr_ran *ran)
{
    otr_buf_clear(&ran->out);
    otr_buf_clear(&ran->errors);
}

bool otr_ran_well(const otr_ran *ran)
{
    return ran->how == OTR_RAN && ran->status == 0 && ran->out.err == OUTRIDER_OK;
}

/* The last line that is not empty. */
static otr_slice last_line(const char *text)
{
    size_t end = strlen(text), begin;

    while (end > 0 && strchr("\r\n \t", text[end - 1]) != NULL)
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n'; begin--)
        ;
    return (otr_slice){ text + begin, end - begin };
}

void otr_ran_complaint(const otr_ran *ran, otr_buf *out)
{
    otr_slice line = last_line(otr_buf_text(&ran->errors));
    char text[400];

    if (line.len == 0)
        line = last_line(otr_buf_text(&ran->out));
    snprintf(text, sizeof(text), "%.*s", (int)line.len, line.ptr);
    switch (ran->how) {
    case OTR_RAN_NOT_FOUND: otr_buf_puts(out, "no such program"); break;
    case OTR_RAN_TOO_LONG: otr_buf_printf(out, "did not end within %d s", OTR_RUN_TIMEOUT); break;
    case OTR_RAN_FAILED: otr_buf_puts(out, "cannot be run, or was killed"); break;
    case OTR_RAN:
        if (line.len > 0)
            otr_buf_put_printable(out, text, sizeof(text));
        else
            otr_buf_printf(out, "exit status %d and not a word", ran->status);
        break;
    }
}
