/*
 * resolvconf_fuzz.c - a resolv.conf with any content: at most three addresses come out, each of them text
 * without anything but an address.
 */
#include "dns/resolvconf.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_nameservers servers;

    otr_resolvconf_parse((const char *)data, size, &servers);
    assert(servers.count <= OTR_NAMESERVER_MAX);
    for (size_t i = 0; i < servers.count; i++) {
        assert(strlen(servers.address[i]) > 1);
        assert(strpbrk(servers.address[i], "@ \t\n#;") == NULL);
    }
    return 0;
}
