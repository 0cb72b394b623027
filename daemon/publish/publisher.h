/*
 * publisher.h - the publisher: a thread that alone owns what we publish - the life of each domain, what may be handed out until when,
 * certificates, ACME challenges - and makes of it the site that the server shows.
 *
 *     configuration, request, time, file that changed ──► plan (lib/publish) ──► store ──► site ──► server
 *
 * The store decides: nothing is handed out that is not in it, with the time until which it may be. So after kill -9 the exit clock is
 * never shorter than the truth. Where the disk fails, what is in service goes on until that time, and after it the server says 503.
 */
#ifndef OTR_DAEMON_PUBLISHER_H
#define OTR_DAEMON_PUBLISHER_H

#include "daemon/conf/conf.h"
#include "daemon/flow/job.h"
#include "daemon/publish/site.h"
#include "daemon/publish/tally.h"
#include "store/store_publish.h"

typedef struct otr_publisher otr_publisher;

/*
 * As the user who goes on: lives and versions from the store, certificates, and the first site, whatever the disk or a certificate says:
 * mail servers do not wait for what we publish. Store and clock are borrowed. OUTRIDER_OK, OUTRIDER_E_IO (the store cannot be read) or
 * OUTRIDER_E_NOMEM.
 */
outrider_err otr_publisher_new(const otr_conf *conf, otr_store *store, otr_clock *clock, otr_publisher **publisher, outrider_diag *diag);
void otr_publisher_free(otr_publisher *publisher); /* when no thread may send it mail any more; NULL is fine */

/* What the server reads. Borrowed; as long as the publisher. */
otr_snapshot *otr_publisher_site(otr_publisher *publisher);

outrider_err otr_publisher_start(otr_publisher *publisher, outrider_diag *diag);

/* When the server has ended and its last tally is on its way: what is known of hand-outs is written, exactly. NULL is fine. */
void otr_publisher_stop(otr_publisher *publisher);

/* A request of an operator, and a tally of the server; both are taken over. Any thread. */
void otr_publisher_submit(otr_publisher *publisher, otr_job *job);
void otr_publisher_tell(otr_publisher *publisher, otr_tally *tally);

/* Numbers, for those who look on. Any thread. Times are seconds since 1970; 0: there is none. */
typedef struct otr_publisher_stats {
    uint64_t domains[OTR_PHASE_RETIRED + 1];
    uint64_t withheld;           /* whose configuration is not what is served */
    uint64_t abandoned;          /* not in the configuration any more, while their exit clock runs */
    uint64_t lapsed;             /* that may not be handed out any more, for want of the disk */
    uint64_t exit;               /* the latest exit clock of those that do not serve enforce any more */
    uint64_t certificate_expiry; /* the first */
    uint64_t certificates_failed; /* domains without a certificate that fits, or with an older one than their files */
} otr_publisher_stats;
otr_publisher_stats otr_publisher_look(const otr_publisher *publisher);

/*
 * Whether what is configured can be published, for outriderd -t: each mistake is told, also those that do not keep the daemon from
 * starting. Returns how many.
 */
size_t otr_publish_check(const otr_conf *conf, otr_time now, void (*tell)(void *arg, unsigned line, const char *what), void *arg);

#endif
