/*
 * inside.h - what the files of the publisher share. All of it belongs to the publisher's thread.
 */
#ifndef OTR_DAEMON_PUBLISH_INSIDE_H
#define OTR_DAEMON_PUBLISH_INSIDE_H

#include "daemon/publish/acme.h"
#include "daemon/publish/certificate.h"
#include "daemon/publish/publisher.h"

#include <pthread.h>

struct event;
struct event_base;
struct json_t;

#define OTR_PUBLISH_TICK_S 5        /* a look at files; a horizon that comes near */
#define OTR_PUBLISH_BEAT_S 60       /* what was handed out is written, and what time has brought is done */
#define OTR_PUBLISH_WARN_DAYS 7     /* before a certificate expires; its client should have renewed it long since */

/* One text of a domain, with what the store has of its times. Lives as long as the publisher: sites name its body and its times. */
typedef struct otr_edition {
    otr_version v;            /* its body is owned */
    char *body;               /* that body */
    otr_time owed;            /* may have been handed out until then by a run that ended badly; 0: none did */
    otr_served served;
    bool is_stored;           /* the store has it */
    struct otr_edition *next;
} otr_edition;

/* Two files that belong together, however many domains name them. */
typedef struct otr_pair {
    const char *certificate_path, *key_path; /* borrowed */
    otr_certificate_mark loaded_at, seen;
    otr_certificate *certificate;            /* owned reference; the last that could be read. NULL: none yet */
    char error[sizeof(((outrider_diag *)0)->message)]; /* why the files are not what is used; "" they are */
} otr_pair;

typedef struct otr_own_domain {
    char *domain, *host;          /* owned; host "": its name would be too long */
    const otr_publish_conf *conf; /* borrowed; NULL: it is not in the configuration any more */
    otr_lifecycle life;
    bool has_life;                /* false: the store does not know it */
    otr_edition *editions;        /* owned */
    otr_edition *serving;         /* one of them; NULL: none */
    otr_holding held;
    char fault[sizeof(((outrider_diag *)0)->message)]; /* why what is configured cannot be served; "" it can */
    otr_pair *pair;               /* NULL: no certificate is configured */
    otr_certificate *certificate; /* owned reference; the last one that fitted. NULL: none */
    char certificate_error[sizeof(((outrider_diag *)0)->message)];
} otr_own_domain;

typedef struct otr_publisher_counts {
    _Atomic uint64_t domains[OTR_PHASE_RETIRED + 1], withheld, abandoned, lapsed, exit, certificate_expiry, certificates_failed;
} otr_publisher_counts;

struct otr_publisher {
    const otr_conf *conf;      /* borrowed */
    otr_store *store;          /* borrowed */
    otr_clock *clock;          /* borrowed */
    otr_own_domain *domains;   /* owned; by name */
    size_t domain_count;
    otr_pair *pairs;           /* owned */
    size_t pair_count;
    otr_tally *tally;          /* owned; what is not written yet */
    otr_snapshot site;
    otr_arena *tokens_arena;   /* owned */
    otr_acme_tokens tokens;
    int acme_fd;               /* owned; -1: not watched */
    bool is_acme_failing;
    bool is_site_old;          /* there was no memory for the one that should be shown */
    bool is_behind;            /* the store did not take what the configuration wants; it is tried again */
    bool is_failing;           /* the last write failed: told of once */
    otr_time beat_at;          /* the next */
    otr_time told_at;          /* when abandoned domains and certificates that expire were last told of */
    pthread_t thread;
    bool is_running, has_box;
    struct event_base *base;   /* owned */
    struct event *on_mail, *tick, *on_acme; /* owned */
    otr_mailbox box;
    _Atomic bool is_stopping;
    otr_publisher_counts counts;
};

/* lives.c: from the store, and what comes next ------------------------------------------------------------------- */

outrider_err otr_publisher_load(otr_publisher *p, outrider_diag *diag);
otr_own_domain *otr_publisher_find(const otr_publisher *p, const char *domain);
otr_publication otr_publication_of(const otr_publish_conf *conf);

/* The next step of one domain, before the store has it. */
typedef struct otr_life_plan {
    otr_own_domain *domain;
    otr_lifecycle life;
    otr_edition *edition;     /* to serve; owned unless it is the domain's */
    otr_holding held;
} otr_life_plan;
outrider_err otr_life_plan_make(otr_own_domain *d, const otr_next *next, otr_time now, otr_life_plan *plan, outrider_diag *diag);
void otr_life_plan_clear(otr_life_plan *plan);

/* Into the store, all of them or none; then they hold. The caller swaps the site. */
outrider_err otr_life_plans_carry_out(otr_publisher *p, otr_life_plan *plans, size_t count, otr_time now, outrider_diag *diag);

/* What the configuration wants of all domains. If the store does not take it, what was in service goes on, and p->is_behind is set. */
outrider_err otr_publisher_catch_up(otr_publisher *p, outrider_diag *diag);

/* The last step of those that have retired long enough. True: the site is another. */
bool otr_publisher_end_retiring(otr_publisher *p, otr_time now);

/* The versions of a domain as they are known now; owned by the caller. NULL: out of memory, or there are none. */
otr_version *otr_own_versions(const otr_own_domain *d, size_t *count);

/* horizon.c: what was handed out, and may be -------------------------------------------------------------------- */

void otr_publisher_flush(otr_publisher *p);                     /* last times and tallies */
void otr_publisher_extend(otr_publisher *p, otr_time now);      /* if it is time to */
void otr_publisher_settle(otr_publisher *p);                    /* nothing is handed out any more */
void otr_publisher_tell_failure(otr_publisher *p, const char *doing, outrider_err err, const outrider_diag *diag); /* OK: that it ended */

/* pairs.c: certificates ----------------------------------------------------------------------------------------- */

outrider_err otr_publisher_pair_up(otr_publisher *p, outrider_diag *diag);
/* is_asked: at once; else what has stood still for a tick. True: the site is another. */
bool otr_publisher_look_at_pairs(otr_publisher *p, bool is_asked, otr_time now);
bool otr_publisher_retry_pairs(otr_publisher *p, otr_time now); /* those that were refused: they may have become good by time */

/* site_make.c --------------------------------------------------------------------------------------------------- */

/* The site as everything is now, in the place of the former. Without memory the former stays. */
outrider_err otr_publisher_swap_site(otr_publisher *p, outrider_diag *diag);
void otr_publisher_read_tokens(otr_publisher *p);

/* verbs.c, status.c --------------------------------------------------------------------------------------------- */

void otr_publisher_do(otr_publisher *p, otr_job *job);
struct json_t *otr_own_domain_object(const otr_publisher *p, const otr_own_domain *d, otr_time now, int64_t days);

/* publisher.c */
void otr_publisher_beat(otr_publisher *p, otr_time now);
void otr_publisher_count(otr_publisher *p, otr_time now);
otr_time otr_own_exit(const otr_own_domain *d);

/* When it was last handed out, as far as is known; and until when it may be, if it is offered at `now`: never before what is owed. */
otr_time otr_edition_last(const otr_edition *e);
otr_time otr_edition_horizon(const otr_edition *e, otr_time now);

#endif
