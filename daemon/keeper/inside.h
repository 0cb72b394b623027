/*
 * inside.h - what the files of the keeper share. All of it belongs to the keeper's thread.
 */
#ifndef OTR_DAEMON_KEEPER_INSIDE_H
#define OTR_DAEMON_KEEPER_INSIDE_H

#include "daemon/conf/rule_book.h"
#include "daemon/keeper/bundle.h"
#include "daemon/keeper/exceptions.h"
#include "daemon/keeper/files.h"
#include "daemon/keeper/keeper.h"
#include "daemon/keeper/preview.h"
#include "store/store_fleet.h"

#include <pthread.h>

/* One change of what is trusted, from compiling to the last acknowledgement. */
typedef struct otr_change {
    otr_exceptions exceptions; /* all, as they will be */
    otr_exceptions added, dropped; /* for the store */
    otr_removal *removals;     /* owned; of `dropped`, one each; NULL: they have ended by themselves */
    otr_rule_book *book;       /* owned; NULL: as it is */
    otr_trust *trust;          /* owned reference; once compiled */
    bool is_due;               /* it happens even if a file cannot be written: what has ended has ended */
    bool is_renewal;           /* files have changed: nobody asked, so the log tells when it is done */
    otr_swap **swaps;          /* owned, until they are posted; one a worker */
    size_t waiting;            /* acknowledgements to come */
    size_t remade;             /* answers */
    otr_job *job;              /* owned; NULL: nobody asked */
    char *reply;               /* owned; for the job */
} otr_change;

typedef struct otr_keeper_counts {
    _Atomic uint64_t exceptions, roots, changed_at, files_changed_at, affected[OTR_EFFECT_COUNT];
} otr_keeper_counts;

struct otr_keeper {
    const otr_conf *conf;          /* borrowed */
    otr_store *store;              /* borrowed */
    otr_clock *clock;              /* borrowed */
    otr_anchor_folders folders;
    otr_rule_book *book;           /* owned */
    otr_exceptions exceptions;     /* in force, or ended a moment ago */
    otr_trust *trust;              /* owned reference; in force */
    otr_worker *const *workers;    /* borrowed */
    size_t worker_count;
    pthread_t thread;
    bool is_running;
    struct event_base *base;       /* owned */
    otr_mailbox box;
    bool has_box;
    struct event *on_mail, *tick;  /* owned */
    _Atomic bool is_stopping;
    STAILQ_HEAD(, otr_job) queue;  /* owned: requests that wait for the change under way */
    otr_fleet *fleet;              /* borrowed; NULL: none */
    STAILQ_HEAD(, otr_shared) shared; /* owned: what other members have brought, and waits likewise */
    otr_change *change;            /* owned; NULL: none under way */
    bool lacks_files;              /* a file of the anchors in force could not be written */
    otr_time tended_at;            /* when files were last touched and swept, by the wall clock */
    otr_bundle_watch *watch;       /* owned: the files of the rules */
    otr_rule_book *next_book;      /* owned; NULL: none. Read, and not yet in force */
    otr_preview *preview;          /* owned; what comes of it is being found out */
    otr_time adopt_after;          /* a book that could not be taken over is tried again then */
    otr_keeper_counts counts;
};

/* change.c */
otr_change *otr_change_new(void);
void otr_change_free(otr_change *change); /* NULL is fine */

/* Make change->trust of its exceptions and its book. */
outrider_err otr_change_compile(const otr_keeper *keeper, otr_change *change, otr_time now, outrider_diag *diag);

/* Files, store, then the resolver threads. On OUTRIDER_OK it is in force, and belongs to the keeper. */
outrider_err otr_change_make(otr_keeper *keeper, otr_change *change, outrider_diag *diag);

/* One resolver thread has it. */
void otr_change_acknowledged(otr_keeper *keeper, const otr_swap *swap);

/* verbs.c: begin what a request wants, and answer it at once or when that is done. The job is taken over. */
void otr_keeper_do(otr_keeper *keeper, otr_job *job);

/* expiry.c: forget exceptions that have ended. True: such a change is under way now. */
bool otr_keeper_expire(otr_keeper *keeper);

/* shared.c: take over what waits of other members; tell them of what was said here. True: a change is under way now. */
bool otr_keeper_take_shared(otr_keeper *keeper);
void otr_keeper_share(const otr_keeper *keeper, const otr_change *change);

/* renewal.c: look at the files of the rules; take over a book of which is known what comes of it (true: under way). */
void otr_keeper_look_at_files(otr_keeper *keeper);
void otr_keeper_previewed(otr_keeper *keeper);
bool otr_keeper_renew(otr_keeper *keeper);

/* The next thing that waits, unless a change is under way. */
void otr_keeper_go_on(otr_keeper *keeper);

/* One line about an exception: "trust.added" ... */
void otr_log_exception(const char *event, const otr_exception *exception, int64_t uid);

void otr_keeper_count(otr_keeper *keeper);

#endif
