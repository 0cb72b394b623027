/*
 * setup_check.h - tests of a mail server that runs with Outrider: a list of checks, each with an id that stays the
 * same, what was found, and what to do.
 */
#ifndef OTR_CLI_SETUP_CHECK_H
#define OTR_CLI_SETUP_CHECK_H

#include "cli/setup_plan.h"

/* As monitoring plugins end; the values are exit statuses. */
typedef enum otr_check_status {
    OTR_CHECK_OK,
    OTR_CHECK_WARNING,
    OTR_CHECK_CRITICAL,
    OTR_CHECK_UNKNOWN
} otr_check_status;

typedef struct otr_check_question {
    const otr_mta *mta;
    const otr_settings *settings;
    const char *domain; /* that is asked for, or NULL */
} otr_check_question;

#define OTR_CHECKS_MAX 400 /* the last of so many says that there are more */
typedef struct otr_check {
    const char *id; /* static */
    otr_check_status status;
    char *found;     /* owned */
    const char *fix; /* static; NULL if nothing is to be done */
} otr_check;

typedef struct otr_check_list {
    otr_check checks[OTR_CHECKS_MAX];
    size_t count;
} otr_check_list;

/* id and fix are static text. */
void otr_check_say(otr_check_list *list, const char *id, otr_check_status status, const char *fix, const char *found,
                   ...) OUTRIDER_PRINTF(5, 6);

/* Run all checks and print them. Returns an otr_check_status, or an exit status of sysexits if they cannot be printed.
 */
int otr_check_run(const otr_check_question *question, bool is_json);

/* One set for each mail server. */
void otr_check_exim(const otr_check_question *question, otr_check_list *list);
void otr_check_postfix(const otr_check_question *question, otr_check_list *list);
void otr_check_sendmail(const otr_check_question *question, otr_check_list *list);

/* Shared by them. */
void otr_check_version(const otr_check_question *question, otr_check_list *list);
void otr_check_resolver(const otr_check_question *question, const char *resolv_conf, otr_check_list *list);

#endif
