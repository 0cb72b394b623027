/*
 * log.c - taking an event to its sink, without ever waiting for it.
 *
 * syslog(3) and sd_journal_sendv(3) send on blocking sockets: a syslog daemon or journal that hangs would stop every
 * thread that has something to log, and with them the mail. So the datagrams are made here (log_format.c) and sent
 * with MSG_DONTWAIT. Each is addressed anew, so that a logging daemon that was restarted is found again.
 */
#include "base/log.h"
#include "base/log_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSLOG_SOCKET "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

const char *const otr_log_sink_names[] = { "auto", "stderr", "syslog", "journal", NULL };

static struct {
    otr_log_sink to; /* never AUTO */
    otr_log_level most;
    const char *program;
    int fd; /* owned; of syslog and journal; -1: none could be had, every line is lost */
    _Atomic unsigned long lost;       /* since the start */
    _Atomic unsigned long unreported; /* since the last line that was taken */
} sink = { .to = OTR_LOG_STDERR, .most = OTR_LOG_NOTICE, .program = "outrider", .fd = -1 };

/* systemd.exec(5): JOURNAL_STREAM is "DEVICE:INODE" of the socket that a service has got for its output. */
static bool is_stderr_the_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;
    char rest;

    return stream != NULL && sscanf(stream, "%ju:%ju%c", &device, &inode, &rest) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

/* Not one of the first three descriptors, even where they are closed: going to the background replaces those. */
static int open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), high;

    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return high;
}

void otr_log_open(const char *program, otr_log_sink to, bool is_foreground, otr_log_level most)
{
    if (to == OTR_LOG_AUTO)
        to = is_stderr_the_journal() ? OTR_LOG_JOURNAL : is_foreground ? OTR_LOG_STDERR : OTR_LOG_SYSLOG;
    if (sink.fd >= 0)
        close(sink.fd);
    sink.fd = to == OTR_LOG_STDERR ? -1 : open_socket();
    sink.to = to;
    sink.most = most;
    sink.program = program;
}

static bool send_to(const char *path, const otr_buf *datagram)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    strcpy(un.sun_path, path);
    return sink.fd >= 0 && sendto(sink.fd, datagram->data, datagram->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                                  (struct sockaddr *)&un, sizeof(un)) == (ssize_t)datagram->len;
}

/*
 * One write per line keeps lines of several threads apart. What standard error is, others decide, and O_NONBLOCK would
 * be theirs as well. A socket can be asked not to wait; a pipe that is writable has room for a page, and a line is less
 * than that: only one thread at a time may rely on it.
 */
static bool write_stderr(const char *line, size_t len)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
    ssize_t written = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (written < 0 && errno == ENOTSOCK) {
        pthread_mutex_lock(&turn);
        if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0)
            written = write(STDERR_FILENO, line, len);
        pthread_mutex_unlock(&turn);
    }
    return written == (ssize_t)len;
}

static bool deliver(otr_log_level level, const char *event, const otr_log_field *fields)
{
    otr_log_origin origin = { .program = sink.program, .pid = (long)getpid(), .now = time(NULL) };
    otr_buf line = OTR_BUF_INIT, datagram = OTR_BUF_INIT;
    bool is_taken = false;

    switch (sink.to) {
    case OTR_LOG_AUTO:
    case OTR_LOG_STDERR:
        otr_log_put_line(&line, level, event, fields);
        otr_buf_putc(&line, '\n');
        is_taken = line.err == OUTRIDER_OK && write_stderr(line.data, line.len);
        break;
    case OTR_LOG_SYSLOG:
        otr_log_put_line(&line, level, event, fields);
        otr_log_put_syslog(&datagram, &origin, level, otr_buf_text(&line));
        is_taken = line.err == OUTRIDER_OK && datagram.err == OUTRIDER_OK && send_to(SYSLOG_SOCKET, &datagram);
        break;
    case OTR_LOG_JOURNAL:
        otr_log_put_journal(&datagram, &origin, level, event, fields);
        is_taken = datagram.err == OUTRIDER_OK && send_to(JOURNAL_SOCKET, &datagram);
        break;
    }
    otr_buf_clear(&line);
    otr_buf_clear(&datagram);
    return is_taken;
}

/* The sink takes lines again: how many it has missed. */
static void report_lost(void)
{
    unsigned long missed = atomic_exchange(&sink.unreported, 0);
    char number[24];

    if (missed == 0)
        return;
    snprintf(number, sizeof(number), "%lu", missed);
    if (!deliver(OTR_LOG_WARNING, "log.lost",
                 (const otr_log_field[]){ { "lines", number },
                                          { "reason", "the log did not take them; mail does not wait for it" },
                                          { NULL, NULL } }))
        atomic_fetch_add(&sink.unreported, missed);
}

void otr_log_event(otr_log_level level, const char *event, const otr_log_field *fields)
{
    if (level > sink.most)
        return;
    if (deliver(level, event, fields)) {
        report_lost();
    } else {
        atomic_fetch_add(&sink.lost, 1);
        atomic_fetch_add(&sink.unreported, 1);
    }
}

bool otr_log_is_on(otr_log_level level)
{
    return level <= sink.most;
}

unsigned long otr_log_lost(void)
{
    return atomic_load_explicit(&sink.lost, memory_order_relaxed);
}
