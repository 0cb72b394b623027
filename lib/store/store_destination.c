/*
 * store_destination.c - destinations as last decided: their hosts, and how much is asked of them.
 */
#include "store/store_destination.h"

#include "base/buf.h"
#include "base/diag.h"
#include "store/store_trust.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DANE_MARK "/dane"

/* What is left at `now` of what was counted at `then`; a clock that was set back takes nothing away. */
static double fade(double traffic, otr_time then, otr_time now)
{
    return now > then ? traffic * exp(-(double)(now - then) / (OTR_TRAFFIC_DAYS * 86400.0)) : traffic;
}

static bool is_count(double traffic)
{
    return isfinite(traffic) && traffic >= 0;
}

/* --- hosts as text: host *(SP host), host = name ["/dane"] ------------------------------------------------------ */

static bool list_hosts(const otr_dependant_host *hosts, size_t count, otr_buf *list)
{
    for (size_t i = 0; i < count; i++) {
        if (!otr_is_ldh_domain(hosts[i].name, strlen(hosts[i].name)))
            return false;
        otr_buf_puts(list, i > 0 ? " " : "");
        otr_buf_puts(list, hosts[i].name);
        otr_buf_puts(list, hosts[i].has_dane ? DANE_MARK : "");
    }
    return true;
}

static bool read_host(char *word, otr_dependant_host *host)
{
    char *mark = strchr(word, '/');

    if (mark != NULL && strcmp(mark, DANE_MARK) != 0)
        return false;
    if (mark != NULL)
        *mark = '\0';
    *host = (otr_dependant_host){ .name = word, .has_dane = mark != NULL };
    return otr_is_ldh_domain(word, strlen(word));
}

static bool read_hosts(otr_destination_row *row)
{
    char *rest = row->names;

    while (rest != NULL && *rest != '\0') {
        char *word = strsep(&rest, " ");

        if (row->host_count == OTR_DEPENDANT_HOSTS_MAX || !read_host(word, &row->hosts[row->host_count++]))
            return false;
    }
    return rest == NULL || row->host_count == 0; /* else there is a space at the end */
}

/* --- rows ------------------------------------------------------------------------------------------------------- */

static const char *read_row(sqlite3_stmt *s, otr_time now, otr_destination_row *row)
{
    otr_time decided_at = sqlite3_column_int64(s, 2);
    double traffic = sqlite3_column_double(s, 1);

    if (!copy_text(s, 0, row->names, sizeof(row->names)) || !read_hosts(row))
        return "the hosts are none";
    if (!is_count(traffic))
        return "the traffic is impossible";
    if (decided_at <= 0 || decided_at > INT64_MAX / 2)
        return "the time is impossible";
    row->traffic = fade(traffic, decided_at, now);
    return NULL;
}

bool otr_work_get_destination(otr_work *w, const char *domain, otr_time now, otr_destination_row *row, const char **fault)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_GET_DESTINATION);

    row->host_count = 0;
    row->traffic = 0;
    *fault = NULL;
    if (!otr_work_row(w, s, bind_text(s, 1, domain)))
        return false;
    *fault = read_row(s, now, row);
    otr_work_drop(s);
    if (*fault != NULL) {
        row->host_count = 0;
        row->traffic = 0;
    }
    return *fault == NULL;
}

outrider_err otr_store_put_destination(otr_store *store, const char *domain, const otr_dependant_host *hosts, size_t count,
                                       double questions, otr_time now, outrider_diag *diag)
{
    otr_buf list = OTR_BUF_INIT;
    otr_destination_row *row;
    outrider_err err;
    const char *fault;
    sqlite3_stmt *s;
    otr_work w;

    if (count > OTR_DEPENDANT_HOSTS_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "%s: \"%.100s\" has more than %d hosts and is not recorded", store->path,
                        domain, OTR_DEPENDANT_HOSTS_MAX);
    if (!otr_is_ldh_domain(domain, strlen(domain)) || !list_hosts(hosts, count, &list) || !is_count(questions) || now <= 0) {
        otr_buf_clear(&list);
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the decision for \"%.100s\" is not recorded: domain, hosts, time or "
                                                 "number of questions is none", store->path, domain);
    }
    row = malloc(sizeof(*row));
    if (row == NULL || list.err != OUTRIDER_OK) {
        free(row);
        otr_buf_clear(&list);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    otr_work_begin(&w, store, OTR_WORK_OBSERVE, diag);
    otr_work_get_destination(&w, domain, now, row, &fault); /* a row that is damaged is replaced */
    s = otr_work_take(&w, OTR_STORE_PUT_DESTINATION);
    otr_work_run(&w, s, bind_text(s, 1, domain) && bind_text(s, 2, otr_buf_text(&list)) &&
                            sqlite3_bind_double(s, 3, row->traffic + questions) == SQLITE_OK && bind_number(s, 4, now));
    err = otr_work_end(&w);
    free(row);
    otr_buf_clear(&list);
    return err;
}
