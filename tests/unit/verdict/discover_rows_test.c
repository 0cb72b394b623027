/*
 * The rows M1 to M13, A1 to A8 and T1 to T5 of the decision table, each a test of its own: from what DNS says to the
 * finding, and which questions were asked.
 */
#include "support/cmocka_all.h"

#include "errand.h"

#define ASKED(host) "A " host ", AAAA " host

typedef struct row {
    const char *sentence;
    const char *to;
    bool is_not_elected; /* dane.insecure_mx = no */
    const char *rules[16];
    const char *want;
    const char *asked;
} row;

static const row rows[] = {
    /* Step 1 */
    { "M2: a secure MX RRset, hosts by preference", "example.org", false,
      { "example.org MX secure 20 mx2.example.org, 10 mx1.example.org", ADDRESSES("mx1.example.org"),
        ADDRESSES("mx2.example.org"),
        "_25._tcp.mx1.example.org TLSA secure " GOOD, "_25._tcp.mx2.example.org TLSA secure nodata" },
      "M2 secure\n10 mx1.example.org A1 secure, T1 usable at mx1.example.org (1)\n20 mx2.example.org A1 secure, T4 none",
      "MX example.org, " ASKED("mx1.example.org") ", " ASKED("mx2.example.org") ", TLSA _25._tcp.mx1.example.org, TLSA _25._tcp.mx2.example.org" },
    { "M2: the next hop is a secure alias (V84)", "example.org", false,
      { "example.org MX secure cname=target.example.net 10 mx.example.net", ADDRESSES("mx.example.net"),
        "_25._tcp.mx.example.net TLSA secure " GOOD },
      "M2 secure as target.example.net\n10 mx.example.net A1 secure, T1 usable at mx.example.net (1)",
      "MX example.org, " ASKED("mx.example.net") ", TLSA _25._tcp.mx.example.net" },
    { "M3: an insecure MX RRset, DANE elected", "example.org", false,
      { "example.org MX insecure 10 mx.example.net", ADDRESSES("mx.example.net"),
        "_25._tcp.mx.example.net TLSA secure " GOOD },
      "M3 insecure\n10 mx.example.net A1 secure, T1 usable at mx.example.net (1)",
      "MX example.org, " ASKED("mx.example.net") ", TLSA _25._tcp.mx.example.net" },
    { "M3: an insecure MX RRset, DANE not elected: no TLSA question (V38)", "example.org", true,
      { "example.org MX insecure 10 mx.example.net", ADDRESSES("mx.example.net") },
      "M3 insecure\n10 mx.example.net A7 secure, insecure",
      "MX example.org, " ASKED("mx.example.net") },
    { "M3: an insecure alias before signed MX records, not elected", "example.org", true,
      { "example.org MX insecure cname=target.example.net 10 mx.example.net", ADDRESSES("mx.example.net") },
      "M3 insecure as target.example.net\n10 mx.example.net A7 secure, insecure",
      "MX example.org, " ASKED("mx.example.net") },
    { "M4: a secure null MX", "example.org", false, { "example.org MX secure 0 ." },
      "M4 secure: null MX: the domain accepts no mail", "MX example.org" },
    { "M4: an insecure null MX (V78)", "example.org", false, { "example.org MX insecure 0 ." },
      "M4 insecure: null MX: the domain accepts no mail", "MX example.org" },
    { "M5: a null MX beside others is dropped, secure: as M2", "example.org", false,
      { "example.org MX secure 0 ., 10 mx.example.org", ADDRESSES("mx.example.org"),
        "_25._tcp.mx.example.org TLSA secure nodata" },
      "M2 secure\n10 mx.example.org A1 secure, T4 none",
      "MX example.org, " ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "M5: a null MX beside others is dropped, insecure: as M3", "example.org", true,
      { "example.org MX insecure 10 mx.example.org, 0 .", ADDRESSES("mx.example.org") },
      "M3 insecure\n10 mx.example.org A7 secure, insecure", "MX example.org, " ASKED("mx.example.org") },
    { "M6: NODATA gives the implicit MX (V79)", "example.org", false,
      { "example.org MX secure nodata", ADDRESSES("example.org"), "_25._tcp.example.org TLSA secure " GOOD },
      "M6 none implicit\n0 example.org A1 secure, T1 usable at example.org (1)",
      "MX example.org, " ASKED("example.org") ", TLSA _25._tcp.example.org" },
    { "M6: DNS-31, an insecure denial with a secure address, DANE not elected for insecure MX: DANE all the same", "example.org", true,
      { "example.org MX insecure nodata", ADDRESSES("example.org"), "_25._tcp.example.org TLSA secure " GOOD },
      "M6 none implicit\n0 example.org A1 secure, T1 usable at example.org (1)",
      "MX example.org, " ASKED("example.org") ", TLSA _25._tcp.example.org" },
    { "M6: an insecure domain (V80)", "example.org", false,
      { "example.org MX insecure nodata", "example.org A insecure 192.0.2.1", "example.org AAAA insecure nodata" },
      "M6 none implicit\n0 example.org A7 insecure, insecure", "MX example.org, " ASKED("example.org") },
    { "M6: the implicit MX is an alias: both names are candidates", "example.org", false,
      { "example.org MX secure cname=target.example.net nodata",
        "example.org A secure cname=target.example.net 192.0.2.1",
        "example.org AAAA secure cname=target.example.net nodata",
        "_25._tcp.target.example.net TLSA secure nxdomain",
        "_25._tcp.example.org TLSA secure " GOOD },
      "M6 none implicit as target.example.net\n0 example.org A2 secure, T1 usable at example.org (1) alias of target.example.net",
      "MX example.org, " ASKED("example.org") ", TLSA _25._tcp.target.example.net, TLSA _25._tcp.example.org" },
    { "M7: NXDOMAIN, secure: nothing else is asked (DNS-08)", "example.org", false,
      { "example.org MX secure nxdomain" },
      "M7 none: no such domain", "MX example.org" },
    { "M7: NXDOMAIN, insecure (V77)", "example.org", false, { "example.org MX insecure nxdomain" },
      "M7 none: no such domain", "MX example.org" },
    { "M8: SERVFAIL (V76)", "example.org", false, { "example.org MX tempfail SERVFAIL from 192.0.2.53" },
      "M8 tempfail: MX lookup failed: SERVFAIL from 192.0.2.53", "MX example.org" },
    { "M9: bogus is never insecure (V75)", "example.org", false, { "example.org MX bogus signature expired" },
      "M9 bogus: MX lookup is bogus: signature expired", "MX example.org" },
    { "M10: an alias loop defers", "example.org", false,
      { "example.org MX secure cname=a.example.org,b.example.org,a.example.org nodata" },
      "M8 tempfail: MX lookup failed: the alias chain loops or has more than 16 links", "MX example.org" },
    { "M10: an alias chain over the limit defers", "example.org", false,
      { "example.org MX insecure cname=a.b,b.b,c.b,d.b,e.b,f.b,g.b,h.b,i.b,j.b,k.b,l.b,m.b,n.b,o.b,p.b,q.b 10 mx.example.org" },
      "M8 tempfail: MX lookup failed: the alias chain loops or has more than 16 links", "MX example.org" },
    { "M11: exchanges that are addresses in text form or no names: hosts in A4, the domain's own address is not tried", "example.org", false,
      { "example.org MX secure 10 192.0.2.1, 20 mx 1.example.org, 30 m:x.example.org", ADDRESSES("example.org") },
      "M2 secure\n10 192.0.2.1 A4 none no-name, none\n20 mx\\0321.example.org A4 none no-name, none\n"
      "30 m\\058x.example.org A4 none no-name, none",
      "MX example.org" },
    { "M11: beside a good host, insecure", "example.org", false,
      { "example.org MX insecure 10 192.0.2.1, 20 mx.example.org", "mx.example.org A insecure 192.0.2.2",
        "mx.example.org AAAA insecure nodata" },
      "M3 insecure\n10 192.0.2.1 A4 none no-name, none\n20 mx.example.org A7 insecure, insecure",
      "MX example.org, " ASKED("mx.example.org") },
    { "M11: an underscore is no reason to pass over a host", "example.org", false,
      { "example.org MX secure 10 mx_1.example.org", ADDRESSES("mx_1.example.org"),
        "_25._tcp.mx_1.example.org TLSA secure " GOOD },
      "M2 secure\n10 mx_1.example.org A1 secure, T1 usable at mx_1.example.org (1)",
      "MX example.org, " ASKED("mx_1.example.org") ", TLSA _25._tcp.mx_1.example.org" },
    { "M12: ourselves at 10: all equal and worse go, before any is looked at (DNS-16)", "example.org", false,
      { "example.org MX secure 20 mx20.example.org, 10 mx2.example.org, 10 mx10.example.org, 5 mx5.example.org",
        ADDRESSES("mx5.example.org"), "_25._tcp.mx5.example.org TLSA secure nodata" },
      "M2 secure\n5 mx5.example.org A1 secure, T4 none",
      "MX example.org, " ASKED("mx5.example.org") ", TLSA _25._tcp.mx5.example.org" },
    { "M12: ourselves at 15 stop the walk behind a host that is no name (STS-APPLY-09)", "example.org", false,
      { "example.org MX secure 10 192.0.2.1, 15 mx2.example.org, 20 mx20.example.org" },
      "M2 secure\n10 192.0.2.1 A4 none no-name, none", "MX example.org" },
    { "M12: the list is not filtered first: twice in it, the better place counts", "example.org", false,
      { "example.org MX insecure 30 MX2.example.org, 10 mx2.example.org, 20 mx20.example.org, 0 ." },
      "M12 insecure: the best MX host is this mail server itself (own_hosts)", "MX example.org" },
    { "M12: ourselves as implicit MX", "home.example", false, { "home.example MX secure nodata" },
      "M12 none implicit: the best MX host is this mail server itself (own_hosts)", "MX home.example" },
    { "M12: a host that was asked for is not left out", "[mx2.example.org]", false,
      { ADDRESSES("mx2.example.org"), "_25._tcp.mx2.example.org TLSA secure nodata" },
      "M13 none implicit\n0 mx2.example.org A1 secure, T4 none",
      ASKED("mx2.example.org") ", TLSA _25._tcp.mx2.example.org" },
    { "M13: a host without MX lookup, with the port in the TLSA name (DNS-24)", "[relay.example]:587", true,
      { ADDRESSES("relay.example"), "_587._tcp.relay.example TLSA secure " GOOD },
      "M13 none implicit\n0 relay.example A1 secure, T1 usable at relay.example (1)",
      ASKED("relay.example") ", TLSA _587._tcp.relay.example" },

    /* Step 2 */
    { "A1: a secure address in IPv4 alone", "[mx.example.org]", false,
      { "mx.example.org A secure 192.0.2.1", "mx.example.org AAAA secure nodata",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (1)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "A1: a secure address in IPv6 alone", "[mx.example.org]", false,
      { "mx.example.org A secure nodata", "mx.example.org AAAA secure 2001:db8::1",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (1)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "A1: the secure family counts (DNS-21)", "[mx.example.org]", false,
      { "mx.example.org A insecure 192.0.2.1", "mx.example.org AAAA secure 2001:db8::1",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (1)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "A2: a secure alias: the expanded name first (V31)", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T1 usable at real.example.net (1) alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net" },
    { "A2: then the original, never a name between (DNS-22, V32)", "[mx.example.org]", false,
      { "mx.example.org A secure cname=middle.example.net,real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=middle.example.net,real.example.net nodata",
        "_25._tcp.real.example.net TLSA secure nodata",
        "_25._tcp.middle.example.net TLSA secure " GOOD, "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T1 usable at mx.example.org (1) alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net, TLSA _25._tcp.mx.example.org" },
    { "A3: a secure alias into an unsigned zone: the original name only (V35)", "[mx.example.org]", false,
      { "mx.example.org A insecure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA insecure cname=real.example.net nodata",
        "mx.example.org CNAME secure real.example.net", "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A3 insecure, T1 usable at mx.example.org (1) alias of real.example.net",
      ASKED("mx.example.org") ", CNAME mx.example.org, TLSA _25._tcp.mx.example.org" },
    { "A3: whether the alias is secure cannot be found out: not used, not downgraded", "[mx.example.org]", false,
      { "mx.example.org A insecure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA insecure cname=real.example.net nodata",
        "mx.example.org CNAME tempfail" },
      "M13 none implicit\n0 mx.example.org A3 insecure, tempfail alias of real.example.net",
      ASKED("mx.example.org") ", CNAME mx.example.org" },
    { "A3: the alias itself is bogus", "[mx.example.org]", false,
      { "mx.example.org A insecure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA insecure cname=real.example.net nodata",
        "mx.example.org CNAME bogus" },
      "M13 none implicit\n0 mx.example.org A3 insecure bogus, tempfail alias of real.example.net",
      ASKED("mx.example.org") ", CNAME mx.example.org" },
    { "A4: no address in either family (V28)", "[mx.example.org]", false,
      { "mx.example.org A secure nodata", "mx.example.org AAAA secure nodata" },
      "M13 none implicit\n0 mx.example.org A4 none, none", ASKED("mx.example.org") },
    { "A4: no such host, unsigned", "[mx.example.org]", false,
      { "mx.example.org A insecure nxdomain", "mx.example.org AAAA insecure nxdomain" },
      "M13 none implicit\n0 mx.example.org A4 none, none", ASKED("mx.example.org") },
    { "A5: an error in both families (V29)", "[mx.example.org]", false,
      { "mx.example.org A tempfail", "mx.example.org AAAA tempfail" },
      "M13 none implicit\n0 mx.example.org A5 tempfail, tempfail", ASKED("mx.example.org") },
    { "A5: an error in one family, no address in the other", "[mx.example.org]", false,
      { "mx.example.org A tempfail", "mx.example.org AAAA secure nodata" },
      "M13 none implicit\n0 mx.example.org A5 tempfail, tempfail", ASKED("mx.example.org") },
    { "A5: the same, the other way round", "[mx.example.org]", false,
      { "mx.example.org A insecure nodata", "mx.example.org AAAA tempfail" },
      "M13 none implicit\n0 mx.example.org A5 tempfail, tempfail", ASKED("mx.example.org") },
    { "A6: an error in AAAA, a secure address in A (DNS-21, V27)", "[mx.example.org]", false,
      { "mx.example.org A secure 192.0.2.1", "mx.example.org AAAA tempfail",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (1)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "A6: a bogus denial of A, an alias in AAAA", "[mx.example.org]", false,
      { "mx.example.org A bogus", "mx.example.org AAAA secure cname=real.example.net 2001:db8::1",
        "_25._tcp.real.example.net TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T1 usable at real.example.net (1) alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net" },
    { "A6: an error in A, an insecure address in AAAA", "[mx.example.org]", false,
      { "mx.example.org A tempfail", "mx.example.org AAAA insecure 2001:db8::1" },
      "M13 none implicit\n0 mx.example.org A7 insecure, insecure", ASKED("mx.example.org") },
    { "A7: an insecure address: no TLSA question (DNS-18, V25)", "[mx.example.org]", false,
      { "mx.example.org A insecure 192.0.2.1", "mx.example.org AAAA insecure 2001:db8::1",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A7 insecure, insecure", ASKED("mx.example.org") },
    { "A7: an insecure alias (V36)", "[mx.example.org]", false,
      { "mx.example.org A insecure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA insecure cname=real.example.net nodata",
        "mx.example.org CNAME insecure real.example.net", "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A7 insecure, insecure alias of real.example.net",
      ASKED("mx.example.org") ", CNAME mx.example.org" },
    { "A8: bogus in both families (V30)", "[mx.example.org]", false,
      { "mx.example.org A bogus", "mx.example.org AAAA bogus" },
      "M13 none implicit\n0 mx.example.org A8 tempfail bogus, tempfail", ASKED("mx.example.org") },
    { "A8: bogus beside a mere error, in either order", "[mx.example.org]", false,
      { "mx.example.org A bogus", "mx.example.org AAAA tempfail" },
      "M13 none implicit\n0 mx.example.org A8 tempfail bogus, tempfail", ASKED("mx.example.org") },
    { "A8: a mere error beside bogus", "[mx.example.org]", false,
      { "mx.example.org A tempfail", "mx.example.org AAAA bogus" },
      "M13 none implicit\n0 mx.example.org A8 tempfail bogus, tempfail", ASKED("mx.example.org") },

    /* Step 3 */
    { "T1: one usable record among others is enough (V10, V12)", "[mx.example.org]", false,
      { ADDRESSES("mx.example.org"), "_25._tcp.mx.example.org TLSA secure 1 1 1 " DIGEST ", hex:0301, " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (3)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "T1: an alias at the TLSA name; the base domain stays what was asked for (DNS-25, V37)",
      "[mx.example.org]", false,
      { ADDRESSES("mx.example.org"),
        "_25._tcp.mx.example.org TLSA secure cname=tlsa._dane.example.net 2 0 1 " DIGEST },
      "M13 none implicit\n0 mx.example.org A1 secure, T1 usable at mx.example.org (1)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "T2: NO-PKIX-USAGES, usage 1 alone (V13)", "[mx.example.org]", false,
      { ADDRESSES("mx.example.org"), "_25._tcp.mx.example.org TLSA secure 1 1 1 " DIGEST ", 0 0 1 " DIGEST },
      "M13 none implicit\n0 mx.example.org A1 secure, T2 unusable at mx.example.org (2)",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "T2: malformed, empty and unknown parameters; the next candidate is not asked (DNS-26, V34)",
      "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA secure hex:, hex:03, 3 1 9 " DIGEST ", 3 9 1 " DIGEST ", 3 1 1 00",
        "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T2 unusable at real.example.net (5) alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net" },
    { "T3: SERVFAIL; the next candidate is not asked (DNS-28, V33)", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA tempfail", "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T3 tempfail alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net" },
    { "T3: bogus; the next candidate is not asked (V23)", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA bogus", "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure bogus, T3 tempfail alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net" },
    { "T3: after a denial at the first candidate", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA secure nodata", "_25._tcp.mx.example.org TLSA tempfail" },
      "M13 none implicit\n0 mx.example.org A2 secure, T3 tempfail alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net, TLSA _25._tcp.mx.example.org" },
    { "T4: denials at both candidates, NXDOMAIN and opt-out (V18, V20)", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA secure nxdomain", "_25._tcp.mx.example.org TLSA insecure nodata" },
      "M13 none implicit\n0 mx.example.org A2 secure, T4 none alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net, TLSA _25._tcp.mx.example.org" },
    { "T5: insecure records count for nothing (V21)", "[mx.example.org]", false,
      { ADDRESSES("mx.example.org"), "_25._tcp.mx.example.org TLSA insecure " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T5 insecure",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
    { "T5: the next candidate is asked, and its records count", "[mx.example.org]", false,
      { "mx.example.org A secure cname=real.example.net 192.0.2.1",
        "mx.example.org AAAA secure cname=real.example.net nodata",
        "_25._tcp.real.example.net TLSA insecure " GOOD, "_25._tcp.mx.example.org TLSA secure " GOOD },
      "M13 none implicit\n0 mx.example.org A2 secure, T1 usable at mx.example.org (1) alias of real.example.net",
      ASKED("mx.example.org") ", TLSA _25._tcp.real.example.net, TLSA _25._tcp.mx.example.org" },
    { "T5: unsigned by an alias at the TLSA name (weakest link)", "[mx.example.org]", false,
      { ADDRESSES("mx.example.org"), "_25._tcp.mx.example.org TLSA insecure cname=x.example.net " GOOD },
      "M13 none implicit\n0 mx.example.org A1 secure, T5 insecure",
      ASKED("mx.example.org") ", TLSA _25._tcp.mx.example.org" },
};

static void follows_the_row(void **state)
{
    const row *r = *state;
    errand e;
    static const char *const own[] = { "mx2.example.org", "home.example", NULL };
    otr_buf got = OTR_BUF_INIT, asked = OTR_BUF_INIT;

    errand_open(&e, r->rules);
    e.settings.dane_on_insecure_mx = !r->is_not_elected;
    e.settings.own_hosts = strncmp(r->sentence, "M12", 3) == 0 ? own : NULL;
    errand_finish(&e, r->to);
    put_finding(&got, e.finding);
    put_questions(&asked, &e);
    if (strcmp(otr_buf_text(&got), r->want) != 0 || strcmp(otr_buf_text(&asked), r->asked) != 0)
        fail_msg("%s\n  got  %s\n  want %s\n  asked    %s\n  to be    %s", r->sentence, otr_buf_text(&got),
            r->want,
                 otr_buf_text(&asked), r->asked);
    for (size_t i = 0; i < e.finding->host_count; i++)
        assert_true(*e.finding->hosts[i].reason != '\0');
    assert_int_equal(e.finding->found_at, NOW);
    otr_buf_clear(&got);
    otr_buf_clear(&asked);
    errand_close(&e);
}

/* M1: for an address literal nothing is asked; the finding is made at once. */
static void m1_an_address_literal(void **state)
{
    otr_destination d;
    otr_mx_finding *f;
    otr_buf got = OTR_BUF_INIT;

    (void)state;
    assert_int_equal(otr_destination_parse("[IPv6:2001:db8::1]:26", 21, &d, NULL), OUTRIDER_OK);
    f = otr_mx_finding_of_address(&d, NOW);
    put_finding(&got, f);
    assert_string_equal(otr_buf_text(&got), "M1 none\n0 2001:db8::1  insecure, none");
    assert_int_equal(f->destination.port, 26);
    assert_int_equal(f->evidence_count, 0);
    assert_true(f->valid_until > NOW);
    otr_buf_clear(&got);
    otr_mx_finding_unref(f);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1] = { cmocka_unit_test(m1_an_address_literal) };

    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 1] = (struct CMUnitTest){ .name = rows[i].sentence, .test_func = follows_the_row,
            .initial_state = (void *)(uintptr_t)&rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
