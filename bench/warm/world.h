/*
 * world.h - an internet that is made up: what DNS and policy hosts say of the n-th domain follows from n. So a million
 * destinations take no memory and no file, and each program of this directory knows them.
 *
 * All have an MTA-STS policy in enforce mode and two MX hosts. Of ten domains six have the hosts and the policy of one of
 * 200 providers (equal policies); four have hosts of their own below their name, and a policy that names them.
 */
#ifndef OTR_BENCH_WORLD_H
#define OTR_BENCH_WORLD_H

#include "dns/resolver.h"
#include "sts/fetch.h"

#define WORLD_NAME_SIZE 64
#define WORLD_TTL 86400      /* of all records: nothing lapses while it is measured */
#define WORLD_MAX_AGE 604800

void world_name(size_t n, char name[WORLD_NAME_SIZE]);
size_t world_policy(size_t n, char body[512]); /* its length */
#define WORLD_POLICY_ID "20260101000000"

otr_resolver *world_resolver_new(struct event_base *base);
otr_fetcher *world_fetcher_new(struct event_base *base);

#endif
