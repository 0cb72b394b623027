/*
 * unbound_options.c - the settings of a resolver: kept, because a new context is made from them when
 * resolv.conf changes, and checked by us, because libunbound itself does not say which file it did not like.
 */
#include "dns/unbound_context.h"

#include "base/cursor.h"
#include "base/diag.h"
#include "dns/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANCHOR_LINE_MAX 16384 /* characters; a DNSKEY of 4096 bits takes 750 */

static size_t count_list(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static const char *const *copy_list(otr_arena *arena, const char *const *list)
{
    size_t n = count_list(list);
    const char **copy = n > 0 ? otr_arena_alloc(arena, n + 1, sizeof(*copy)) : NULL;

    for (size_t i = 0; copy != NULL && i < n; i++)
        copy[i] = otr_arena_text(arena, list[i]);
    return copy;
}

static const char *copy_path(otr_arena *arena, const char *path)
{
    return path != NULL ? otr_arena_text(arena, path) : NULL;
}

static const otr_stub_zone *copy_stubs(otr_arena *arena, const otr_stub_zone *stubs)
{
    size_t n = 0;
    otr_stub_zone *copy;

    while (stubs != NULL && stubs[n].name != NULL)
        n++;
    copy = n > 0 ? otr_arena_alloc(arena, n + 1, sizeof(*copy)) : NULL;
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i].name = otr_arena_text(arena, stubs[i].name);
        copy[i].addresses = copy_list(arena, stubs[i].addresses);
    }
    return copy;
}

otr_unbound_options *otr_unbound_options_copy(otr_arena *arena, const otr_unbound_options *options)
{
    otr_unbound_options *copy = otr_arena_alloc(arena, 1, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    *copy = *options;
    copy->forwarders = copy_list(arena, options->forwarders);
    copy->extra_anchors = copy_list(arena, options->extra_anchors);
    copy->stubs = copy_stubs(arena, options->stubs);
    copy->resolv_conf = copy_path(arena, options->resolv_conf);
    copy->root_hints = copy_path(arena, options->root_hints);
    copy->trust_anchor = copy_path(arena, options->trust_anchor);
    return otr_arena_failed(arena) ? NULL : copy;
}

/* "ADDR" or "ADDR@PORT"; an IPv6 address may have a scope. */
static bool is_server(const char *text)
{
    char address[INET6_ADDRSTRLEN + 1];
    size_t len = strcspn(text, "@%");
    struct in6_addr buffer;
    unsigned long port = 0;

    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, &buffer) == 1 ? text[len] == '%' : inet_pton(AF_INET6, address, &buffer) != 1)
        return false;
    text += strcspn(text, "@");
    if (*text == '\0')
        return true;
    for (text++; otr_is_digit(*text) && port <= 65535; text++)
        port = 10 * port + (unsigned long)(*text - '0');
    return *text == '\0' && port >= 1 && port <= 65535;
}

static outrider_err check_servers(const char *const *servers, const char *what, outrider_diag *diag)
{
    for (size_t i = 0; servers != NULL && servers[i] != NULL; i++)
        if (!is_server(servers[i]))
            return otr_fail(diag, OUTRIDER_E_CONFIG, "%s \"%s\": expected an address, or ADDRESS@PORT", what,
                            servers[i]);
    return OUTRIDER_OK;
}

static bool is_word_char(char c)
{
    return c != ' ' && c != '\t' && c != '(' && c != ')' && c != ';' && c != '\n' && c != '\r';
}

static bool is_gap_char(char c)
{
    return c == ' ' || c == '\t' || c == '(' || c == ')';
}

/* Whether one of the words is a line of a zone file that has one of two record types. */
static bool has_word(const char *line, const char *one, const char *other)
{
    otr_cursor c = otr_cursor_over(line, strlen(line));

    for (;;) {
        otr_slice word;

        otr_take_while(&c, is_gap_char);
        word = otr_take_while(&c, is_word_char);
        if (word.len == 0)
            return false;
        if (otr_slice_is(word, one) || otr_slice_is(word, other))
            return true;
    }
}

/* A file in zone-file form that should have records of one of two types. */
static outrider_err check_zone_file(const char *path, const char *one, const char *other, outrider_diag *diag)
{
    char line[ANCHOR_LINE_MAX];
    FILE *in = path != NULL ? fopen(path, "re") : NULL;
    bool is_found = false;
    int err;

    if (path == NULL)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "no file of %s or %s records is set", one, other);
    if (in == NULL)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
    errno = 0;
    while (!is_found && fgets(line, sizeof(line), in) != NULL)
        is_found = has_word(line, one, other);
    err = ferror(in) ? errno : 0; /* a directory opens, and fails here */
    fclose(in);
    if (err != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(err));
    if (!is_found)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: holds no %s or %s record", path, one, other);
    return OUTRIDER_OK;
}

static outrider_err check_stubs(const otr_stub_zone *stubs, outrider_diag *diag)
{
    for (; stubs != NULL && stubs->name != NULL; stubs++) {
        outrider_err err;

        size_t length = otr_wire_name_length(stubs->name); /* a zone may begin at "_tcp" */

        if (length == 0 || length > OTR_WIRE_NAME_MAX)
            return otr_fail(diag, OUTRIDER_E_CONFIG, "stub zone \"%s\": not a domain name", stubs->name);
        if (count_list(stubs->addresses) == 0)
            return otr_fail(diag, OUTRIDER_E_CONFIG, "stub zone \"%s\": has no server", stubs->name);
        err = check_servers(stubs->addresses, "server of a stub zone", diag);
        if (err != OUTRIDER_OK)
            return err;
    }
    return OUTRIDER_OK;
}

outrider_err otr_unbound_options_check(const otr_unbound_options *options, outrider_diag *diag)
{
    bool has_forwarders = count_list(options->forwarders) > 0;
    outrider_err err;

    if (options->timeout_ms == 0)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "the time-out of a DNS query is 0");
    if (options->is_recursive && has_forwarders)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "forwarders are set, and recursion from the root as well");
    if (!options->is_recursive && !has_forwarders && options->resolv_conf == NULL)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "neither forwarders nor a resolv.conf is set");
    err = check_servers(options->forwarders, "forwarder", diag);
    if (err == OUTRIDER_OK)
        err = check_stubs(options->stubs, diag);
    if (err != OUTRIDER_OK || options->is_plain) /* the rest is about files that are not read then */
        return err;
    if (err == OUTRIDER_OK)
        err = check_zone_file(options->trust_anchor, "DS", "DNSKEY", diag);
    for (size_t i = 0; err == OUTRIDER_OK && i < count_list(options->extra_anchors); i++)
        err = check_zone_file(options->extra_anchors[i], "DS", "DNSKEY", diag);
    if (err == OUTRIDER_OK && options->is_recursive)
        err = check_zone_file(options->root_hints, "A", "AAAA", diag);
    return err;
}
