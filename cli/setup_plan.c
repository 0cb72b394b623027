/*
 * setup_plan.c - putting together what is printed: fragments with the paths of outrider.conf in them, what
 * outrider.conf itself needs, and what is missing.
 */
#include "cli/setup_plan.h"

#include "cli/setup_fragment.h"
#include "trust/anchors.h"

#include <assert.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define EXIM_DEBIAN "/etc/exim4"
#define RELOAD_DEBIAN "; then run update-exim4.conf and restart Exim"
#define INCLUDE(name) "# Outrider, see outrider(1).\n.include " EXIM_DEBIAN "/outrider/" name "\n"

/* The address and the folder of anchor files that a fragment names as it stands. */
static const char *const shipped_address[OTR_MTA_COUNT] = {
    [OTR_EXIM] = "/run/outrider/exim.sock",
    [OTR_POSTFIX] = "unix:outrider/policy.sock",
    [OTR_SENDMAIL] = "local:/run/outrider/sendmail.sock",
};
#define SHIPPED_EXIM_DIR "/run/outrider/ta"

/* Which text goes where: a fragment, or lines that include one. path "": the file that the mail server reads. */
#define ANY_LAYOUT -1
static const struct target {
    otr_mta_kind mta;
    int layout;
    const char *fragment, *text, *path, *action;
} targets[] = {
    { OTR_EXIM, ANY_LAYOUT, "exim/routers.conf", NULL, EXIM_DEBIAN "/outrider/routers.conf", "create" },
    { OTR_EXIM, ANY_LAYOUT, "exim/transport.conf", NULL, EXIM_DEBIAN "/outrider/transport.conf", "create" },
    { OTR_EXIM, ANY_LAYOUT, "exim/retry.conf", NULL, EXIM_DEBIAN "/outrider/retry.conf", "create" },
    { OTR_EXIM, OTR_LAYOUT_PLAIN, NULL, INCLUDE("routers.conf"), "",
      "insert below \"begin routers\", before or in place of the router that has driver = dnslookup" },
    { OTR_EXIM, OTR_LAYOUT_PLAIN, NULL, INCLUDE("transport.conf"), "", "insert below \"begin transports\"" },
    { OTR_EXIM, OTR_LAYOUT_PLAIN, NULL, INCLUDE("retry.conf"), "",
      "insert below \"begin retry\"; then restart Exim" },
    { OTR_EXIM, OTR_LAYOUT_SPLIT, NULL, INCLUDE("routers.conf"), EXIM_DEBIAN "/conf.d/router/190_outrider", "create" },
    { OTR_EXIM, OTR_LAYOUT_SPLIT, NULL, INCLUDE("transport.conf"), EXIM_DEBIAN "/conf.d/transport/30_outrider",
      "create" },
    { OTR_EXIM, OTR_LAYOUT_SPLIT, NULL, INCLUDE("retry.conf"), EXIM_DEBIAN "/conf.d/retry/20_outrider",
      "create" RELOAD_DEBIAN },
    { OTR_EXIM, OTR_LAYOUT_UNSPLIT, NULL, INCLUDE("routers.conf"), EXIM_DEBIAN "/exim4.conf.template",
      "insert below the line \"### end router/150_exim4-config_hubbed_hosts\"" },
    { OTR_EXIM, OTR_LAYOUT_UNSPLIT, NULL, INCLUDE("transport.conf"), EXIM_DEBIAN "/exim4.conf.template",
      "insert below the line \"begin transports\"" },
    { OTR_EXIM, OTR_LAYOUT_UNSPLIT, NULL, INCLUDE("retry.conf"), EXIM_DEBIAN "/exim4.conf.template",
      "insert below the line \"begin retry\"" RELOAD_DEBIAN },
    { OTR_POSTFIX, ANY_LAYOUT, "postfix/main.cf", NULL, "/etc/postfix/main.cf",
      "add, and remove other lines that set the same; then run postfix reload" },
    { OTR_SENDMAIL, ANY_LAYOUT, "sendmail/outrider.mc", NULL, "/etc/mail/sendmail.mc",
      "add the rulesets at the end, and what is above them above the MAILER lines; then run sendmailconfig" },
};

const char *otr_mta_tls(const otr_mta *mta)
{
    if (mta->kind == OTR_EXIM)
        return otr_mta_has(mta, "gnutls") ? "gnutls" : otr_mta_has(mta, "openssl") ? "openssl" : NULL;
    return otr_mta_has(mta, mta->kind == OTR_POSTFIX ? "tls" : "starttls") ? "openssl" : NULL;
}

static void add_lack(otr_plan *plan, const char *what, const char *why, const char *fix)
{
    otr_lack *lack = &plan->lacks[plan->lack_count];

    if (plan->lack_count == OTR_LACKS_MAX)
        return; /* more than there are rules */
    plan->lack_count++;
    lack->what = strdup(what);
    lack->why = strdup(why);
    lack->fix = strdup(fix);
    plan->is_out_of_memory |= lack->what == NULL || lack->why == NULL || lack->fix == NULL;
}

