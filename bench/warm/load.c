/*
 * load.c - asks servers over the socketmap or the line protocol, and tells how fast and how evenly they answer.
 *
 *   bench_load -p socketmap|line -t NAME=ADDRESS[,PID]... [-c CONNECTIONS] [-b BATCH] [-r RATE] [-s SECONDS] [-R ROUNDS]
 *              [-n COUNT | -f FILE] [-z EXPONENT] [-m MAP] [-F]
 *
 * With several targets each has its turn for SECONDS, ROUNDS times over: what else the machine does meets all of them, and
 * ratios are those of neighbours. The result is one JSON object on standard output.
 *
 *   closed loop   (no -r) each connection asks BATCH questions in one write, and the next when all are answered
 *   open loop     (-r) questions come RATE times a second whether or not the server has answered those before, and a time is
 *                 counted from when its question was due. So a server that stalls for a second has a thousand late answers
 *                 and not one (coordinated omission)
 *   -F            asks each key once, in their order, and says how long it took: fills a cache
 *
 * A line connection is good for one question, as Exim asks: its time has the connecting in it. One thread, epoll.
 */
#include "address.h"
#include "histogram.h"
#include "keys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGETS_MAX 4
#define ROUNDS_MAX 200
#define WAITING_MAX 1024 /* questions of one connection, a power of two */
#define OUT_SIZE 65536
#define IN_SIZE 65536
#define EVENTS 512
#define DRAIN_NS 5000000000
#define SECOND 1000000000

typedef struct target {
    const char *name, *address;
    clockid_t cpu;
    bool has_cpu;
    struct connection *connections; /* owned */
    histogram times;
    uint64_t answered, bad, lost;
    double rate[ROUNDS_MAX];        /* of each round */
    double p99[ROUNDS_MAX];
    int64_t cpu_ns;
    uint64_t octets;
} target;

typedef struct connection {
    int fd;
    bool is_out;                    /* a write waits for room */
    int64_t due[WAITING_MAX];       /* of the questions without an answer, oldest at `first` */
    unsigned first, waiting;
    size_t left;                    /* of the answer that is arriving: octets still to come */
    size_t number;
    bool is_begun;                  /* its first octet was looked at */
    char out[OUT_SIZE];
    size_t out_len;
} connection;

static struct {
    bool is_line, is_fill;
    const char *map, *file;
    unsigned connections, batch, rounds;
    double rate, seconds, exponent;
    size_t count;
} want = { .map = "QUERY", .connections = 8, .batch = 1, .rounds = 5, .seconds = 1, .count = 1000 };

static target targets[TARGETS_MAX];
static unsigned target_count;
static keys domains;
static int epoll;
static target *at;                  /* whose turn it is */
static histogram round_times;
static bool is_over;                /* nothing more is asked */
static size_t next_key;             /* of a filling */

static int64_t now_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(71);
}

/* Connections ---------------------------------------------------------------------------------------------------- */

static void watch(connection *c, int how, bool wants_out)
{
    struct epoll_event event = { .events = EPOLLIN | (wants_out ? EPOLLOUT : 0u), .data.ptr = c };

    c->is_out = wants_out;
    if (epoll_ctl(epoll, how, c->fd, &event) != 0)
        die("epoll_ctl");
}

/* False: the server's queue is full for the moment. */
static bool open_connection(connection *c)
{
    c->fd = address_connect(at->address);
    if (c->fd < 0 && errno == EAGAIN)
        return false;
    if (c->fd < 0)
        die(at->address);
    c->left = c->number = c->out_len = 0;
    c->is_begun = false;
    watch(c, EPOLL_CTL_ADD, false);
    return true;
}

static void flush(connection *c)
{
    ssize_t sent = c->out_len > 0 ? send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) : 0;

    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN && errno != EINPROGRESS)
        die("send");
    if (sent > 0) {
        c->out_len -= (size_t)sent;
        memmove(c->out, c->out + sent, c->out_len);
    }
    if ((c->out_len > 0) != c->is_out)
        watch(c, EPOLL_CTL_MOD, c->out_len > 0);
}

static size_t pick(void)
{
    return want.is_fill ? next_key++ : keys_draw(&domains);
}

