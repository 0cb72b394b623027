/*
 * conf_minimum_fuzz.c - a configuration, with the section "minimum" above all: it is read or refused, and every rule
 * that is taken has a name in normal form.
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
        if (mistakes.count == 0)
            abort();
        return 0;
    }
    for (size_t i = 0; i < conf->minimum.count; i++) {
        const char *name = conf->minimum.rules[i].name + (conf->minimum.rules[i].name[0] == '.');

        if (!otr_is_ldh_domain(name, strlen(name)))
            abort();
    }
    otr_conf_free(conf);
    return 0;
}