/* text is taken over. */
static void add_file(otr_plan *plan, const char *path, const char *action, char *text, bool is_ours)
{
    otr_plan_file *file = &plan->files[plan->file_count++];

    assert(plan->file_count <= OTR_PLAN_FILES_MAX);
    *file = (otr_plan_file){ .path = strdup(path), .action = strdup(action), .text = text, .is_ours = is_ours };
    plan->is_out_of_memory |= file->path == NULL || file->action == NULL || file->text == NULL;
}

static void find_version_lacks(otr_plan *plan)
{
    for (size_t i = 0; i < otr_requirement_count; i++) {
        const otr_requirement *r = &otr_requirements[i];

        if (r->mta == plan->mta->kind && otr_condition_holds(otr_slice_of(r->condition), &plan->mta->traits, NULL))
            add_lack(plan, r->what, r->why, r->fix);
    }
}

const char *otr_resolver_fault(const otr_resolver_state *resolver, size_t server, const char **fix)
{
    *fix = "install a validating resolver on this machine (on Debian: unbound) and name it in resolv.conf: "
           "nameserver 127.0.0.1";
    switch (resolver->ad[server]) {
    case OTR_AD_SILENT: return "gives no answer";
    case OTR_AD_FAILED: return "cannot answer a question for the root's NS records";
    case OTR_AD_MISSING:
        return "does not validate DNSSEC (no AD bit in its answer): the mail server would see no TLSA records, and "
               "mail "
               "to destinations that have them would wait";
    case OTR_AD_SET: break;
    }
    if (!resolver->is_loopback[server])
        return "is not on this machine: whoever is on the path to it can forge the AD bit, on which the mail server's "
               "DANE rests";
    return NULL;
}

static void find_resolver_lacks(otr_plan *plan, const otr_resolver_state *resolver)
{
    for (size_t i = 0; i < resolver->servers.count; i++) {
        const char *fix, *fault = otr_resolver_fault(resolver, i, &fix);
        char why[512];

        if (fault == NULL)
            continue;
        snprintf(why, sizeof(why), "%s of %s %s", resolver->servers.address[i], resolver->path, fault);
        add_lack(plan, "a resolver with DNSSEC", why, fix);
    }
    if (plan->mta->kind == OTR_EXIM && !resolver->trusts_ad)
        add_lack(plan, "trust-ad",
                 "resolv.conf has no \"options trust-ad\": the C library hides from Exim that answers are signed, and "
                 "mail to destinations with TLSA records would wait",
                 "add \"options edns0 trust-ad\" to resolv.conf, if its servers are on this machine");
}

/* Whether a socket that is there admits the mail server, whatever outrider.conf says: systemd may have made it. */
static bool admits(const char *path, const otr_mta *mta)
{
    const struct group *group = getgrnam(mta->group);
    const struct passwd *user = getpwnam(mta->user);
    struct stat found;

    if (stat(path, &found) != 0)
        return false;
    return (found.st_mode & 06) == 06 ||
           (group != NULL && found.st_gid == group->gr_gid && (found.st_mode & 060) == 060) ||
           (user != NULL && found.st_uid == user->pw_uid);
}

static void find_listener_lacks(otr_plan *plan, const otr_settings *settings, otr_buf *text)
{
    const otr_listen_conf *conf = plan->mta->kind == OTR_EXIM ? &settings->conf->line : &settings->conf->socketmap;
    const char *section = plan->mta->kind == OTR_EXIM ? "line" : "socketmap";
    bool is_unix = strncmp(plan->place.listen, "unix:", 5) == 0;
    bool lacks_group = is_unix && plan->mta->kind != OTR_SENDMAIL && (conf->mode & 06) != 06 &&
                       strcmp(conf->group, plan->mta->group) != 0 && !admits(plan->place.listen + 5, plan->mta);
    char why[768];

    if (!plan->place.is_configured) {
        snprintf(why, sizeof(why), "%s has no %s.listen that %s can use", settings->path, section,
                 otr_mta_titles[plan->mta->kind]);
        if (settings->is_file)
            add_lack(plan, "a socket to ask", why, "add what is printed for outrider.conf");
    } else if (lacks_group) {
        snprintf(why, sizeof(why), "%s gives the socket %s to another group than \"%s\", as which %s asks",
                 settings->path, plan->place.listen + 5, plan->mta->group, otr_mta_titles[plan->mta->kind]);
        add_lack(plan, "access to the socket", why, "add what is printed for outrider.conf");
    }
    if (plan->place.is_configured && !lacks_group)
        return;
    otr_buf_printf(text, "%s {\n", section);
    if (!plan->place.is_configured)
        otr_buf_printf(text, "    # Where %s asks; keep the other addresses that are there.\n    listen = { \"%s\" }\n",
                       otr_mta_titles[plan->mta->kind], plan->place.listen);
    if (lacks_group)
        otr_buf_printf(text, "    # %s asks as this group.\n    group = \"%s\"\n", otr_mta_titles[plan->mta->kind],
                       plan->mta->group);
    otr_buf_puts(text, "}\n");
}

