/*
 * scripted_resolver.h - an otr_resolver whose answers a test writes down, one line per rule:
 *
 *   NAME TYPE STATUS [ttl=N] [cname=TARGET[,TARGET...]] CONTENT
 *
 *   STATUS   secure | insecure    followed by CONTENT
 *            bogus | tempfail     followed by the reason in words, or nothing
 *            never                no answer until the query is cancelled
 *   CONTENT  nodata | nxdomain | records of TYPE:
 *            MX     "10 mx1.example.org, 20 mx2.example.org"; "0 ." is the null MX
 *            A, AAAA address text, several separated by ", "
 *            TLSA   "3 1 1 HEX", or "hex:0301" for raw rdata, several separated by ", "
 *            TXT    the rest of the line as it stands, quotes included: one record
 *            CNAME, NS  a name
 *            SOA    "SERIAL REFRESH MINIMUM"
 *
 * Further rules with the same name and type add records. Answers are built as packets and read by
 * otr_dns_answer_parse(), so a test sees what the real resolver would make of them. A name that is not
 * scripted answers TEMPFAIL, "not scripted: TYPE name". A rule that cannot be read aborts the test.
 */
#ifndef OTR_SUPPORT_SCRIPTED_RESOLVER_H
#define OTR_SUPPORT_SCRIPTED_RESOLVER_H

#include "dns/resolver.h"

#define OTR_SCRIPTED_TTL 300 /* s, where a rule has no ttl= */

/* Free with otr_resolver_free(). base is borrowed. */
otr_resolver *otr_scripted_resolver_new(struct event_base *base);
void otr_scripted_add(otr_resolver *resolver, const char *rule);

/* Forget the rules (queries that wait keep waiting), or the questions asked so far. */
void otr_scripted_reset(otr_resolver *resolver);
void otr_scripted_forget_questions(otr_resolver *resolver);

/* What was asked, in order: "TXT _mta-sts.example.org". NULL if there was no such question. */
size_t otr_scripted_count(const otr_resolver *resolver);
const char *otr_scripted_question(const otr_resolver *resolver, size_t i);

/* Queries that have neither answered nor been cancelled. */
size_t otr_scripted_waiting(const otr_resolver *resolver);

#endif
