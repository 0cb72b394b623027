/*
 * records_policy.c - which policy the records are about: the one that outriderd serves, or, if it cannot be asked, the configured one.
 */
#include "cli/records.h"

#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT 5 /* s */

static const otr_publish_conf *find_section(const otr_conf *conf, const char *domain)
{
    for (size_t i = 0; i < conf->publish_count; i++)
        if (strcmp(conf->publish[i].domain, domain) == 0)
            return &conf->publish[i];
    return NULL;
}

bool otr_records_configured_id(const otr_publish_conf *p, otr_sts_mode mode, char id[OTR_STS_ID_MAX + 1], outrider_diag *diag)
{
    otr_publication publication = { .domain = p->domain, .mode = mode, .mx = p->mx.values, .mx_count = p->mx.count,
                                    .max_age = p->max_age };
    otr_buf text = OTR_BUF_INIT;
    bool is_good = otr_publication_text(&publication, &text, diag) == OUTRIDER_OK &&
                   otr_publication_id(text.data, text.len, id) == OUTRIDER_OK;

    otr_buf_clear(&text);
    return is_good;
}

/*
 * Enforce is never begun by a configuration alone (lifecycle.h): what the daemon would begin to serve is testing. Whether it has gone
 * on since, only it knows.
 */
static int take_configured(otr_records_command *c, const otr_publish_conf *p)
{
    otr_records_question *q = &c->question;
    outrider_diag diag = { 0 };
    char id[OTR_STS_ID_MAX + 1];

    if (p == NULL)
        return EX_OK;
    q->mode = (otr_sts_mode)p->mode;
    if (!otr_records_configured_id(p, q->mode, id, &diag))
        return otr_complain(EX_CONFIG, OTR_RECORDS_WHAT, "%s", diag.message);
    q->source = OTR_POLICY_CONFIGURED;
    q->id = otr_arena_text(c->arena, id);
    q->mx = p->mx.values;
    q->mx_count = p->mx.count;
    if (q->mode == OTR_STS_ENFORCE)
        otr_records_note(c, "the configuration says enforce; outriderd begins with testing until \"outrider publish set\" has looked, "
                            "and its id is another then");
    return EX_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* False: what the daemon says makes no sense, or it serves nothing. */
static bool take_served(otr_records_command *c, const json_t *told)
{
    const json_t *serving = json_object_get(told, "serving"), *withheld = json_object_get(told, "withheld");
    const json_t *certificate = json_object_get(told, "certificate");
    const char *text = text_of(serving, "text"), *id = text_of(serving, "id");
    otr_records_question *q = &c->question;
    otr_sts_record parsed;
    const char *record = otr_arena_printf(c->arena, "v=STSv1; id=%s;", id);

    if (otr_sts_policy_parse(text, strlen(text), &c->served, NULL) != OUTRIDER_OK ||
        otr_sts_record_parse(record, strlen(record), &parsed, NULL) != OUTRIDER_OK)
        return false;
    q->source = OTR_POLICY_IN_SERVICE;
    if (strcmp(text_of(certificate, "state"), "none") == 0)
        q->unserved = otr_arena_text(c->arena, text_of(certificate, "error"));
    q->id = otr_arena_text(c->arena, id);
    q->mode = c->served->mode;
    q->mx = c->served->mx;
    q->mx_count = c->served->mx_count;
    if (*text_of(withheld, "why") != '\0')
        otr_records_note(c, "%s", text_of(withheld, "why"));
    return true;
}

static const json_t *find_told(const json_t *answer, const char *domain)
{
    const json_t *list = json_object_get(answer, "publications");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "domain"), domain) == 0)
            return json_array_get(list, i);
    return NULL;
}

static const char *control_path(const otr_records_command *c)
{
    if (c->socket != NULL)
        return c->socket;
    for (size_t i = 0; i < c->conf->control.listen.count; i++)
        if (strncmp(c->conf->control.listen.values[i], "unix:", 5) == 0)
            return c->conf->control.listen.values[i] + 5;
    return NULL;
}

/* The answer, or NULL after noting why there is none. */
static json_t *ask_daemon(otr_records_command *c)
{
    const char *path = control_path(c);
    int fd = path != NULL ? otr_connect_unix(path, ASK_TIMEOUT) : -1, status = EX_OK;
    json_t *answer;

    if (fd < 0) {
        otr_records_note(c, "outriderd was not asked (%s); the policy is that of the configuration",
                         path != NULL ? strerror(errno) : "there is no control socket");
        return NULL;
    }
    close(fd);
    answer = otr_ask_control_at(json_pack("{s:s, s:s}", "do", "publish.status", "domain", c->domain), OTR_RECORDS_WHAT, path,
                                c->conf->limits.answer, &status);
    if (answer == NULL)
        otr_records_note(c, "outriderd has not answered; the policy is that of the configuration");
    return answer;
}

int otr_records_find_policy(otr_records_command *c)
{
    const otr_publish_conf *p = find_section(c->conf, c->domain);
    json_t *answer = NULL;
    const json_t *told;
    int status = EX_OK;

    if (p != NULL) {
        c->question.rua = p->tlsrpt.values;
        c->question.rua_count = p->tlsrpt.count;
    }
    if (c->is_offline)
        otr_records_note(c, "neither DNS nor outriderd was asked; the policy is that of the configuration");
    else
        answer = ask_daemon(c);
    told = find_told(answer, c->domain);
    if (strcmp(text_of(told, "phase"), "retired") == 0)
        c->question.source = OTR_POLICY_RETIRED;
    else if (told == NULL || !take_served(c, told))
        status = take_configured(c, p);
    json_decref(answer);
    if (p == NULL && c->question.source == OTR_POLICY_ABSENT)
        otr_records_note(c, "there is no section publish \"%s\"", c->domain);
    return status;
}
