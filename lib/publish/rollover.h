/*
 * rollover.h - a change of keys behind TLSA records: what to do next, and what to wait for. Pure: DNS, the host and the time are arguments.
 *
 *     idle ──► staged ──► published ──► settled ──► switched ──► verified ──► trimmed ──► idle
 *              the next    every server   no cache is   every address  it matches   the old record
 *              key exists  has its record without it    shows the key  everywhere   is gone
 *
 * A state is entered because of what was seen, never because somebody says so; so a run may be repeated, and killed at any point. What is
 * taken back leads back: a record that is missing again to staged, a key that is in service again to settled.
 *
 * At all times every combination in every RRset that a cache may have has a record of the chain in service (PUB-12): the next record stands
 * beside the old one, and the old one goes when the next key has proved itself.
 */
#ifndef OTR_PUBLISH_ROLLOVER_H
#define OTR_PUBLISH_ROLLOVER_H

#include "publish/finding.h"
#include "publish/service.h"
#include "publish/tlsa_history.h"

#define OTR_ROLLOVER_PAIRS_MAX 4    /* algorithms */
#define OTR_ROLLOVER_RECORDS_MAX 12 /* of all kinds together; more cannot be processed by some senders */
#define OTR_ROLLOVER_LONG_S (7 * 86400) /* a state that lasts longer has been forgotten */

typedef enum otr_rollover_state {
    OTR_ROLLOVER_IDLE,
    OTR_ROLLOVER_STAGED,
    OTR_ROLLOVER_PUBLISHED,
    OTR_ROLLOVER_SETTLED,
    OTR_ROLLOVER_SWITCHED,
    OTR_ROLLOVER_VERIFIED,
    OTR_ROLLOVER_TRIMMED,
    OTR_ROLLOVER_STATE_COUNT
} otr_rollover_state;
extern const char *const otr_rollover_state_names[]; /* "idle", "staged", ... */

/* Which records stand for a chain. */
typedef enum otr_rollover_scheme {
    OTR_SCHEME_KEY,        /* 3 1 1 */
    OTR_SCHEME_KEY_ISSUER, /* 3 1 1 and 2 1 1: the own key and that of the CA (PUB-15) */
    OTR_SCHEME_COUNT
} otr_rollover_scheme;
extern const char *const otr_rollover_scheme_names[]; /* "3-1-1", "3-1-1+2-1-1" */

/* One algorithm whose key changes. */
typedef struct otr_rollover_pair {
    const char *algorithm;
    const char *current;   /* "3 1 1 HEX"; "": the algorithm is new */
    const char *next;
    const char *key;       /* the file with the next key; "" if it is not known */
} otr_rollover_pair;

typedef struct otr_rollover {
    otr_arena *arena;      /* borrowed: of the texts */
    otr_rollover_state state;
    otr_time since;        /* of the state; 0: ever */
    otr_rollover_scheme scheme;
    bool is_emergency;     /* the current key is in the wrong hands, or lost: no waiting */
    otr_rollover_pair pairs[OTR_ROLLOVER_PAIRS_MAX];
    size_t pair_count;
    const char *kept[OTR_ROLLOVER_RECORDS_MAX];    /* 3 1 1 of algorithms whose key stays */
    size_t kept_count;
    const char *issuers[OTR_ROLLOVER_RECORDS_MAX]; /* 2 1 1, in that scheme: of now and of what comes */
    size_t issuer_count;
} otr_rollover;

typedef struct otr_rollover_facts {
    const otr_authority *authority;
    const otr_tlsa_history *history; /* this look included */
    const otr_service *service;
    otr_time now;
} otr_rollover_facts;

/* A key that comes next. */
typedef struct otr_rollover_key {
    const char *algorithm, *record, *path; /* as in a pair */
    const char *issuer;                    /* "2 1 1 HEX" of the chain that came with it; "" */
} otr_rollover_key;

/*
 * idle -> staged, if the start is sound: the zone is signed, everything was seen, and the host matches at every address (else repair first).
 * Keys that are staged already are passed over, so that a command may be repeated; an issuer that is new is added, in any state before
 * the switch. Returns OUTRIDER_OK, or OUTRIDER_E_CONFIG with the reason.
 */
outrider_err otr_rollover_stage(otr_rollover *plan, const otr_rollover_facts *facts, otr_rollover_scheme scheme, bool is_emergency,
                                const otr_rollover_key *keys, size_t key_count, outrider_diag *diag);

typedef enum otr_rollover_act {
    OTR_ACT_NOTHING,
    OTR_ACT_FIND_OUT,   /* something was not seen: look again later */
    OTR_ACT_CHANGE_DNS, /* `add` and `remove` */
    OTR_ACT_WAIT,       /* until `until` */
    OTR_ACT_SWITCH,     /* install the certificate with the next key */
} otr_rollover_act;
extern const char *const otr_rollover_act_names[]; /* "nothing", "find-out", "change-dns", "wait", "switch" */

typedef struct otr_rollover_advice {
    otr_rollover_act act;
    const char *add[OTR_ROLLOVER_RECORDS_MAX];
    size_t add_count;
    const char *remove[OTR_ROLLOVER_RECORDS_MAX];
    size_t remove_count;
    const char *words;   /* one sentence */
    otr_time until;      /* 0: not known */
} otr_rollover_advice;

/* Advance as far as is safe; say what is next. Findings are added. */
void otr_rollover_step(otr_rollover *plan, const otr_rollover_facts *facts, otr_rollover_advice *advice, otr_findings *findings);

/* "the record of the next key is not at every server yet", for a state; static. */
const char *otr_rollover_state_words(otr_rollover_state state);

#endif
