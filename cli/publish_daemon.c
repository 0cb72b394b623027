/*
 * publish_daemon.c - see publish_daemon.h. outriderd is believed, its texts are escaped for terminals by itself.
 */
#include "cli/publish_daemon.h"

#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/command.h"

#include <string.h>

#define NETWORKS_SHOWN 3
#define DAYS_SHOWN 3

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* 0: there is none. */
static otr_time time_of(const json_t *object, const char *key)
{
    const char *text = text_of(object, key);
    otr_time at = 0;

    return otr_date_parse(text, strlen(text), &at, NULL) ? at : 0;
}

json_t *otr_publish_ask(const char *what, const char *domain, const char *config, const char *socket, int *status)
{
    json_t *request = domain != NULL ? json_pack("{s:s, s:s}", "do", "publish.status", "domain", domain)
                                     : json_pack("{s:s}", "do", "publish.status");

    return otr_ask_control(request, what, config, socket, status);
}

const json_t *otr_publish_told(const json_t *answer, const char *domain)
{
    const json_t *list = json_object_get(answer, "domains");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "domain"), domain) == 0)
            return json_array_get(list, i);
    return NULL;
}

bool otr_publish_mean_served(otr_publish_look *look, const json_t *told)
{
    const char *text = text_of(told, "text"), *id = text_of(told, "id");
    otr_meant *m = &look->meant;

    otr_publish_mean_configured(look);
    m->exit_clock = time_of(told, "exit_clock");
    if (strlen(id) > OTR_STS_ID_MAX || otr_sts_policy_parse(text, strlen(text), &look->served, NULL) != OUTRIDER_OK)
        return false;
    m->publication.mode = look->served->mode;
    m->publication.mx = look->served->mx;
    m->publication.mx_count = look->served->mx_count;
    m->publication.max_age = look->served->max_age;
    m->text = look->served->body;
    m->text_len = look->served->body_len;
    snprintf(m->id, sizeof(m->id), "%s", id);
    return true;
}

/* For people ---------------------------------------------------------------------------------------------------- */

static void print_exit(const json_t *told, otr_time now)
{
    otr_time end = time_of(told, "exit_clock");
    char span[OTR_TIME_TEXT];

    if (end == 0)
        printf("  exit      no sender holds an enforce policy of ours\n");
    else if (end <= now)
        printf("  exit      since %s no sender holds an enforce policy of ours\n", text_of(told, "exit_clock"));
    else
        printf("  exit      a sender may hold an enforce policy until %s (%s)\n", text_of(told, "exit_clock"), otr_span_text(end - now, span));
}

static void print_certificate(const json_t *told, otr_time now)
{
    const json_t *c = json_object_get(told, "certificate");
    otr_time end = time_of(c, "not_after");
    char span[OTR_TIME_TEXT];

    if (json_is_object(c) && end > now)
        printf("  cert      %s, ends in %s (%s)\n", text_of(c, "subject"), otr_span_text(end - now, span), text_of(c, "not_after"));
    else if (json_is_object(c))
        printf("  cert      %s, EXPIRED on %s\n", text_of(c, "subject"), text_of(c, "not_after"));
    if (*text_of(told, "certificate_error") != '\0')
        printf("  cert      %s\n", text_of(told, "certificate_error"));
}

static void print_day(const json_t *list, const char *day)
{
    size_t networks = 0, shown = 0;
    json_int_t count = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);

        if (strcmp(text_of(f, "day"), day) != 0)
            continue;
        networks++;
        count += json_integer_value(json_object_get(f, "count"));
    }
    printf("  fetched   %s  %lld time%s from %zu network%s:", day, (long long)count, count == 1 ? "" : "s", networks, networks == 1 ? "" : "s");
    for (size_t i = 0; i < json_array_size(list) && shown < NETWORKS_SHOWN; i++) {
        const json_t *f = json_array_get(list, i);

        if (strcmp(text_of(f, "day"), day) == 0)
            printf("%s %s %lld", shown++ > 0 ? "," : "", text_of(f, "network"), (long long)json_integer_value(json_object_get(f, "count")));
    }
    printf("%s\n", shown < networks ? ", ..." : "");
}

/* The last days on which somebody came. */
static void print_fetches(const json_t *told)
{
    const json_t *list = json_object_get(told, "fetches");
    const char *before = "9999";
    size_t days = 0;

    for (; days < DAYS_SHOWN; days++) {
        const char *latest = "";

        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *day = text_of(json_array_get(list, i), "day");

            if (strcmp(day, before) < 0 && strcmp(day, latest) > 0)
                latest = day;
        }
        if (*latest == '\0')
            break;
        print_day(list, latest);
        before = latest;
    }
    if (days == 0)
        printf("  fetched   by nobody yet\n");
}

void otr_print_told(const json_t *told, otr_time now)
{
    otr_time since = time_of(told, "since");
    char span[OTR_TIME_TEXT];

    printf("  policy    %s", text_of(told, "phase"));
    if (since > 0)
        printf(" for %s", otr_span_text(now > since ? now - since : 0, span));
    printf("; serves mode %s, id %s\n", text_of(told, "mode"), *text_of(told, "id") != '\0' ? text_of(told, "id") : "none");
    if (*text_of(told, "withheld") != '\0')
        printf("  withheld  %s\n", text_of(told, "withheld"));
    print_exit(told, now);
    print_certificate(told, now);
    print_fetches(told);
}
