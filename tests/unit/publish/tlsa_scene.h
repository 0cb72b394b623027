/*
 * tlsa_scene.h - what guard and roll-over see, made by letters: "AB" is the RRset with the records 3 1 1 of the keys A and B, "" no record.
 */
#ifndef OTR_TESTS_TLSA_SCENE_H
#define OTR_TESTS_TLSA_SCENE_H

#include "publish/guard.h"
#include "publish/rollover.h"
#include "support/make_cert.h"

#define MX "mx.example.org"
#define SCENE_KEYS 5 /* A to E; 'a' is the record 2 1 1 of the CA of all of them, 'x' a record of usage 1, 's' the record 3 0 1 of A */
#define SCENE_SERVERS_MAX 6

void scene_open(void);
void scene_close(void);

const char *scene_chain(char key);     /* PEM: leaf, and the CA */
const char *scene_renewed(char key);   /* another certificate with the same key */
const char *scene_bare(char key);      /* without the CA */
const char *scene_record(char key);

/* An authority whose servers have these sets; NULL for one that does not answer. The first is what the resolver has. */
otr_authority *scene_authority(const char *const *sets, size_t count, uint32_t ttl, uint32_t refresh, uint32_t negative_ttl);

/* The host shows these keys at its one address. */
otr_service *scene_service(otr_arena *arena, const char *keys);

#endif
