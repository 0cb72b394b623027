/*
 * network.c - see network.h.
 */
#include "daemon/publish/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void set_4(otr_address *address, const void *bytes)
{
    *address = (otr_address){ .family = 4 };
    memcpy(address->bytes, bytes, 4);
}

static void set_6(otr_address *address, const struct in6_addr *in6)
{
    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        set_4(address, in6->s6_addr + 12);
        return;
    }
    *address = (otr_address){ .family = 6 };
    memcpy(address->bytes, in6->s6_addr, 16);
}

bool otr_address_of_peer(const struct sockaddr *peer, otr_address *address)
{
    if (peer->sa_family == AF_INET)
        set_4(address, &((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    else if (peer->sa_family == AF_INET6)
        set_6(address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr);
    else
        return false;
    return true;
}

static bool is_port(otr_slice text)
{
    for (size_t i = 1; i < text.len; i++)
        if (!otr_is_digit(text.ptr[i]))
            return false;
    return text.len == 0 || (text.len > 1 && text.len <= 6 && text.ptr[0] == ':');
}

/* The address without brackets and port: several colons without brackets belong to the address. */
static bool take_bare(otr_slice text, otr_slice *bare)
{
    const char *end;

    *bare = text;
    if (text.len > 0 && text.ptr[0] == '[') {
        end = memchr(text.ptr, ']', text.len);
        if (end == NULL)
            return false;
        *bare = (otr_slice){ text.ptr + 1, (size_t)(end - text.ptr) - 1 };
        return is_port((otr_slice){ end + 1, (size_t)(text.ptr + text.len - end) - 1 });
    }
    end = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (end == NULL || memchr(end + 1, ':', (size_t)(text.ptr + text.len - end) - 1) != NULL)
        return true;
    bare->len = (size_t)(end - text.ptr);
    return is_port((otr_slice){ end, text.len - bare->len });
}

bool otr_address_parse(otr_slice text, otr_address *address)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr in;
    struct in6_addr in6;
    otr_slice bare;

    if (!take_bare(text, &bare) || bare.len == 0 || bare.len >= sizeof(copy) || memchr(bare.ptr, '\0', bare.len) != NULL)
        return false;
    memcpy(copy, bare.ptr, bare.len);
    copy[bare.len] = '\0';
    if (inet_pton(AF_INET, copy, &in) == 1)
        set_4(address, &in);
    else if (inet_pton(AF_INET6, copy, &in6) == 1)
        set_6(address, &in6);
    else
        return false;
    return true;
}

otr_network otr_client_network(const otr_address *address, unsigned bits_4, unsigned bits_6)
{
    unsigned bits = address->family == 4 ? bits_4 : bits_6;
    otr_network network = { .prefix = { .family = address->family }, .bits = (uint8_t)bits };

    if (address->family == 0)
        return OTR_NETWORK_OTHER;
    memcpy(network.prefix.bytes, address->bytes, bits / 8);
    return network;
}

bool otr_network_same(const otr_network *a, const otr_network *b)
{
    return a->prefix.family == b->prefix.family && a->bits == b->bits &&
           memcmp(a->prefix.bytes, b->prefix.bytes, sizeof(a->prefix.bytes)) == 0;
}

const char *otr_network_text(const otr_network *network, char text[OTR_NETWORK_SIZE])
{
    char address[OTR_ADDRESS_SIZE];

    if (network->prefix.family == 0)
        snprintf(text, OTR_NETWORK_SIZE, "other");
    else
        snprintf(text, OTR_NETWORK_SIZE, "%s/%u", otr_address_text(&network->prefix, address), network->bits);
    return text;
}