bool otr_has_system_roots(const otr_conf *conf)
{
    return otr_roots_is_system(conf->rules[0].roots);
}

static void find_anchor_lacks(otr_plan *plan, const otr_settings *settings, otr_buf *text)
{
    const char *why = NULL;

    if (plan->mta->kind == OTR_EXIM && settings->conf->anchors.exim_dir[0] == '\0')
        why = "anchors.exim_dir is empty: Exim has no none.pem, on which it depends where DANE applies";
    else if (plan->mta->kind == OTR_POSTFIX && settings->conf->anchors.postfix_dir[0] == '\0' &&
             !otr_has_system_roots(settings->conf))
        why = "anchors.postfix_dir is not set: answers name no roots, and Postfix would use its own for everybody";
    if (why == NULL)
        return;
    if (settings->is_file)
        add_lack(plan, "anchor files", why, "add what is printed for outrider.conf");
    otr_buf_puts(text,
                 "anchors \"default\" {\n    # The roots that count for a destination are handed over as files.\n");
    if (plan->mta->kind == OTR_EXIM)
        otr_buf_puts(text, "    exim_dir = \"/run/outrider/ta\"\n}\n");
    else
        otr_buf_printf(text, "    postfix_dir = \"%s/outrider/ta\"\n    postfix_name = \"outrider/ta\"\n}\n",
                       plan->mta->queue);
}

static void plan_settings(otr_plan *plan, const otr_settings *settings)
{
    otr_buf text = OTR_BUF_INIT;

    find_listener_lacks(plan, settings, &text);
    find_anchor_lacks(plan, settings, &text);
    if (!settings->is_file)
        add_lack(plan, "outrider.conf", "there is no configuration of outriderd yet", "create it as printed");
    plan->is_out_of_memory |= text.err != OUTRIDER_OK;
    if (text.len > 0 && text.err == OUTRIDER_OK)
        add_file(plan, settings->path,
                 settings->is_file ? "add to the sections of these names; then restart outriderd"
                                   : "create; then start outriderd",
                 otr_buf_steal(&text), true);
    otr_buf_clear(&text);
}

static outrider_err plan_target(otr_plan *plan, const otr_settings *settings, const struct target *target,
                                outrider_diag *diag)
{
    const char *path = target->path;
    otr_buf adapted = OTR_BUF_INIT, spoken = OTR_BUF_INIT, out = OTR_BUF_INIT;
    outrider_err err = OUTRIDER_OK;

    if (*path == '\0')
        path = plan->mta->config[0] != '\0' ? plan->mta->config : EXIM_DEBIAN "/exim4.conf";
    if (target->fragment == NULL)
        otr_buf_puts(&adapted, target->text);
    else
        err = otr_fragment_adapt(otr_embedded_find(target->fragment), &plan->mta->traits, &adapted, diag);
    if (err == OUTRIDER_OK) {
        otr_replace_all(otr_buf_text(&adapted), shipped_address[plan->mta->kind], plan->place.spoken, &spoken);
        if (plan->mta->kind == OTR_EXIM && settings->conf->anchors.exim_dir[0] != '\0')
            otr_replace_all(otr_buf_text(&spoken), SHIPPED_EXIM_DIR, settings->conf->anchors.exim_dir, &out);
        else
            otr_buf_puts(&out, otr_buf_text(&spoken));
        err = spoken.err != OUTRIDER_OK ? spoken.err : out.err;
    }
    if (err == OUTRIDER_OK)
        add_file(plan, path, target->action, otr_buf_steal(&out), false);
    otr_buf_clear(&adapted);
    otr_buf_clear(&spoken);
    otr_buf_clear(&out);
    return err;
}

static bool is_for(const struct target *target, const otr_mta *mta)
{
    return target->mta == mta->kind && (target->layout == ANY_LAYOUT || target->layout == (int)mta->layout);
}

outrider_err otr_plan_make(const otr_mta *mta, const otr_settings *settings, const otr_resolver_state *resolver,
                           otr_plan *plan, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    *plan = (otr_plan){ .mta = mta };
    otr_asking_place_find(mta, settings, &plan->place);
    find_version_lacks(plan);
    if (resolver != NULL)
        find_resolver_lacks(plan, resolver);
    plan_settings(plan, settings);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]) && err == OUTRIDER_OK; i++)
        if (is_for(&targets[i], mta))
            err = plan_target(plan, settings, &targets[i], diag);
    return err == OUTRIDER_OK && plan->is_out_of_memory ? OUTRIDER_E_NOMEM : err;
}

void otr_plan_clear(otr_plan *plan)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        free(plan->files[i].path);
        free(plan->files[i].action);
        free(plan->files[i].text);
    }
    for (size_t i = 0; i < plan->lack_count; i++) {
        free(plan->lacks[i].what);
        free(plan->lacks[i].why);
        free(plan->lacks[i].fix);
    }
}