/* Behind what is to be sent on this connection. */
static void put_question(connection *c, int64_t due)
{
    char made[KEY_SIZE], text[KEY_SIZE + 64];
    const char *name = keys_name(&domains, pick(), made);
    int len;

    if (c->waiting == WAITING_MAX || c->out_len + sizeof(text) + 8 > OUT_SIZE) {
        at->lost++;
        return;
    }
    if (want.is_line)
        len = snprintf(text, sizeof(text), "v1 policy domain=%s\n", name);
    else
        len = snprintf(text, sizeof(text), "%zu:%s %s,", strlen(want.map) + 1 + strlen(name), want.map, name);
    memcpy(c->out + c->out_len, text, (size_t)len);
    c->out_len += (size_t)len;
    c->due[(c->first + c->waiting++) % WAITING_MAX] = due;
}

static bool has_more(void)
{
    return !is_over && (!want.is_fill || next_key < domains.count);
}

static void put_batch(connection *c)
{
    int64_t now = now_ns(CLOCK_MONOTONIC);

    for (unsigned i = 0; i < want.batch && has_more(); i++)
        put_question(c, now);
    flush(c);
}

/* Line connections of an open loop: what is due waits here for one that is free. */
static int64_t queue[1 << 16];
static unsigned queue_first, queue_len;
static connection *idle[65536];
static unsigned idle_count;

static void ask_by_line(connection *c, int64_t due)
{
    if (!open_connection(c)) {
        idle[idle_count++] = c;
        return;
    }
    put_question(c, due);
    flush(c);
}

static void serve_queue(void)
{
    while (queue_len > 0 && idle_count > 0) {
        unsigned before = idle_count;

        ask_by_line(idle[--idle_count], queue[queue_first % (1 << 16)]);
        if (idle_count == before)
            return; /* try again at the next turn */
        queue_first++;
        queue_len--;
    }
}

static void finish_line(connection *c)
{
    close(c->fd);
    c->fd = -1;
    if (want.rate > 0 || !has_more())
        idle[idle_count++] = c;
    else
        ask_by_line(c, now_ns(CLOCK_MONOTONIC));
}

/* Answers -------------------------------------------------------------------------------------------------------- */

static void count_answer(connection *c, int64_t now)
{
    histogram_add(&round_times, now - c->due[c->first++ % WAITING_MAX]);
    c->waiting--;
    at->answered++;
}

static void judge(connection *c, const char *text, size_t len)
{
    at->bad += len >= 4 && memcmp(text, "TEMP", 4) == 0;
    c->is_begun = true;
}

static void take_netstrings(connection *c, const char *in, size_t len, int64_t now)
{
    size_t i = 0;

    while (i < len) {
        size_t part;

        if (c->left == 0 && in[i] != ':') {
            c->number = c->number * 10 + (size_t)(in[i++] - '0');
            continue;
        }
        if (c->left == 0) {
            c->left = c->number + 1;
            c->number = 0;
            c->is_begun = false;
            i++;
            continue;
        }
        if (!c->is_begun)
            judge(c, in + i, len - i);
        part = len - i < c->left ? len - i : c->left;
        c->left -= part;
        i += part;
        if (c->left == 0)
            count_answer(c, now);
    }
}

static void on_readable(connection *c)
{
    static char in[IN_SIZE];
    ssize_t got = recv(c->fd, in, sizeof(in), 0);
    int64_t now = now_ns(CLOCK_MONOTONIC);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got > 0)
        at->octets += (uint64_t)got;
    if (want.is_line) {
        if (got > 0) {
            c->is_begun = true;
            return;
        }
        at->bad += !c->is_begun;
        count_answer(c, now);
        finish_line(c);
        return;
    }
    if (got <= 0)
        die("a connection was closed");
    take_netstrings(c, in, (size_t)got, now);
    if (want.rate <= 0 && c->waiting == 0 && has_more())
        put_batch(c);
}

/* A turn --------------------------------------------------------------------------------------------------------- */

