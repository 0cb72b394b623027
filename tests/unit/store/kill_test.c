/*
 * kill_test.c - REMEMBER: kill -9 at any moment loses no policy, override, exception, sighting or publication that was acknowledged. A
 * child writes them in a loop and tells of each one, once the call has returned, through a pipe; it is killed after a random
 * time. Then everything that it told of must be there, whole. A few hundred times on one and the same database.
 *
 *   kill_test [rounds]
 */
#include "chains.h"
#include "store/store_publish.h"
#include "store/store_trust.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 300
#define DOMAINS 40       /* rewritten again and again, so that pages change and the log is checkpointed */
#define LONGEST_US 20000 /* of a round */
#define PATIENCE_MS 5000 /* for the first report of a child */
#define NOW 1800000000

static char folder[] = "/tmp/outrider-kill-XXXXXX";
static char path[sizeof(folder) + 20];

/* What the child reports: this serial number is on disk for this domain. */
typedef struct acknowledgement {
    int domain;
    unsigned serial;
} acknowledgement;

static _Noreturn void fail(const char *what, int domain, unsigned serial)
{
    fprintf(stderr, "kill_test: %s (domain %d, serial %u; %s)\n", what, domain, serial, path);
    exit(1);
}

/* A body whose length and text follow from the serial number: a few octets up to several pages. */
static size_t write_body(char *body, size_t size, unsigned serial)
{
    size_t len = (size_t)snprintf(body, size, "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n"
                                              "x-serial: %u\n", serial);

    for (unsigned i = 0; i < serial % 97; i++)
        len += (size_t)snprintf(body + len, size - len, "x-filler: %0100u\n", serial);
    return len;
}

static void put_serial(otr_store *store, int domain, unsigned serial)
{
    char name[40], body[16384];
    otr_sts_entry *entry;
    outrider_diag diag = { 0 };

    snprintf(name, sizeof(name), "d%d.example", domain);
    entry = otr_sts_entry_new(name);
    if (entry == NULL ||
        otr_sts_policy_parse(body, write_body(body, sizeof(body), serial), &entry->policy, NULL) != OUTRIDER_OK)
        fail("cannot make an entry", domain, serial);
    snprintf(entry->id, sizeof(entry->id), "%u", serial);
    entry->fetched_at = NOW + serial;
    entry->expires_at = entry->fetched_at + entry->policy->max_age;
    if (otr_store_put(store, entry, &diag) != OUTRIDER_OK)
        fail(diag.message, domain, serial);
    otr_sts_entry_unref(entry);
}

static otr_override make_override(const char *domain, unsigned serial)
{
    otr_override o = { .level = OTR_LEVEL_MAY, .until = NOW + serial + 1, .made_at = NOW + serial, .uid = serial };

    snprintf(o.domain, sizeof(o.domain), "%s", domain);
    snprintf(o.reason, sizeof(o.reason), "%0*u", (int)(serial % 100 + 1), serial);
    return o;
}

/* Every policy with an override of the same domain beside it, in a transaction of its own. */
static void put_override(otr_store *store, int domain, unsigned serial)
{
    char name[40];
    otr_override o;
    outrider_diag diag = { 0 };

    snprintf(name, sizeof(name), "d%d.example", domain);
    o = make_override(name, serial);
    if (otr_store_put_override(store, &o, &diag) != OUTRIDER_OK)
        fail(diag.message, domain, serial);
}

/* All of a list or nothing: two roots for the same. */
static void put_exceptions(otr_store *store, int domain, unsigned serial)
{
    const otr_cert *roots[] = { &test_chains.root_a, &test_chains.root_b };
    otr_exception list[2];
    outrider_diag diag = { 0 };

    for (int i = 0; i < 2; i++) {
        list[i] = (otr_exception){ .cert = roots[i]->cert, .until = NOW + serial + 1, .made_at = NOW + serial, .uid = serial };
        snprintf(list[i].domain, sizeof(list[i].domain), "d%d.example", domain);
        snprintf(list[i].reason, sizeof(list[i].reason), "%0*u", (int)(serial % 100 + 1), serial);
        if (!otr_cert_fingerprint(list[i].cert, list[i].root))
            fail("cannot make an exception", domain, serial);
    }
    if (otr_store_put_exceptions(store, list, 2, &diag) != OUTRIDER_OK)
        fail(diag.message, domain, serial);
}

