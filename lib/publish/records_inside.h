/*
 * records_inside.h - the inside of records.h, shared by its files: records.c (which records), records_host.c (those of the policy host),
 * records_tlsa.c (those of an MX host), records_plan.c (steps for the policy and its host), records_plan_mx.c (for the MX RRset),
 * records_plan_tlsa.c (for keys).
 */
#ifndef OTR_PUBLISH_RECORDS_INSIDE_H
#define OTR_PUBLISH_RECORDS_INSIDE_H

#include "publish/records.h"

typedef struct otr_records_draft {
    const otr_records_question *q;
    otr_arena *arena;
    otr_record_set *sets; /* policy host, sts, tlsrpt, then the hosts in their order */
    size_t set_count;
    otr_step *steps;
    size_t step_count;
    size_t step_room;
} otr_records_draft;

enum { OTR_SET_POLICY_HOST, OTR_SET_STS, OTR_SET_TLSRPT, OTR_SET_HOSTS };

/* A set without lines, about the name that is asked for; `answer` may be NULL (not looked up). */
otr_record_set *otr_records_begin(otr_records_draft *d, otr_record_role role, const char *host, const char *asked,
                                  const otr_dns_answer *answer);
void otr_records_line(otr_records_draft *d, otr_record_set *set, otr_record record, otr_record_state state, const char *note);
void otr_records_policy_host(otr_records_draft *d);
void otr_records_tlsa(otr_records_draft *d, const otr_records_host *host);

/* Whether there is a policy that is served, or to be. */
bool otr_records_has_policy(const otr_records_question *q);

/* RFC 8461 §8.2: the customer's names are aliases of the provider's. `other`: of the same name and another type, or NULL. */
void otr_records_compare_alias(otr_records_draft *d, otr_record_set *set, const char *target, const otr_dns_answer *answer,
                               const otr_dns_answer *other);
bool otr_records_is_alias(const otr_dns_answer *answer);

/*
 * An alias that is to go. What is at its end is somebody else's, or has another purpose, and is not touched. False: of a chain only the end is
 * known, and a note says so.
 */
bool otr_records_put_alias(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *answer, otr_record_state state);

/*
 * The TTL of a record that is added: the RRset's, where that is longer. A change that shortens a TTL would make a later look believe that
 * everybody has forgotten what some still hold.
 */
uint32_t otr_records_ttl(const otr_dns_answer *answer, uint32_t proposed);

/* What a wanted record is that is not among those published: MISSING, or what is known of the lookup. */
otr_record_state otr_records_absent(const otr_dns_answer *answer);

/* A step, and its number; the sentences are copied, or constant. The room was made for all that there can be. */
size_t otr_plan_step(otr_records_draft *d, otr_step_kind kind, const char *why, const char *what, ...) OUTRIDER_PRINTF(4, 5);
void otr_plan_after(otr_records_draft *d, size_t step, size_t before, uint32_t wait); /* before OTR_NO_STEP: nothing */
void otr_plan_wait(otr_records_draft *d, size_t step, uint32_t wait); /* from now */
uint32_t otr_plan_ttl(const otr_records_draft *d, uint32_t ttl); /* 0: not known */
size_t otr_plan_look_again(otr_records_draft *d, const char *name);

/* The step that adds the missing records of a set and takes away those in the states of `gone` (a bit each). OTR_NO_STEP: nothing to do. */
size_t otr_plan_change(otr_records_draft *d, otr_record_set *set, unsigned gone, const char *why, const char *what);

/* The records of the lines in the states of `gone`; 0: of those that are to be added. The lines are told that it is this step. */
const otr_record *otr_plan_collect(otr_records_draft *d, otr_record_set *set, unsigned gone, size_t step, size_t *count);

void otr_plan(otr_records_draft *d);
bool otr_plan_is_admitted(const otr_records_question *q, const char *host); /* by a pattern of the policy */
bool otr_plan_has_patterns(const otr_records_question *q);
bool otr_plan_adds(const otr_record_line *line);
void otr_plan_mx(otr_records_draft *d, size_t record); /* record: the step that tells of the policy, or OTR_NO_STEP */
void otr_plan_tlsa(otr_records_draft *d, const otr_records_host *host, otr_record_set *set);

bool otr_set_has(const otr_record_set *set, otr_record_state state);
bool otr_is_named(const char *const *names, size_t count, const char *name);

#endif
