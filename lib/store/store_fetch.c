/*
 * store_fetch.c - who fetched our policies: counts by domain, day and network.
 */
#include "store/store_publish.h"

#include "base/diag.h"
#include "store/store_work.h"

#include <string.h>

#define LATEST_DAY 10000000 /* no day of this world */

static bool is_network(const char *network)
{
    size_t len = strlen(network);

    return len > 0 && len < OTR_FETCH_NETWORK_SIZE &&
           (strcmp(network, OTR_FETCH_OTHER) == 0 || strspn(network, "0123456789abcdef.:/") == len);
}

static const char *find_fault(const otr_fetch_count *f)
{
    if (!otr_is_ldh_domain(f->domain, strlen(f->domain)))
        return "the domain is none";
    if (f->day <= 0 || f->day > LATEST_DAY)
        return "the day is impossible";
    if (!is_network(f->network))
        return "the network is none";
    return f->count == 0 || f->count > INT64_MAX / 4 ? "the count is none" : NULL;
}

/* Writing ------------------------------------------------------------------------------------------------------ */

static bool bind_fetches(sqlite3_stmt *s, const otr_fetch_count *f, const char *network)
{
    return bind_text(s, 1, f->domain) && bind_number(s, 2, f->day) && bind_text(s, 3, network) && bind_number(s, 4, (int64_t)f->count);
}

/* Whether there was a row to add to. */
static bool add_to(otr_work *w, const otr_fetch_count *f, const char *network)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_ADD_FETCHES);

    otr_work_run(w, s, bind_fetches(s, f, network));
    return w->err != OUTRIDER_OK || sqlite3_changes(w->db) > 0;
}

static int64_t take_number(otr_work *w, sqlite3_stmt *s, bool is_bound)
{
    int64_t number = 0;

    if (otr_work_row(w, s, is_bound)) {
        number = sqlite3_column_int64(s, 0);
        otr_work_drop(s);
    }
    return number;
}

static bool has_room(otr_work *w, const otr_fetch_count *f)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_COUNT_NETWORKS);

    if (w->store->fetches < 0)
        w->store->fetches = take_number(w, otr_work_take(w, OTR_STORE_COUNT_FETCHES), true);
    return w->store->fetches < OTR_FETCH_ROWS_MAX &&
           take_number(w, s, bind_text(s, 1, f->domain) && bind_number(s, 2, f->day)) < OTR_FETCH_NETWORKS_MAX;
}

/* A network that finds no room is one of the others; for these there is always room. */
static void add_fetches(otr_work *w, const otr_fetch_count *f)
{
    const char *why = find_fault(f), *network = f->network;
    sqlite3_stmt *s;

    if (why != NULL) {
        otr_work_refuse(w, OUTRIDER_E_SYNTAX, "fetches of \"%.100s\" are not kept: %s", f->domain, why);
        return;
    }
    if (add_to(w, f, network))
        return;
    if (!has_room(w, f)) {
        network = OTR_FETCH_OTHER;
        if (add_to(w, f, network))
            return;
    }
    s = otr_work_take(w, OTR_STORE_PUT_FETCHES);
    otr_work_run(w, s, bind_fetches(s, f, network));
    if (w->err == OUTRIDER_OK)
        w->store->fetches++;
}

outrider_err otr_store_note_fetches(otr_store *store, const otr_version_times *times, size_t time_count, const otr_fetch_count *fetches,
                                    size_t fetch_count, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_OBSERVE, diag);
    for (size_t i = 0; i < time_count && w.err == OUTRIDER_OK; i++) {
        sqlite3_stmt *s = otr_work_take(&w, OTR_STORE_TOUCH_VERSION);

        otr_work_run(&w, s, bind_text(s, 1, times[i].domain) && bind_text(s, 2, times[i].id) && bind_number(s, 3, times[i].last));
    }
    for (size_t i = 0; i < fetch_count && w.err == OUTRIDER_OK; i++)
        add_fetches(&w, &fetches[i]);
    return otr_work_end(&w);
}

/* Reading ------------------------------------------------------------------------------------------------------ */

static const char *read_fetches(sqlite3_stmt *s, char domain[OTR_DOMAIN_SIZE], char network[OTR_FETCH_NETWORK_SIZE], otr_fetch_count *f)
{
    sqlite3_int64 count = sqlite3_column_int64(s, 3);

    *f = (otr_fetch_count){ .domain = domain, .day = sqlite3_column_int64(s, 1), .network = network,
                            .count = count > 0 ? (uint64_t)count : 0 };
    if (!copy_text(s, 0, domain, OTR_DOMAIN_SIZE) || !copy_text(s, 2, network, OTR_FETCH_NETWORK_SIZE))
        return "domain or network is none";
    return find_fault(f);
}

outrider_err otr_store_each_fetches(otr_store *store, const char *domain, int64_t from_day, otr_store_visit_fetches *visit, void *arg,
                                    outrider_diag *diag)
{
    outrider_err bad = OUTRIDER_OK, err;
    sqlite3_stmt *s;
    bool is_bound;
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&w, OTR_STORE_FETCHES);
    is_bound = bind_text(s, 1, domain) && bind_number(s, 2, from_day);
    while (otr_work_row(&w, s, is_bound)) {
        char of[OTR_DOMAIN_SIZE] = "", network[OTR_FETCH_NETWORK_SIZE];
        otr_fetch_count f;
        const char *why = read_fetches(s, of, network, &f);

        if (why == NULL)
            visit(arg, &f);
        else if (bad == OUTRIDER_OK)
            bad = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: fetches of \"%.100s\" are not used: %s", store->path, of, why);
    }
    err = otr_work_end(&w);
    return err != OUTRIDER_OK ? err : bad;
}