/* Each by another chain, and by the other root, than the one before. */
static void put_sighting(otr_store *store, int domain, unsigned serial)
{
    char name[40], before[OTR_SHA256_TEXT];
    otr_sighting s;
    outrider_diag diag = { 0 };
    bool is_even = serial % 2 == 0;

    snprintf(name, sizeof(name), "d%d.example", domain);
    s = make_sighting(name, OTR_ROLE_MX, name, NOW + serial, is_even ? &test_chains.leaf : &test_chains.other_leaf,
                      is_even ? &test_chains.root_a : &test_chains.root_b);
    if (otr_store_put_sighting(store, &s, before, &diag) != OUTRIDER_OK)
        fail(diag.message, domain, serial);
    otr_sighting_clear(&s);
}

/* A policy of our own, another one each time; the version and what serves it are one. */
static otr_version make_version(char *body, size_t size, unsigned serial)
{
    otr_version v = { .mode = OTR_STS_ENFORCE, .max_age = 3600 + serial % 1000, .since = NOW + serial, .horizon = NOW + serial + 3600,
                      .body = body };

    snprintf(body, size, "version: STSv1\r\nmode: enforce\r\nmx: mx%u.example\r\nmax_age: %u\r\n", serial % 7, v.max_age);
    if (otr_publication_id(body, strlen(body), v.id) != OUTRIDER_OK)
        fail("out of memory", -1, serial);
    return v;
}

static void put_publication(otr_store *store, int domain, unsigned serial)
{
    char name[40], body[200];
    otr_version v = make_version(body, sizeof(body), serial);
    otr_publish_step step = { .domain = name, .version = &v,
                              .life = { .phase = OTR_PHASE_ENFORCE, .since = NOW + serial, .uid = serial } };
    otr_version_times times = { name, v.id, NOW + serial, NOW + serial + 7200 };
    outrider_diag diag = { 0 };

    snprintf(name, sizeof(name), "d%d.example", domain);
    memcpy(step.life.serving, v.id, sizeof(v.id));
    if (otr_store_put_steps(store, &step, 1, &diag) != OUTRIDER_OK || otr_store_put_horizons(store, &times, 1, &diag) != OUTRIDER_OK)
        fail(diag.message, domain, serial);
}

static _Noreturn void write_until_killed(int out, unsigned serial)
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };

    if (otr_store_open(path, &store, &diag) != OUTRIDER_OK)
        fail(diag.message, -1, serial);
    for (;; serial++) {
        acknowledgement told = { (int)(serial * 7 % DOMAINS), serial };

        put_serial(store, told.domain, serial);
        put_override(store, told.domain, serial);
        put_exceptions(store, told.domain, serial);
        put_sighting(store, told.domain, serial);
        put_publication(store, told.domain, serial);
        if (serial % 50 == 0 && otr_store_sweep(store, NOW - 86400, &diag) != OUTRIDER_OK)
            fail(diag.message, told.domain, serial);
        if (write(out, &told, sizeof(told)) != sizeof(told))
            exit(1);
    }
}

/* Reads what the child told before its death; a write of a few octets to a pipe is whole or absent. */
static unsigned collect(int in, unsigned latest[DOMAINS], unsigned serial)
{
    acknowledgement told;

    while (read(in, &told, sizeof(told)) == sizeof(told)) {
        latest[told.domain] = told.serial;
        serial = told.serial;
    }
    return serial;
}

static void check_entry(const otr_sts_entry *entry, int domain, unsigned told)
{
    char body[16384];
    unsigned serial = (unsigned)strtoul(entry->id, NULL, 10);
    size_t len = write_body(body, sizeof(body), serial);

    /* One more than was told may have reached the disk before its report; never one less. */
    if (serial < told)
        fail("an acknowledged policy was lost", domain, told);
    if (entry->policy == NULL || entry->policy->body_len != len || memcmp(entry->policy->body, body, len) != 0 ||
        entry->fetched_at != NOW + (otr_time)serial)
        fail("a policy is not whole", domain, serial);
}

struct override_check {
    const unsigned *latest;
    size_t seen;
};

