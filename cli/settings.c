/*
 * settings.c - finding and reading the configuration for a command.
 */
#include "cli/settings.h"
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"

otr_conf *otr_read_settings(const char *config, int *status)
{
    otr_mistakes mistakes = { 0 };
    otr_conf *conf = NULL;
    const char *path = config;
    outrider_err err;

    if (path == NULL && access(DEFAULT_CONFIG, F_OK) == 0)
        path = DEFAULT_CONFIG;
    err = path != NULL ? otr_conf_read(path, &conf, &mistakes) : otr_conf_parse("", 0, &conf, &mistakes);
    if (err == OUTRIDER_OK)
        return conf;
    *status = EX_CONFIG;
    for (size_t i = 0; i < mistakes.count && i < OTR_MISTAKES_MAX; i++) {
        if (mistakes.list[i].line > 0)
            otr_complain(EX_CONFIG, path, "line %u: %s", mistakes.list[i].line, mistakes.list[i].reason);
        else
            otr_complain(EX_CONFIG, path != NULL ? path : "defaults", "%s", mistakes.list[i].reason);
    }
    if (mistakes.count == 0)
        *status = otr_complain(EX_OSERR, "configuration", "out of memory");
    return NULL;
}

static const char *first_unix_socket(const otr_listen_conf *listen)
{
    for (size_t i = 0; i < listen->listen.count; i++) {
        if (strncmp(listen->listen.values[i], "unix:", 5) == 0)
            return listen->listen.values[i] + 5;
    }
    return NULL;
}

static char *find_socket(const char *config, const char *socket, bool is_control, unsigned *patience, int *status)
{
    otr_conf *conf = otr_read_settings(config, status);
    const char *section = is_control ? "control" : "line", *found;
    char *path = NULL;

    if (conf == NULL)
        return NULL;
    *patience = conf->limits.answer;
    found = socket != NULL ? socket : first_unix_socket(is_control ? &conf->control : &conf->line);
    if (found == NULL)
        *status = otr_complain(EX_CONFIG, section, "no Unix socket is configured; name one with --socket");
    else if ((path = strdup(found)) == NULL)
        *status = otr_complain(EX_OSERR, section, "out of memory");
    otr_conf_free(conf);
    return path;
}

char *otr_find_socket(const char *config, const char *socket, unsigned *patience, int *status)
{
    return find_socket(config, socket, false, patience, status);
}

char *otr_find_control_socket(const char *config, const char *socket, unsigned *patience, int *status)
{
    return find_socket(config, socket, true, patience, status);
}
