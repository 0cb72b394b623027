/*
 * publish_daemon.c - see publish_daemon.h. outriderd is believed, its texts are escaped for terminals by itself.
 */
#include "cli/publish_daemon.h"

#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/command.h"

#include <string.h>

#define NETWORKS_SHOWN 5
#define DAYS_SHOWN 7

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
    const json_t *list = json_object_get(answer, "publications");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "domain"), domain) == 0)
            return json_array_get(list, i);
    return NULL;
}

bool otr_publish_mean_served(otr_publish_look *look, const json_t *told)
{
    const json_t *serving = json_object_get(told, "serving");
    const char *text = text_of(serving, "text"), *id = text_of(serving, "id");
    otr_meant *m = &look->meant;

    otr_publish_mean_configured(look);
    m->exit_clock = time_of(told, "exit");
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

bool otr_has_trouble(const json_t *told, otr_time now)
{
    const json_t *certificate = json_object_get(told, "certificate");
    otr_time end = time_of(certificate, "not_after");

    return *text_of(told, "fault") != '\0' || *text_of(certificate, "error") != '\0' || (end > 0 && end <= now);
}

/* For people ---------------------------------------------------------------------------------------------------- */

static void print_policy(const json_t *told, otr_time now)
{
    const json_t *serving = json_object_get(told, "serving");
    const char *why = text_of(json_object_get(told, "withheld"), "why"), *fault = text_of(told, "fault");
    otr_time since = time_of(told, "phase_since");
    char span[OTR_TIME_TEXT];

    printf("  policy    %s", text_of(told, "phase"));
    if (since > 0)
        printf(" for %s", otr_span_text(now > since ? now - since : 0, span));
    if (json_is_object(serving))
        printf("; serves mode %s, id %s\n", text_of(serving, "mode"), text_of(serving, "id"));
    else
        printf("; nothing is served\n");
    if (*why != '\0')
        printf("  withheld  %s\n", why);
    if (*fault != '\0')
        printf("  fault     %s\n", fault);
}

static void print_exit(const json_t *told, otr_time now)
{
    otr_time end = time_of(told, "exit");
    char span[OTR_TIME_TEXT];

    if (end == 0)
        printf("  exit      no sender holds an enforce policy of ours\n");
    else if (end <= now)
        printf("  exit      since %s no sender holds an enforce policy of ours\n", text_of(told, "exit"));
    else
        printf("  exit      a sender may hold an enforce policy until %s (%s)\n", text_of(told, "exit"), otr_span_text(end - now, span));
}

static void print_certificate(const json_t *told, otr_time now)
{
    const json_t *c = json_object_get(told, "certificate");
    otr_time end = time_of(c, "not_after");
    char span[OTR_TIME_TEXT];

    if (end > now)
        printf("  cert      ends in %s (%s): %s\n", otr_span_text(end - now, span), text_of(c, "not_after"), text_of(c, "file"));
    else if (end > 0)
        printf("  cert      EXPIRED on %s: %s\n", text_of(c, "not_after"), text_of(c, "file"));
    if (*text_of(c, "error") != '\0')
        printf("  cert      %s\n", text_of(c, "error"));
}

static long long count_of(const json_t *object)
{
    return (long long)json_integer_value(json_object_get(object, "count"));
}

/* The last days on which somebody came, and the networks that came most. */
static void print_fetches(const json_t *told)
{
    const json_t *fetches = json_object_get(told, "fetches");
    const json_t *days = json_object_get(fetches, "days"), *networks = json_object_get(fetches, "networks");
    size_t shown = 0;

    printf("  fetched   ");
    for (size_t i = 0; i < json_array_size(days) && shown < DAYS_SHOWN; i++)
        if (count_of(json_array_get(days, i)) > 0)
            printf("%s%s: %lld", shown++ > 0 ? ", " : "", text_of(json_array_get(days, i), "day"), count_of(json_array_get(days, i)));
    printf("%s\n", shown == 0 ? "by nobody" : "");
    for (size_t i = 0; i < json_array_size(networks) && i < NETWORKS_SHOWN; i++)
        printf("            %s: %lld\n", text_of(json_array_get(networks, i), "network"), count_of(json_array_get(networks, i)));
    if (json_array_size(networks) > NETWORKS_SHOWN)
        printf("            and %lld networks more\n",
               (long long)json_integer_value(json_object_get(fetches, "network_count")) - NETWORKS_SHOWN);
    if (*text_of(fetches, "error") != '\0')
        printf("            not all: %s\n", text_of(fetches, "error"));
}

void otr_print_told(const json_t *told, otr_time now)
{
    print_policy(told, now);
    print_exit(told, now);
    print_certificate(told, now);
    print_fetches(told);
}
