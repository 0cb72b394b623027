/*
 * refresh_scene.h - the stage of the tests of refreshes: one errand at a time, with a scripted resolver, a scripted fetcher and a clock
 * that stands still.
 */
#ifndef OTR_TEST_REFRESH_SCENE_H
#define OTR_TEST_REFRESH_SCENE_H

#include "sts/refresh.h"

#include <event2/event.h>

#define NOW 1800000000
#define RECORD "_mta-sts.example.org TXT insecure ttl=600 "
#define HOST_A "mta-sts.example.org A insecure 192.0.2.80"
#define HOST_AAAA "mta-sts.example.org AAAA insecure nodata"
#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"

extern struct event_base *base;
extern otr_resolver *resolver;
extern otr_fetcher *fetcher;
extern otr_anchors *anchors;
extern otr_clock test_clock;
extern otr_sts_net net;
extern otr_sts_entry *result; /* of the last errand; a reference */
extern int calls;             /* of on_done() */

int load_anchors(void **state);
int free_anchors(void **state);
int set_up(void **state);
int tear_down(void **state);
void on_done(void *arg, otr_sts_entry *entry);

otr_sts_entry *nothing_known(void);
otr_sts_entry *policy_known(const char *body, int64_t age); /* under id "a", fetched `age` seconds ago */
void script_host(void);

/* Run one errand to its end; `known` is taken over, the result is left in `result`. Again: from what is known by now. */
void run(otr_sts_entry *known, otr_sts_due due);
void run_again(otr_sts_due due);

void expect(const char *row, otr_sts_failure failure, const char *error);

#endif
