/*
 * access_log.c - one line for each answer about a policy, at info; what else is asked of us, mostly by those who look for holes, at
 * debug. The client is named by its network, as in the counts of fetches: which organisation asked is for the postmaster to know, which
 * machine is not.
 */
#include "daemon/publish/web.h"

#include "base/log.h"

#define AGENT_SHOWN 80
#define PATH_SHOWN 80

static const char *const kinds[OTR_WEB_KINDS] = { "https", "plain", "acme" };
static const char *const methods[] = { [OTR_METHOD_GET] = "GET", [OTR_METHOD_HEAD] = "HEAD", [OTR_METHOD_OTHER] = "other" };

static void put(otr_buf *out, otr_slice text, size_t most)
{
    char copy[AGENT_SHOWN + 1];
    size_t len = text.len < most ? text.len : most;

    if (len > 0)
        memcpy(copy, text.ptr, len);
    copy[len] = '\0';
    otr_buf_put_printable(out, copy, most);
}

void otr_web_log(const otr_client *c, const otr_address *address, const otr_request *request, const otr_reply *reply)
{
    bool is_policy = reply->policy != NULL;
    otr_log_level level = is_policy ? OTR_LOG_INFO : OTR_LOG_DEBUG;
    otr_network network = otr_client_network(address, OTR_PRIVACY_BITS_4, OTR_PRIVACY_BITS_6);
    otr_buf agent = OTR_BUF_INIT, path = OTR_BUF_INIT;
    char client[OTR_NETWORK_SIZE];

    if (!otr_log_is_on(level))
        return;
    put(&agent, request->user_agent, AGENT_SHOWN);
    put(&path, request->path, PATH_SHOWN);
    OTR_LOG(level, is_policy ? "policy.served" : "policy.refused", { "domain", is_policy ? reply->policy->domain : NULL },
            { "id", is_policy ? reply->policy->id : NULL }, { "listener", kinds[c->kind] },
            { "client", otr_network_text(&network, client) }, { "method", methods[request->method] },
            { "path", is_policy ? NULL : otr_buf_text(&path) }, { "status", otr_status_texts[reply->code] },
            { "tls", c->ssl != NULL ? SSL_get_version(c->ssl) : NULL },
            { "agent", agent.len > 0 ? otr_buf_text(&agent) : NULL });
    otr_buf_clear(&agent);
    otr_buf_clear(&path);
}
