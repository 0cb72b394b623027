/*
 * records_scene.h - a domain for tests of records.h: answers and keys written down in a few words.
 *
 *     answer:  "STATUS TTL [cname=NAME[,NAME]] CONTENT"; STATUS secure, insecure, bogus, tempfail; CONTENT nodata, nxdomain, or records of the
 *              type with "|" between: a text, an address, "10 mx.example.org", "3 1 1 a" (the record that chain or key a has)
 *     keys:    "a b": chain of certificate a, then of b; the words are those of otr_scene_key()
 */
#ifndef OTR_RECORDS_SCENE_H
#define OTR_RECORDS_SCENE_H

#include "publish/records.h"

#define OTR_SCENE_NOW 1800000000
#define OTR_SCENE_HOSTS 4

void otr_scene_open(void);
void otr_scene_close(void);

/* "a", "b": P-256 keys with certificates of one issuer; "r": an RSA key; "i": the issuer; "n", "m": keys without certificates. */
const otr_tlsa_source *otr_scene_source(const char *word);

/* Memory of the scene, that is: until otr_scene_close(). A mistake in `text` fails the test. NULL: NULL. */
const otr_dns_answer *otr_scene_answer(const char *name, uint16_t type, const char *text);

/* Fill in chains or keys. */
void otr_scene_sources(const char *words, const otr_tlsa_source **list, size_t *count);

/* "sts missing _mta-sts.example.org TXT v=...; ..." a line a record, then a line a step, then notes. Owned by the scene. */
const char *otr_scene_show(const otr_records *records);

#endif
