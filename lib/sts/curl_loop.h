/*
 * curl_loop.h - libcurl's multi interface on a libevent base: which sockets to watch, when to wake, and which
 * transfers have ended. Internal to lib/sts. Threads: as the event base: one.
 */
#ifndef OTR_STS_CURL_LOOP_H
#define OTR_STS_CURL_LOOP_H

#include <outrider/base.h>

#include <curl/curl.h>

struct event_base;

typedef struct otr_curl_loop otr_curl_loop;

/* A transfer has ended and has left the loop already. Called from the event loop only, never from _add or _remove. */
typedef void otr_curl_ended(CURL *easy, CURLcode code);

otr_curl_loop *otr_curl_loop_new(struct event_base *base, otr_curl_ended *ended); /* NULL: out of memory */
void otr_curl_loop_free(otr_curl_loop *loop); /* empty by then; not from inside ended() */

outrider_err otr_curl_loop_add(otr_curl_loop *loop, CURL *easy);
void otr_curl_loop_remove(otr_curl_loop *loop, CURL *easy);

#endif
