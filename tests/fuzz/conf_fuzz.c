/*
 * conf_fuzz.c - a configuration: it is read or refused with mistakes that have words, and every name of a rule that is taken is
 * in normal form.
 */
#include "daemon/conf/conf.h"
#include "dns/name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static otr_mistakes mistakes;
    otr_conf *conf = NULL;

    if (otr_conf_parse((const char *)data, size, &conf, &mistakes) != OUTRIDER_OK) {
        if (mistakes.count == 0 || mistakes.list[0].reason[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < conf->minimum.count; i++) {
        const char *name = conf->minimum.rules[i].name + (conf->minimum.rules[i].name[0] == '.');

        if (!otr_is_ldh_domain(name, strlen(name)))
            abort();
    }
    for (size_t i = 0; i < conf->publish_count; i++)
        if (!otr_is_ldh_domain(conf->publish[i].domain, strlen(conf->publish[i].domain)))
            abort();
    for (size_t i = 0; i < conf->tlsa_count; i++)
        if (!otr_is_ldh_domain(conf->tlsa[i].host, strlen(conf->tlsa[i].host)))
            abort();
    otr_conf_free(conf);
    return 0;
}