static void check_override(void *arg, const otr_override *o)
{
    struct override_check *check = arg;
    int domain = atoi(o->domain + 1);
    otr_override want = make_override(o->domain, (unsigned)o->uid);

    if ((unsigned)o->uid < check->latest[domain])
        fail("an acknowledged override was lost", domain, check->latest[domain]);
    if (strcmp(o->reason, want.reason) != 0 || o->made_at != want.made_at || o->until != want.until)
        fail("an override is not whole", domain, (unsigned)o->uid);
    check->seen += check->latest[domain] > 0;
}

static void check_overrides(otr_store *store, const unsigned latest[DOMAINS])
{
    struct override_check check = { .latest = latest };
    outrider_diag diag = { 0 };
    size_t wanted = 0;

    for (int i = 0; i < DOMAINS; i++)
        wanted += latest[i] > 0;
    if (otr_store_each_override(store, check_override, &check, &diag) != OUTRIDER_OK)
        fail(diag.message, -1, 0);
    if (check.seen < wanted)
        fail("an acknowledged override is gone", -1, 0);
}

struct exception_check {
    const unsigned *latest;
    int64_t serials[DOMAINS]; /* of the first of the two; 0: none met */
    size_t pairs;
};

static void check_exception(void *arg, const otr_exception *e)
{
    struct exception_check *check = arg;
    int domain = atoi(e->domain + 1);

    if (e->uid < check->latest[domain])
        fail("an acknowledged exception was lost", domain, check->latest[domain]);
    if (e->made_at != NOW + e->uid || (int)strlen(e->reason) < (int)(e->uid % 100 + 1) || atoll(e->reason) != e->uid)
        fail("an exception is not whole", domain, (unsigned)e->uid);
    if (check->serials[domain] != 0 && check->serials[domain] != e->uid)
        fail("one half of a list was kept", domain, (unsigned)e->uid);
    check->pairs += check->serials[domain] != 0;
    check->serials[domain] = e->uid;
}

static bool check_sighting(void *arg, const otr_dependant *d)
{
    const unsigned *latest = arg;
    int domain = atoi(d->domain + 1);
    unsigned serial;

    if (d->sighting_count == 0) {
        if (latest[domain] > 0)
            fail("an acknowledged sighting was lost", domain, latest[domain]);
        return false;
    }
    serial = (unsigned)(d->sightings[0].seen_at - NOW);
    if (serial < latest[domain])
        fail("an acknowledged sighting was lost", domain, latest[domain]);
    if (X509_cmp(d->sightings[0].root, serial % 2 == 0 ? test_chains.root_a.cert : test_chains.root_b.cert) != 0 ||
        X509_cmp(sk_X509_value(d->sightings[0].chain, 0),
                 serial % 2 == 0 ? test_chains.leaf.cert : test_chains.other_leaf.cert) != 0)
        fail("a sighting is not whole", domain, serial);
    return false;
}

static void check_trust(otr_store *store, unsigned latest[DOMAINS])
{
    struct exception_check check = { .latest = latest };
    outrider_diag diag = { 0 };
    size_t wanted = 0;

    for (int i = 0; i < DOMAINS; i++)
        wanted += latest[i] > 0;
    if (otr_store_each_exception(store, check_exception, &check, &diag) != OUTRIDER_OK ||
        otr_store_each_dependant(store, NOW, NULL, check_sighting, latest, &diag) != OUTRIDER_OK)
        fail(diag.message, -1, 0);
    if (check.pairs < wanted)
        fail("an acknowledged exception is gone", -1, 0);
}

struct publication_check {
    const unsigned *latest;
    size_t seen;
};

static void check_publication(void *arg, const otr_published *p)
{
    struct publication_check *check = arg;
    int domain = atoi(p->domain + 1);
    unsigned serial = (unsigned)p->life.uid;
    char body[200];
    otr_version want = make_version(body, sizeof(body), serial);
    const otr_version *v = NULL;

    if (serial < check->latest[domain])
        fail("an acknowledged publication was lost", domain, check->latest[domain]);
    for (size_t i = 0; i < p->version_count; i++)
        if (strcmp(p->versions[i].id, p->life.serving) == 0)
            v = &p->versions[i];
    if (v == NULL || strcmp(v->id, want.id) != 0 || strcmp(v->body, body) != 0 || p->life.since != NOW + serial)
        fail("a publication is not whole", domain, serial);
    /* The step alone may have reached the disk last, and its horizon with it. */
    if (v->horizon < want.horizon || (serial == check->latest[domain] && v->horizon != NOW + (otr_time)serial + 7200))
        fail("an acknowledged horizon was lost", domain, serial);
    check->seen += check->latest[domain] > 0;
}

