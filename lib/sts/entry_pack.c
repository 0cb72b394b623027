/*
 * entry_pack.c - see entry_pack.h. The policy is its text: it was read once, and reads again (as in the store).
 */
#include "sts/entry_pack.h"

static void pack_policy(const otr_sts_entry *e, otr_buf *out)
{
    otr_pack_number(out, e->policy != NULL);
    if (e->policy != NULL)
        otr_pack_bytes(out, e->policy->body, e->policy->body_len);
    otr_pack_text(out, e->id);
    otr_pack_number(out, (uint64_t)e->fetched_at);
    otr_pack_number(out, (uint64_t)e->expires_at);
    otr_pack_number(out, e->is_from_store);
}

static void pack_record(const otr_sts_entry *e, otr_buf *out)
{
    otr_pack_number(out, e->record);
    otr_pack_text(out, e->record_id);
    otr_pack_text(out, e->record_status);
    otr_pack_text(out, e->record_note);
    otr_pack_number(out, e->record_ttl);
    otr_pack_number(out, (uint64_t)e->checked_at);
    otr_pack_number(out, (uint64_t)e->recheck_at);
}

static void pack_attempt(const otr_sts_entry *e, otr_buf *out)
{
    otr_pack_number(out, e->failure);
    otr_pack_number(out, e->cause);
    otr_pack_text(out, e->error);
    otr_pack_text(out, e->tried_id);
    otr_pack_number(out, (uint64_t)e->tried_at);
    otr_pack_number(out, (uint64_t)e->retry_at);
    otr_pack_number(out, e->failures);
    otr_pack_text(out, e->host_note[0]);
    otr_pack_text(out, e->host_note[1]);
}

void otr_sts_entry_pack(const otr_sts_entry *entry, otr_buf *out)
{
    pack_policy(entry, out);
    pack_record(entry, out);
    pack_attempt(entry, out);
}

static void unpack_policy(otr_unpack *in, otr_sts_entry *e)
{
    if (otr_unpack_number(in) != 0) {
        otr_slice body = otr_unpack_bytes(in);

        if (otr_sts_policy_parse(body.ptr, body.len, &e->policy, NULL) != OUTRIDER_OK)
            in->failed = true;
    }
    otr_unpack_copy(in, e->id, sizeof(e->id));
    e->fetched_at = (otr_time)otr_unpack_number(in);
    e->expires_at = (otr_time)otr_unpack_number(in);
    e->is_from_store = otr_unpack_number(in) != 0;
}

static void unpack_record(otr_unpack *in, otr_sts_entry *e)
{
    e->record = (otr_sts_record_state)otr_unpack_number(in);
    otr_unpack_copy(in, e->record_id, sizeof(e->record_id));
    otr_unpack_copy(in, e->record_status, sizeof(e->record_status));
    otr_unpack_copy(in, e->record_note, sizeof(e->record_note));
    e->record_ttl = (uint32_t)otr_unpack_number(in);
    e->checked_at = (otr_time)otr_unpack_number(in);
    e->recheck_at = (otr_time)otr_unpack_number(in);
}

static void unpack_attempt(otr_unpack *in, otr_sts_entry *e)
{
    e->failure = (otr_sts_failure)otr_unpack_number(in);
    e->cause = (otr_sts_cause)otr_unpack_number(in);
    otr_unpack_copy(in, e->error, sizeof(e->error));
    otr_unpack_copy(in, e->tried_id, sizeof(e->tried_id));
    e->tried_at = (otr_time)otr_unpack_number(in);
    e->retry_at = (otr_time)otr_unpack_number(in);
    e->failures = (unsigned)otr_unpack_number(in);
    otr_unpack_copy(in, e->host_note[0], sizeof(e->host_note[0]));
    otr_unpack_copy(in, e->host_note[1], sizeof(e->host_note[1]));
}

otr_sts_entry *otr_sts_entry_unpack(otr_unpack *in, const char *domain)
{
    otr_sts_entry *made = otr_sts_entry_new(domain);

    if (made == NULL)
        return NULL;
    unpack_policy(in, made);
    unpack_record(in, made);
    unpack_attempt(in, made);
    if (!in->failed)
        return made;
    otr_sts_entry_unref(made);
    return NULL;
}