static void ask_what_is_due(int64_t begin, int64_t now, uint64_t *asked)
{
    uint64_t due = (uint64_t)((double)(now - begin) / SECOND * want.rate) + 1; /* the first at once */

    for (; *asked < due; ++*asked) {
        int64_t when = begin + (int64_t)((double)*asked / want.rate * SECOND);
        connection *c = &at->connections[*asked % want.connections];

        if (!want.is_line) {
            put_question(c, when);
            flush(c);
        } else if (queue_len < 1 << 16) {
            queue[(queue_first + queue_len++) % (1 << 16)] = when;
        } else {
            at->lost++;
        }
    }
    serve_queue();
}

static uint64_t waiting(void)
{
    uint64_t sum = queue_len;

    for (unsigned i = 0; i < want.connections; i++)
        sum += at->connections[i].waiting;
    return sum;
}

static void wait_for_events(int64_t until)
{
    struct epoll_event events[EVENTS];
    int64_t left = until - now_ns(CLOCK_MONOTONIC);
    struct timespec ts = { 0 };
    int count;

    if (left > 0)
        ts = (struct timespec){ left / SECOND, left % SECOND };
    count = epoll_pwait2(epoll, events, EVENTS, &ts, NULL);
    for (int i = 0; i < count; i++) {
        connection *c = events[i].data.ptr;

        if (events[i].events & EPOLLOUT)
            flush(c);
        if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(c);
    }
}

static void begin_closed(void)
{
    for (unsigned i = 0; i < want.connections; i++) {
        connection *c = &at->connections[i];

        if (!want.is_line)
            put_batch(c);
        else if (idle_count > 0)
            ask_by_line(idle[--idle_count], now_ns(CLOCK_MONOTONIC));
    }
}

/* What has not come is counted as late as it is now, or a stall at the end of a turn would be none. */
static void drain(void)
{
    int64_t until = now_ns(CLOCK_MONOTONIC) + DRAIN_NS;

    is_over = true;
    while (waiting() > 0 && now_ns(CLOCK_MONOTONIC) < until) {
        serve_queue();
        wait_for_events(now_ns(CLOCK_MONOTONIC) + 1000000);
    }
    if (waiting() > 0) {
        fprintf(stderr, "bench_load: %s: questions without an answer\n", at->name);
        exit(75);
    }
}

static void take_turn(unsigned round)
{
    int64_t begin = now_ns(CLOCK_MONOTONIC), end = begin + (int64_t)(want.seconds * SECOND), over;
    int64_t cpu = at->has_cpu ? now_ns(at->cpu) : 0;
    uint64_t before = at->answered, asked = 0, counted;

    memset(&round_times, 0, sizeof(round_times));
    is_over = false;
    idle_count = queue_len = queue_first = 0;
    for (unsigned i = 0; want.is_line && i < want.connections; i++)
        idle[idle_count++] = &at->connections[i];
    if (want.rate <= 0)
        begin_closed();
    for (int64_t now = begin; want.is_fill ? next_key < domains.count || waiting() > 0 : now < end;
         now = now_ns(CLOCK_MONOTONIC)) {
        if (want.rate > 0)
            ask_what_is_due(begin, now, &asked);
        else if (want.is_line && idle_count > 0 && has_more())
            ask_by_line(idle[--idle_count], now);
        wait_for_events(want.rate > 0 ? begin + (int64_t)((double)asked / want.rate * SECOND) : now + 10000000);
    }
    over = now_ns(CLOCK_MONOTONIC);
    counted = at->answered - before;
    drain();
    if (at->has_cpu)
        at->cpu_ns += now_ns(at->cpu) - cpu;
    at->rate[round] = (double)counted * SECOND / (double)(over - begin);
    at->p99[round] = (double)histogram_quantile(&round_times, 0.99);
    histogram_merge(&at->times, &round_times);
}

/* Beginning and end ---------------------------------------------------------------------------------------------- */

