/*
 * resolvconf.c - resolv.conf(5), read as the C library reads it: a directive starts in the first column,
 * an address ends at white space, '#' or ';', and what is not understood is passed over.
 */
#include "dns/resolvconf.h"

#include "base/cursor.h"

#include <arpa/inet.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_address_char(char c)
{
    return !is_blank(c) && c != '#' && c != ';' && c != '\n' && c != '\0';
}

static bool is_line_char(char c)
{
    return c != '\n';
}

/* A scope is an interface's name or number: nothing that could be more than a part of one address. */
static bool is_scope_char(char c)
{
    return otr_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
}

static bool take_ipv6(const char *text, char address[OTR_NAMESERVER_SIZE])
{
    const char *scope = strchr(text, '%');
    size_t len = scope != NULL ? (size_t)(scope - text) : strlen(text);
    char plain[OTR_NAMESERVER_SIZE];
    struct in6_addr ipv6;

    memcpy(plain, text, len);
    plain[len] = '\0';
    if (inet_pton(AF_INET6, plain, &ipv6) != 1)
        return false;
    if (scope != NULL && scope[1] == '\0')
        return false;
    for (const char *c = scope != NULL ? scope + 1 : ""; *c != '\0'; c++)
        if (!is_scope_char(*c))
            return false;
    strcpy(address, text);
    return true;
}

static bool take_address(otr_slice word, char address[OTR_NAMESERVER_SIZE])
{
    char text[OTR_NAMESERVER_SIZE];
    struct in_addr ipv4;

    if (word.len == 0 || word.len >= sizeof(text))
        return false;
    memcpy(text, word.ptr, word.len);
    text[word.len] = '\0';
    /* The C library takes "127.1" for 127.0.0.1 here. */
    if (inet_aton(text, &ipv4) != 0)
        return inet_ntop(AF_INET, &ipv4, address, OTR_NAMESERVER_SIZE) != NULL;
    return take_ipv6(text, address);
}

/* "nameserver" 1*WSP address */
static void take_line(otr_cursor *c, otr_nameservers *servers)
{
    if (otr_take_literal(c, "nameserver") && otr_take_wsp(c) > 0 &&
        take_address(otr_take_while(c, is_address_char), servers->address[servers->count]))
        servers->count++;
}

void otr_resolvconf_parse(const char *text, size_t len, otr_nameservers *servers)
{
    otr_cursor c = otr_cursor_over(text, len);

    *servers = (otr_nameservers){ 0 };
    while (!otr_cursor_at_end(&c) && servers->count < OTR_NAMESERVER_MAX) {
        take_line(&c, servers);
        otr_take_while(&c, is_line_char);
        otr_take_char(&c, '\n');
    }
}