static void check_publications(otr_store *store, const unsigned latest[DOMAINS])
{
    struct publication_check check = { .latest = latest };
    outrider_diag diag = { 0 };
    size_t wanted = 0;

    for (int i = 0; i < DOMAINS; i++)
        wanted += latest[i] > 0;
    if (otr_store_each_published(store, check_publication, &check, &diag) != OUTRIDER_OK)
        fail(diag.message, -1, 0);
    if (check.seen < wanted)
        fail("an acknowledged publication is gone", -1, 0);
}

static unsigned check_all(unsigned latest[DOMAINS])
{
    otr_store *store = NULL;
    outrider_diag diag = { 0 };
    unsigned highest = 0;

    if (otr_store_open(path, &store, &diag) != OUTRIDER_OK)
        fail(diag.message, -1, 0);
    for (int i = 0; i < DOMAINS; i++) {
        otr_sts_entry *entry = NULL;
        char name[40];

        snprintf(name, sizeof(name), "d%d.example", i);
        if (otr_store_get(store, name, &entry, &diag) != OUTRIDER_OK)
            fail(diag.message, i, latest[i]);
        if (entry == NULL && latest[i] != 0)
            fail("an acknowledged policy is gone", i, latest[i]);
        if (entry != NULL) {
            unsigned serial = (unsigned)strtoul(entry->id, NULL, 10);

            check_entry(entry, i, latest[i]);
            highest = serial > highest ? serial : highest;
        }
        otr_sts_entry_unref(entry);
    }
    check_overrides(store, latest);
    check_trust(store, latest);
    check_publications(store, latest);
    otr_store_close(store);
    return highest;
}

/*
 * Most children are killed some time after their first report, however slow the machine or the sanitizer makes the
 * start; every fourth at any moment, while it opens the database as well.
 */
static unsigned play_round(unsigned latest[DOMAINS], unsigned serial, bool is_at_start)
{
    struct timespec span = { .tv_nsec = rand() % LONGEST_US * 1000L };
    int ends[2];
    int status = 0;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        fail(strerror(errno), -1, serial);
    if (child == 0) {
        close(ends[0]);
        write_until_killed(ends[1], serial + 1);
    }
    close(ends[1]);
    if (!is_at_start)
        poll(&(struct pollfd){ .fd = ends[0], .events = POLLIN }, 1, PATIENCE_MS);
    nanosleep(&span, NULL);
    kill(child, SIGKILL);
    serial = collect(ends[0], latest, serial);
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
        fail("the child ended by itself", -1, serial);
    return serial;
}

/* Also what a child leaves that was killed while it made the database. */
static void clean_up(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char name[sizeof(folder) + sizeof(entry->d_name) + 1];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
    unsigned latest[DOMAINS] = { 0 };
    unsigned seed = (unsigned)time(NULL);
    unsigned serial = 0;
    unsigned total = 0;

    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    snprintf(path, sizeof(path), "%s/outrider.db", folder);
    srand(seed);
    make_chains();
    for (int round = 0; round < rounds; round++) {
        unsigned before = serial;

        serial = play_round(latest, serial, round % 4 == 0);
        total += serial - before;
        /* Every few rounds without a look in between: then the next child recovers what this one left. */
        if (round % 3 != 0 || round == rounds - 1) {
            unsigned highest = check_all(latest);

            serial = highest > serial ? highest : serial;
        }
    }
    printf("%d kills (seed %u), %u acknowledged writes, none lost\n", rounds, seed, total);
    clean_up();
    clear_chains();
    if (total < (unsigned)rounds / 4) {
        fprintf(stderr, "kill_test: hardly anything was written, so nothing was tested\n");
        return 1;
    }
    return 0;
}
