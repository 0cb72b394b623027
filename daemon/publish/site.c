/*
 * site.c - finding in what is in order.
 */
#include "daemon/publish/site.h"

#include <stdlib.h>

static otr_slice without_dot(otr_slice host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}

/* As strcmp(), over the small letters of `text`. */
static int compare(otr_slice text, const char *name)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char a = (unsigned char)otr_to_lower(text.ptr[i]), b = (unsigned char)name[i];

        if (a != b || b == '\0')
            return a < b ? -1 : 1;
    }
    return name[text.len] == '\0' ? 0 : -1;
}

const otr_site_policy *otr_site_find(const otr_site *site, otr_slice host)
{
    size_t low = 0, high = site->policy_count;

    host = without_dot(host);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(host, site->policies[middle].host);

        if (order == 0)
            return &site->policies[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* A token has case. */
static int compare_token(const void *name, const void *token)
{
    const otr_slice *wanted = name;
    const char *have = ((const otr_site_token *)token)->name;
    int order = strncmp(wanted->ptr, have, wanted->len);

    return order != 0 ? order : have[wanted->len] == '\0' ? 0 : -1;
}

const otr_site_token *otr_site_token_find(const otr_site *site, otr_slice name)
{
    if (site->token_count == 0 || name.len == 0 || memchr(name.ptr, '\0', name.len) != NULL)
        return NULL;
    return bsearch(&name, site->tokens, site->token_count, sizeof(*site->tokens), compare_token);
}
