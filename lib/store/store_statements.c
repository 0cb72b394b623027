/*
 * store_statements.c - all the SQL of a store that is open. What makes the tables is in store_schema.c.
 */
#include "store/store_statements.h"

#define STS_COLUMNS "domain, id, body, fetched_at, expires_at, failure, error, tried_id, tried_at, retry_at, failures"
#define ALIVE "mode IN ('enforce', 'testing') AND expires_at > ?1 AND retry_at <= ?1"
#define GET_STS "SELECT " STS_COLUMNS " FROM sts WHERE domain = ?1"

/* What a damaged row held is put right; what is there already is not written again. */
#define PUT_CERTIFICATE "INSERT INTO certificates (sha256, der) VALUES (?1, ?2) " \
                        "ON CONFLICT (sha256) DO UPDATE SET der = excluded.der WHERE der <> excluded.der"
#define GET_CERTIFICATE "SELECT der FROM certificates WHERE sha256 = ?1"

const char *const otr_store_sql[OTR_STORE_STATEMENTS] = {
    [OTR_STORE_PUT] = "INSERT OR REPLACE INTO sts (" STS_COLUMNS ", mode) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [OTR_STORE_DROP] = "DELETE FROM sts WHERE domain = ?1",
    [OTR_STORE_GET] = GET_STS,
    /* Where nothing is due an index each tells for both reasons (the LIMIT, which is looked at first), and nothing is gone
     * through; where much is, the first are found at once. */
    [OTR_STORE_DUE] = "SELECT domain, fetched_at FROM sts WHERE " ALIVE " AND fetched_at + min(?2, (expires_at - fetched_at) / 2) "
            "<= ?1 AND (fetched_at, domain) > (?4, ?5) ORDER BY fetched_at, domain LIMIT CASE WHEN "
            "EXISTS (SELECT 1 FROM sts WHERE " ALIVE " AND fetched_at <= ?1 - ?2) OR "
            "EXISTS (SELECT 1 FROM sts WHERE mode <> '' AND " ALIVE " AND fetched_at + (expires_at - fetched_at) / 2 <= ?1) "
            "THEN ?3 ELSE 0 END",
    /* A clock that was far ahead for a moment must not cost what it will find unexpired again (30 days). */
    [OTR_STORE_SWEEP] = "DELETE FROM sts WHERE expires_at + 2592000 <= ?1 AND retry_at <= ?1",
    [OTR_STORE_PUT_OVERRIDE] = "INSERT OR REPLACE INTO overrides (domain, level, until, reason, made_at, uid) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [OTR_STORE_DROP_OVERRIDE] = "DELETE FROM overrides WHERE domain = ?1",
    [OTR_STORE_OVERRIDES] = "SELECT domain, level, until, reason, made_at, uid FROM overrides ORDER BY domain",
    [OTR_STORE_SWEEP_OVERRIDES] = "DELETE FROM overrides WHERE until <= ?1",
    /* A time at which something was fetched or tried has been seen as well. */
    [OTR_STORE_LAST_TIME] = "SELECT max(latest, coalesce((SELECT max(fetched_at) FROM sts), 0), "
                            "coalesce((SELECT max(tried_at) FROM sts WHERE tried_at > 0), 0)) FROM clock",
    [OTR_STORE_NOTE_TIME] = "UPDATE clock SET latest = ?1 WHERE latest < ?1",
    [OTR_STORE_SUMMARY] = "SELECT count(*) FILTER (WHERE mode = 'enforce'), count(*) FILTER (WHERE mode = 'testing'), "
                "count(*) FILTER (WHERE mode = 'none'), coalesce(max(?1 - fetched_at - min(?2, (expires_at - fetched_at) "
                "/ 2)) FILTER (WHERE mode IN ('enforce', 'testing')), 0) FROM sts WHERE expires_at > ?1",

    [OTR_STORE_PUT_CERTIFICATE] = PUT_CERTIFICATE,
    [OTR_STORE_GET_CERTIFICATE] = GET_CERTIFICATE,
    [OTR_STORE_PUT_EXCEPTION] = "INSERT OR REPLACE INTO exceptions (root, domain, until, reason, made_at, uid) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [OTR_STORE_DROP_EXCEPTION] = "DELETE FROM exceptions WHERE root = ?1 AND domain = ?2",
    [OTR_STORE_COUNT_EXCEPTIONS] = "SELECT count(*) FROM exceptions",
    [OTR_STORE_EXCEPTIONS] = "SELECT root, domain, until, reason, made_at, uid FROM exceptions ORDER BY root, domain",
    [OTR_STORE_SWEEP_EXCEPTIONS] = "DELETE FROM exceptions WHERE until <= ?1",
    [OTR_STORE_PUT_HOLD] = "INSERT OR REPLACE INTO holds (domain, role, host, from_root, from_name, to_root, to_name, since) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [OTR_STORE_DROP_HOLDS] = "DELETE FROM holds WHERE domain = ?1",
    [OTR_STORE_HOLDS] = "SELECT domain, role, host, from_root, from_name, to_root, to_name, since FROM holds "
                        "ORDER BY domain, role, host",
    [OTR_STORE_PUT_PUBLICATION] = "INSERT OR REPLACE INTO publications (domain, phase, since, serving, uid, forced, reason) "
                                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    /* A text that returns has been there since it first was. */
    [OTR_STORE_PUT_VERSION] = "INSERT INTO versions (domain, id, mode, max_age, body, since, last, horizon) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (domain, id) DO UPDATE SET "
                              "mode = excluded.mode, max_age = excluded.max_age, body = excluded.body, "
                              "since = min(since, excluded.since), last = max(last, excluded.last), horizon = excluded.horizon",
    [OTR_STORE_PUT_HORIZON] = "UPDATE versions SET last = max(last, ?3), horizon = ?4 WHERE domain = ?1 AND id = ?2",
    [OTR_STORE_PUBLICATIONS] = "SELECT domain, phase, since, serving, uid, forced, reason FROM publications ORDER BY domain",
    [OTR_STORE_VERSIONS] = "SELECT domain, id, mode, max_age, body, since, last, horizon FROM versions WHERE domain = ?1 "
                           "ORDER BY since, id",
    [OTR_STORE_FETCHES] = "SELECT domain, day, network, count FROM fetches WHERE (?1 = '' OR domain = ?1) AND day >= ?2 "
                          "ORDER BY domain, day, network",
    [OTR_STORE_SWEEP_VERSIONS] = "DELETE FROM versions WHERE max(since, last, horizon) + max_age <= ?1",
    [OTR_STORE_SWEEP_PUBLICATIONS] = "DELETE FROM publications WHERE since <= ?1 AND domain NOT IN (SELECT domain FROM versions)",

    [OTR_STORE_PUT_REMOVAL] = "INSERT OR REPLACE INTO removals (name, at, until, uid) VALUES (?1, ?2, ?3, ?4)",
    [OTR_STORE_GET_REMOVAL] = "SELECT name, at, until, uid FROM removals WHERE name = ?1",
    [OTR_STORE_REMOVALS] = "SELECT name, at, until, uid FROM removals WHERE until > ?1 ORDER BY name",
    [OTR_STORE_SWEEP_REMOVALS] = "DELETE FROM removals WHERE until <= ?1",

    [OTR_STORE_SEE_STS] = GET_STS,
    [OTR_STORE_SEE_CERTIFICATE] = GET_CERTIFICATE,
    [OTR_STORE_KEEP_CERTIFICATE] = PUT_CERTIFICATE,
    [OTR_STORE_KEEP_CHAIN] = "INSERT INTO chains (certificates) VALUES (?1) ON CONFLICT DO NOTHING",
    [OTR_STORE_FIND_CHAIN] = "SELECT id FROM chains WHERE certificates = ?1",
    [OTR_STORE_PUT_SIGHTING] = "INSERT OR REPLACE INTO sightings (domain, role, host, source, seen_at, chain, root, error, "
                               "expires_at, root_before, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [OTR_STORE_FIND_SIGHTING] = "SELECT seen_at, certificates, root, error, expires_at, root_before, changed_at "
                                "FROM sightings LEFT JOIN chains ON id = chain WHERE domain = ?1 AND role = ?2 AND host = ?3",
    [OTR_STORE_TOUCH_SIGHTING] = "UPDATE sightings SET seen_at = ?4, source = ?5 WHERE domain = ?1 AND role = ?2 AND host = ?3",
    /* The policy host is one, and looked at more often than any: it makes room last. */
    [OTR_STORE_CROWD_SIGHTINGS] = "DELETE FROM sightings WHERE (domain, role, host) IN (SELECT domain, role, host "
                                  "FROM sightings WHERE domain = ?1 ORDER BY role = 'policy' DESC, seen_at DESC "
                                  "LIMIT -1 OFFSET ?2)",
    [OTR_STORE_COUNT_SIGHTINGS] = "SELECT count(*) FROM sightings",
    [OTR_STORE_SIGHTINGS] = "SELECT role, host, source, seen_at, certificates, root, error, expires_at, root_before, changed_at "
                            "FROM sightings LEFT JOIN chains ON id = chain WHERE domain = ?1 ORDER BY role, host",
    [OTR_STORE_SWEEP_SIGHTINGS] = "DELETE FROM sightings WHERE seen_at <= ?1",
    [OTR_STORE_SWEEP_CHAINS] = "DELETE FROM chains WHERE id NOT IN (SELECT chain FROM sightings)",
    [OTR_STORE_SWEEP_CERTIFICATES] = "DELETE FROM certificates WHERE sha256 NOT IN (SELECT value FROM chains, "
                                     ""
                                     "json_each(CASE WHEN certificates NOT GLOB '*[^0-9a-f ]*' "
                                     "THEN '[\"' || replace(certificates, ' ', '\",\"') || '\"]' ELSE '[]' END) "
                                     "UNION SELECT root FROM sightings UNION SELECT root FROM exceptions)",
    [OTR_STORE_PUT_DESTINATION] = "INSERT OR REPLACE INTO destinations (domain, hosts, traffic, decided_at) "
                                  "VALUES (?1, ?2, ?3, ?4)",
    [OTR_STORE_GET_DESTINATION] = "SELECT hosts, traffic, decided_at FROM destinations WHERE domain = ?1",
    [OTR_STORE_SWEEP_DESTINATIONS] = "DELETE FROM destinations WHERE decided_at <= ?1",
    /* Each part comes in the order of its key, so that they are merged, and nothing is sorted or kept. */
    [OTR_STORE_NEXT_DEPENDANT] = "SELECT domain FROM sts WHERE domain >= ?1 AND body IS NOT NULL AND expires_at > ?2 "
                                 "UNION SELECT domain FROM sightings WHERE domain >= ?1 "
                                 "UNION SELECT domain FROM destinations WHERE domain >= ?1 ORDER BY 1 LIMIT 1",
    [OTR_STORE_TOUCH_VERSION] = "UPDATE versions SET last = max(last, ?3) WHERE domain = ?1 AND id = ?2",
    [OTR_STORE_ADD_FETCHES] = "UPDATE fetches SET count = count + ?4 WHERE domain = ?1 AND day = ?2 AND network = ?3",
    [OTR_STORE_PUT_FETCHES] = "INSERT INTO fetches (domain, day, network, count) VALUES (?1, ?2, ?3, ?4)",
    [OTR_STORE_COUNT_NETWORKS] = "SELECT count(*) FROM fetches WHERE domain = ?1 AND day = ?2",
    [OTR_STORE_COUNT_FETCHES] = "SELECT count(*) FROM fetches",
    [OTR_STORE_SWEEP_FETCHES] = "DELETE FROM fetches WHERE day <= ?1",
    [OTR_STORE_POLICIES] = "SELECT " STS_COLUMNS " FROM sts WHERE domain > ?1 AND body IS NOT NULL AND expires_at > ?2 "
                           "ORDER BY domain LIMIT ?3",
    [OTR_STORE_SEEN_AT] = "SELECT seen_at FROM sightings WHERE domain = ?1 AND role = ?2 AND host = ?3",
    [OTR_STORE_NEXT_SIGHTED] = "SELECT domain FROM sightings WHERE domain > ?1 ORDER BY domain LIMIT 1",
};
