/*
 * setup_mta.h - which mail server is here: its version, what was built into it, and whom it runs as. Asked of the
 * program itself, or, with a version from the command line, assumed to be as Debian builds it.
 */
#ifndef OTR_CLI_SETUP_MTA_H
#define OTR_CLI_SETUP_MTA_H

#include "base/buf.h"
#include "cli/setup_version.h"

typedef enum otr_mta_kind { OTR_EXIM, OTR_POSTFIX, OTR_SENDMAIL } otr_mta_kind;
#define OTR_MTA_COUNT 3
extern const char *const otr_mta_names[OTR_MTA_COUNT];  /* as on the command line */
extern const char *const otr_mta_titles[OTR_MTA_COUNT]; /* as people write them */

typedef enum otr_layout { OTR_LAYOUT_PLAIN, OTR_LAYOUT_SPLIT, OTR_LAYOUT_UNSPLIT } otr_layout;
extern const char *const otr_layout_names[];

#define OTR_FEATURES_MAX 16
#define OTR_MTA_WORD 256 /* room for a path or name that the mail server tells */

typedef struct otr_mta {
    otr_mta_kind kind;
    bool is_here; /* asked, and not only assumed */
    char program[OTR_MTA_WORD];
    otr_traits traits;
    const char *features[OTR_FEATURES_MAX + 1]; /* static words; traits.features points here */
    size_t feature_count;
    otr_layout layout;                            /* of Exim's configuration */
    char config[OTR_MTA_WORD];                    /* Exim: the file it reads */
    char user[OTR_MTA_WORD], group[OTR_MTA_WORD]; /* whom deliveries run as */
    char queue[OTR_MTA_WORD];                     /* Postfix: queue_directory */
    bool is_chrooted;                             /* Postfix: some smtp(8) runs in the queue directory as its root */
} otr_mta;

bool otr_mta_has(const otr_mta *mta, const char *feature);

/* Take in the words of `exim -bV`, or of `sendmail -d0.13 -bt`. False: no version was found there. Pure. */
bool otr_mta_read_exim(otr_mta *mta, const char *text);
bool otr_mta_read_sendmail(otr_mta *mta, const char *text);

/* Assume a version, and Debian's build. tls: "gnutls", "openssl" or NULL. */
void otr_mta_assume(otr_mta *mta, otr_mta_kind kind, const otr_version *version, const char *tls);

/*
 * Ask the mail server. program: NULL, or a path to use instead of the usual names (`exim4`, `exim`; `postconf`;
 * `sendmail`). False if it cannot be asked; why says what was tried.
 */
bool otr_mta_ask(otr_mta *mta, otr_mta_kind kind, const char *program, otr_buf *why);

#endif
