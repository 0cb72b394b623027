/*
 * records.h - the inside of `outrider records`: its command (records.c), which policy (records_policy.c), keys and DNS
 * (records_facts.c, records_live.c), and what is printed (records_print.c, records_json.c).
 */
#ifndef OTR_CLI_RECORDS_H
#define OTR_CLI_RECORDS_H

#include "cli/settings.h"
#include "publish/publication.h"
#include "publish/records.h"
#include "publish/records_look.h"

#define OTR_RECORDS_WHAT "records"
#define OTR_RECORDS_MOVES_MAX 16 /* hosts that join or leave */
#define OTR_RECORDS_NOTES_MAX 16

typedef enum otr_records_form { OTR_RECORDS_TEXT, OTR_RECORDS_ZONE, OTR_RECORDS_NSUPDATE, OTR_RECORDS_JSON } otr_records_form;

/* What one host shows: by its section tlsa, or as it was seen. */
typedef struct otr_records_keys {
    const char *host;          /* borrowed */
    uint16_t port;
    uint32_t ttl;
    otr_tlsa_source *chains, *next; /* in the arena; what they hold is owned */
    size_t chain_count, next_count;
} otr_records_keys;

typedef struct otr_records_command {
    char domain[OTR_DOMAIN_SIZE];
    char provider[OTR_DOMAIN_SIZE]; /* "": none */
    const char *config, *socket;
    otr_records_form form;
    bool is_offline, is_live, has_issuer;
    const char *joining[OTR_RECORDS_MOVES_MAX], *leaving[OTR_RECORDS_MOVES_MAX]; /* in the arena */
    otr_arena *arena;               /* owned, as all from here on */
    otr_conf *conf;
    otr_records_keys *keys;         /* in the arena; key_count of them */
    size_t key_count;
    otr_sts_policy *served;         /* what the question's patterns are borrowed from; or NULL */
    struct event_base *base;
    otr_records_net net;
    otr_records_view view;
    otr_records_host hosts[OTR_RECORDS_HOSTS_MAX];
    otr_address addresses[OTR_CONF_LIST_MAX];
    otr_records_question question;
    otr_records *records;
    const char *notes[OTR_RECORDS_NOTES_MAX]; /* sentences for people, in the arena */
    size_t note_count;
} otr_records_command;

void otr_records_note(otr_records_command *c, const char *format, ...) OUTRIDER_PRINTF(2, 3);

/* Each: EX_OK, or a status after complaining. */
int otr_records_find_policy(otr_records_command *c);
int otr_records_read_keys(otr_records_command *c);
int otr_records_look_up(otr_records_command *c);    /* not where it is offline */
int otr_records_visit(otr_records_command *c);      /* after both: MX hosts without a section */
int otr_records_gather_hosts(otr_records_command *c); /* after the look, or instead of it */
void otr_records_clear_keys(otr_records_command *c);

/* The id of the policy of a section as it is configured. False after complaining. */
bool otr_records_configured_id(const otr_publish_conf *p, otr_sts_mode mode, char id[OTR_STS_ID_MAX + 1], outrider_diag *diag);

int otr_records_print_text(otr_records_command *c, otr_buf *out);
int otr_records_print_zone(otr_records_command *c, otr_buf *out);
int otr_records_print_nsupdate(otr_records_command *c, otr_buf *out); /* looks up the zones of names */
int otr_records_print_json(otr_records_command *c, int status);

/* "now", "2 h after step 1, not before 2026-...": when a step may be done. */
void otr_records_put_when(const otr_records_command *c, const otr_step *step, otr_buf *out);

#endif
