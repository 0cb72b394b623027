/*
 * sockets.c - inheriting and opening.
 */
#include "daemon/sockets.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const protocol_names[] = { [OTR_SOCKETMAP] = "socketmap", [OTR_LINE] = "line", [OTR_HTTP] = "http",
                                             [OTR_CONTROL] = "control", [OTR_POLICY_HTTPS] = "policy-https",
                                             [OTR_POLICY_PLAIN] = "policy-plain", [OTR_POLICY_ACME] = "acme" };

/* Find an inherited descriptor for this address and take it; -1: none. */
static int take_inherited(bool *is_taken, int count, const otr_listen_address *address)
{
    for (int i = 0; i < count; i++) {
        int fd = OTR_INHERITED_FIRST + i;

        if (!is_taken[i] && otr_listen_is(fd, address)) {
            is_taken[i] = true;
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            return fd;
        }
    }
    return -1;
}

static outrider_err open_group(otr_sockets *sockets, const otr_listen_conf *conf, otr_protocol protocol, bool *is_taken,
                               int inherited, outrider_diag *diag)
{
    for (size_t i = 0; i < conf->listen.count; i++) {
        const otr_listen_address *address = &conf->addresses[i];
        int fd = take_inherited(is_taken, inherited, address);
        bool is_own = fd < 0;
        outrider_err err = is_own ? otr_listen_open(address, conf->mode, conf->gid, &fd, diag) : OUTRIDER_OK;

        if (err != OUTRIDER_OK)
            return err;
        sockets->listeners[sockets->count] = (otr_listener){ fd, protocol, address->text };
        sockets->own[sockets->count++] = is_own ? address : NULL;
        OTR_LOG(OTR_LOG_INFO, "listen", { "address", address->text }, { "protocol", protocol_names[protocol] },
                { "from", is_own ? "self" : "inherited" });
    }
    return OUTRIDER_OK;
}

/* Control sockets that root has opened belong to the user that the daemon becomes: root reaches them anyhow. */
static outrider_err give_control_away(const otr_conf *conf, const otr_sockets *sockets, outrider_diag *diag)
{
    for (size_t i = 0; i < sockets->count; i++) {
        outrider_err err = OUTRIDER_OK;

        if (sockets->listeners[i].protocol == OTR_CONTROL && sockets->own[i] != NULL)
            err = otr_give_file(otr_listen_path(sockets->own[i]), conf->user, diag);
        if (err != OUTRIDER_OK)
            return err;
    }
    return OUTRIDER_OK;
}

static void close_unclaimed(const bool *is_taken, int inherited)
{
    char number[16];

    for (int i = 0; i < inherited; i++) {
        if (is_taken[i])
            continue;
        snprintf(number, sizeof(number), "%d", OTR_INHERITED_FIRST + i);
        OTR_LOG(OTR_LOG_WARNING, "listen.unclaimed", { "descriptor", number },
                { "do", "make the addresses of the socket unit and of the listen settings the same" });
        close(OTR_INHERITED_FIRST + i);
    }
}

static outrider_err open_policy_host(otr_sockets *sockets, const otr_conf *conf, bool *is_taken, int inherited, outrider_diag *diag)
{
    size_t before = sockets->count;
    outrider_err err = open_group(sockets, &conf->policy_host.https, OTR_POLICY_HTTPS, is_taken, inherited, diag);

    if (err == OUTRIDER_OK)
        err = open_group(sockets, &conf->policy_host.plain, OTR_POLICY_PLAIN, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        err = open_group(sockets, &conf->policy_host.acme, OTR_POLICY_ACME, is_taken, inherited, diag);
    sockets->policy_count = sockets->count - before;
    return err;
}

outrider_err otr_sockets_open(const otr_conf *conf, otr_sockets *sockets, outrider_diag *diag)
{
    size_t wanted = conf->socketmap.listen.count + conf->line.listen.count + conf->http.listen.count +
                    conf->control.listen.count + conf->policy_host.https.listen.count + conf->policy_host.plain.listen.count +
                    conf->policy_host.acme.listen.count;
    int inherited = otr_inherited_count();
    bool *is_taken = calloc((size_t)inherited + 1, sizeof(*is_taken));
    outrider_err err = OUTRIDER_E_NOMEM;

    *sockets = (otr_sockets){ .listeners = calloc(wanted + 1, sizeof(*sockets->listeners)),
                              .own = calloc(wanted + 1, sizeof(*sockets->own)) };
    if (is_taken != NULL && sockets->listeners != NULL && sockets->own != NULL)
        err = open_group(sockets, &conf->socketmap, OTR_SOCKETMAP, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        err = open_group(sockets, &conf->line, OTR_LINE, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        err = open_group(sockets, &conf->control, OTR_CONTROL, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        err = give_control_away(conf, sockets, diag);
    sockets->front_count = sockets->count;
    if (err == OUTRIDER_OK)
        err = open_group(sockets, &conf->http, OTR_HTTP, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        err = open_policy_host(sockets, conf, is_taken, inherited, diag);
    if (err == OUTRIDER_OK)
        close_unclaimed(is_taken, inherited);
    else
        otr_sockets_close(sockets);
    free(is_taken);
    return err;
}

void otr_sockets_close(otr_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        close(sockets->listeners[i].fd);
        if (sockets->own[i] != NULL)
            otr_listen_unlink(sockets->own[i]);
    }
    free(sockets->listeners);
    free(sockets->own);
    *sockets = (otr_sockets){ 0 };
}