static void connect_all(void)
{
    at->connections = calloc(want.connections, sizeof(connection));
    if (at->connections == NULL)
        die("memory");
    for (unsigned i = 0; i < want.connections; i++) {
        at->connections[i].fd = -1;
        while (!want.is_line && !open_connection(&at->connections[i]))
            usleep(1000);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const double *values, unsigned count)
{
    double sorted[ROUNDS_MAX];

    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void print_list(const char *key, const double *values, unsigned count)
{
    printf("\"%s\":[", key);
    for (unsigned i = 0; i < count; i++)
        printf("%s%.0f", i > 0 ? "," : "", values[i]);
    printf("],");
}

static void print_target(const target *t, unsigned rounds)
{
    printf("{\"name\":\"%s\",\"rps\":%.0f,", t->name, median(t->rate, rounds));
    print_list("rps_rounds", t->rate, rounds);
    print_list("p99_ns_rounds", t->p99, rounds);
    printf("\"p50_ns\":%lld,\"p99_ns\":%lld,\"p999_ns\":%lld,\"max_ns\":%lld,", (long long)histogram_quantile(&t->times, 0.5),
           (long long)histogram_quantile(&t->times, 0.99), (long long)histogram_quantile(&t->times, 0.999),
           (long long)t->times.most);
    if (t->has_cpu && t->answered > 0)
        printf("\"cpu_ns\":%.0f,", (double)t->cpu_ns / (double)t->answered);
    printf("\"answered\":%llu,\"octets\":%.0f,\"bad\":%llu,\"lost\":%llu}", (unsigned long long)t->answered,
           t->answered > 0 ? (double)t->octets / (double)t->answered : 0, (unsigned long long)t->bad,
           (unsigned long long)t->lost);
}

static void add_target(char *text)
{
    char *equals = strchr(text, '='), *comma = equals != NULL ? strchr(equals, ',') : NULL;
    target *t = &targets[target_count++];

    if (equals == NULL || target_count == TARGETS_MAX)
        exit(64);
    *equals = '\0';
    t->name = text;
    t->address = equals + 1;
    if (comma == NULL)
        return;
    *comma = '\0';
    t->has_cpu = clock_getcpuclockid(atoi(comma + 1), &t->cpu) == 0;
}

static void read_options(int argc, char **argv)
{
    static const char usage[] = "usage: bench_load -p socketmap|line -t NAME=ADDRESS[,PID]... [-c CONNECTIONS] [-b BATCH]\n"
                                "  [-r RATE] [-s SECONDS] [-R ROUNDS] [-n COUNT | -f FILE] [-z EXPONENT] [-m MAP] [-F]\n";
    int option;

    while ((option = getopt(argc, argv, "p:t:c:b:r:s:R:n:f:z:m:F")) != -1) {
        switch (option) {
        case 'p': want.is_line = strcmp(optarg, "line") == 0; break;
        case 't': add_target(optarg); break;
        case 'c': want.connections = (unsigned)atoi(optarg); break;
        case 'b': want.batch = (unsigned)atoi(optarg); break;
        case 'r': want.rate = atof(optarg); break;
        case 's': want.seconds = atof(optarg); break;
        case 'R': want.rounds = (unsigned)atoi(optarg); break;
        case 'n': want.count = (size_t)atoll(optarg); break;
        case 'f': want.file = optarg; break;
        case 'z': want.exponent = atof(optarg); break;
        case 'm': want.map = optarg; break;
        case 'F': want.is_fill = true; break;
        default: fputs(usage, stderr); exit(64);
        }
    }
    if (want.is_fill)
        want.rounds = 1;
    if (target_count == 0 || want.connections == 0 || want.connections > 65536 || want.batch == 0 ||
        want.batch > WAITING_MAX || want.rounds == 0 || want.rounds > ROUNDS_MAX || want.count == 0) {
        fputs(usage, stderr);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (keys_init(&domains, want.file, want.count, want.exponent, 1) != 0)
        die(want.file);
    for (unsigned i = 0; i < target_count; i++) {
        at = &targets[i];
        connect_all();
    }
    for (unsigned round = 0; round < want.rounds; round++) {
        for (unsigned i = 0; i < target_count; i++) {
            at = &targets[(i + round) % target_count]; /* nobody is always first */
            take_turn(round);
        }
    }
    printf("{\"connections\":%u,\"batch\":%u,\"rate\":%.0f,\"keys\":%zu,\"exponent\":%.2f,\"targets\":[", want.connections,
           want.batch, want.rate, domains.count, want.exponent);
    for (unsigned i = 0; i < target_count; i++) {
        printf("%s", i > 0 ? "," : "");
        print_target(&targets[i], want.rounds);
        free(targets[i].connections);
    }
    puts("]}");
    keys_clear(&domains);
    return 0;
}
