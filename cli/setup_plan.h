/*
 * setup_plan.h - what a mail server is to be given, and what it lacks. Made from three things: the mail server
 * (setup_mta.h), the daemon's settings, and the resolver of this machine (setup_resolver.h). Pure but for a look at
 * the sockets that are there.
 */
#ifndef OTR_CLI_SETUP_PLAN_H
#define OTR_CLI_SETUP_PLAN_H

#include "cli/setup_mta.h"
#include "cli/setup_resolver.h"
#include "daemon/conf/conf.h"

#define OTR_PLAN_FILES_MAX 8
#define OTR_LACKS_MAX 24

/* The daemon's configuration, if there is a file; and where it is, or should be. */
typedef struct otr_settings {
    const otr_conf *conf; /* borrowed; the defaults where there is no file */
    const char *path;     /* borrowed */
    bool is_file;
} otr_settings;

/* Where the mail server asks. */
typedef struct otr_asking_place {
    char spoken[OTR_MTA_WORD]; /* as the mail server's configuration names it */
    char listen[OTR_MTA_WORD]; /* as outrider.conf names it: "unix:/run/outrider/exim.sock" */
    bool is_configured;        /* outrider.conf names it; else it is what the files in integration/ expect */
} otr_asking_place;

typedef struct otr_lack {
    char *what, *why, *fix; /* owned */
} otr_lack;

typedef struct otr_plan_file {
    char *path, *action, *text; /* owned */
    bool is_ours;               /* outrider.conf: printed as a comment among the lines for the mail server */
} otr_plan_file;

typedef struct otr_plan {
    const otr_mta *mta; /* borrowed */
    otr_asking_place place;
    otr_plan_file files[OTR_PLAN_FILES_MAX];
    size_t file_count;
    otr_lack lacks[OTR_LACKS_MAX];
    size_t lack_count;
    bool is_out_of_memory;
} otr_plan;

/* The first address of the settings that this mail server can use, in its own words. */
void otr_asking_place_find(const otr_mta *mta, const otr_settings *settings, otr_asking_place *place);

/*
 * resolver: NULL where the mail server does not depend on one. Returns OUTRIDER_OK, OUTRIDER_E_NOMEM, or
 * OUTRIDER_E_SYNTAX for a mistake in a built-in file. Clear the plan in any case.
 */
outrider_err otr_plan_make(const otr_mta *mta, const otr_settings *settings, const otr_resolver_state *resolver,
                           otr_plan *plan, outrider_diag *diag);
void otr_plan_clear(otr_plan *plan);

/* "GnuTLS", "OpenSSL" or NULL, and as conditions name it. */
const char *otr_mta_tls(const otr_mta *mta);

/* Answers then name no file of roots: mail servers have these by themselves. */
bool otr_has_system_roots(const otr_conf *conf);

/* What is wrong with a server of resolv.conf as far as DANE goes; NULL if nothing is. `fix` is set where something is.
 */
const char *otr_resolver_fault(const otr_resolver_state *resolver, size_t server, const char **fix);

/* The least and most that is asked of a version, and what each build must have; also for checks. */
typedef struct otr_requirement {
    otr_mta_kind mta;
    const char *condition; /* of the mail servers that lack it */
    bool is_fatal;         /* with it missing the printed lines cannot work */
    const char *what, *why, *fix;
} otr_requirement;
extern const otr_requirement otr_requirements[];
extern const size_t otr_requirement_count;

#endif
