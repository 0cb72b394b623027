/*
 * fleet_record_fuzz.c - a record of another member, as it lies in Redis. What is accepted can be written again, octet for octet, has the
 * name and the rank that it says, and holds nothing that the store or the log may not take.
 */
#include "fleet/record.h"

#include <stdint.h>
#include <stdlib.h>

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const otr_fleet_record *r, const char *octets, size_t len)
{
    const char *domain = r->domain + (r->domain[0] == '.' && r->kind == OTR_FLEET_EXCEPTION);
    char name[OTR_FLEET_RECORD_NAME_SIZE], rank[OTR_FLEET_RANK + 1];
    otr_buf again = OTR_BUF_INIT;

    if (!otr_is_ldh_domain(domain, strlen(domain)) || !otr_fleet_is_member_name(r->by) || r->at > NOW + OTR_FLEET_SKEW)
        abort();
    if (otr_fleet_record_write(r, &again) != OUTRIDER_OK || again.len != len || memcmp(again.data, octets, len) != 0)
        abort();
    if (otr_fleet_record_rank(r, rank) != OUTRIDER_OK || memcmp(rank, octets, OTR_FLEET_RANK) != 0)
        abort();
    if (strncmp(otr_fleet_record_name(r, name), otr_fleet_kind_names[r->kind], strlen(otr_fleet_kind_names[r->kind])) != 0)
        abort();
    if (otr_fleet_record_end(r) <= 0)
        abort();
    otr_buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_fleet_record record;
    outrider_diag diag = { 0 };
    otr_buf octets = OTR_BUF_INIT;

    otr_buf_put(&octets, data, size);
    if (octets.data == NULL)
        return 0;
    if (otr_fleet_record_read(octets.data, octets.len, NOW, &record, &diag) == OUTRIDER_OK) {
        check(&record, octets.data, octets.len);
        otr_fleet_record_clear(&record);
    } else if (diag.message[0] == '\0') {
        abort();
    }
    otr_buf_clear(&octets);
    return 0;
}
