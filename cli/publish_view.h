/*
 * publish_view.h - our own domains from outside: what the commands of `publish` need to look at them, and the looking.
 */
#ifndef OTR_CLI_PUBLISH_VIEW_H
#define OTR_CLI_PUBLISH_VIEW_H

#include "cli/lookout.h"
#include "publish/survey.h"

#define OTR_PUBLISH_TIMEOUT_MAX 600 /* s */

typedef struct otr_publish_view {
    otr_conf *conf;            /* owned, as all here */
    otr_lookout lookout;       /* resolver, fetcher, clock */
    otr_probe_desk *desk;
    otr_anchors *anchors[OTR_FACT_PROGRAMS_MAX];
    otr_program_facts programs[OTR_FACT_PROGRAMS_MAX];
    size_t program_count;
    char ehlo[OTR_DOMAIN_SIZE];
    otr_resolver_state resolver_state;
    char resolver_words[512];
    otr_survey_net net;
    const char *directory;     /* borrowed: of plans (plan_file.h); NULL: the usual one */
} otr_publish_view;

/*
 * Read the settings and the bundles, open the resolver and see whether it validates.
 *   what  the command, for complaints
 *   ehlo  how this machine calls itself; NULL: its host name
 * EX_OK, or a status after complaining; the view (zeroed before, not to be moved) is to be cleared either way.
 */
int otr_publish_view_open(const char *what, const char *config, const char *ehlo, otr_publish_view *view);
void otr_publish_view_clear(otr_publish_view *view);

/* One domain of ours. */
typedef struct otr_publish_look {
    const otr_publish_conf *conf;  /* borrowed */
    otr_meant meant;
    bool has_meant;
    otr_sts_policy *served;        /* owned: what the patterns of `meant` are borrowed from, where the daemon told its text; else NULL */
    char *text;                    /* owned: of `meant` */
    otr_domain_facts *facts;       /* owned; NULL before the look, and if it ran out of memory */
    otr_check_report *report;      /* owned; the same */
    struct otr_publish_run *run;   /* inside */
    otr_survey *survey;
} otr_publish_look;
void otr_publish_look_clear(otr_publish_look *look);

/* Fill in what is staged at the hosts. Complains of files that it cannot read, and goes on. False: out of memory. */
bool otr_publish_stage(const char *what, const otr_publish_view *view, otr_domain_facts *facts);

/* What is configured, as `meant`, without a text: for those who cannot ask the daemon. */
void otr_publish_mean_configured(otr_publish_look *look);

/*
 * What is configured as a proposal in this mode. OUTRIDER_OK, OUTRIDER_E_SYNTAX (diag: the configuration cannot be published) or
 * OUTRIDER_E_NOMEM.
 */
outrider_err otr_publish_propose(otr_publish_look *look, otr_sts_mode mode, outrider_diag *diag);

/* Look at all of them, some at a time, and judge. EX_OK, or a status after complaining; 130 after SIGINT or SIGTERM. */
int otr_publish_look_at(const char *what, otr_publish_view *view, otr_publish_look *looks, size_t count, unsigned groups,
                        unsigned timeout_ms, bool is_twice);

/* The section of a domain; NULL: there is none. */
const otr_publish_conf *otr_publish_find(const otr_conf *conf, const char *domain);

/* The value of --timeout. False after complaining. */
bool otr_publish_read_timeout(const char *text, unsigned *timeout);

#endif
