/*
 * resolvconf.h - the name servers that resolv.conf(5) names. Pure: text in, addresses out.
 */
#ifndef OTR_DNS_RESOLVCONF_H
#define OTR_DNS_RESOLVCONF_H

#include <outrider/base.h>

#include <stddef.h>

#define OTR_NAMESERVER_MAX 3   /* as many as the C library uses (MAXNS) */
#define OTR_NAMESERVER_SIZE 64 /* room for an address in text with scope, and its NUL */
#define OTR_RESOLVCONF_LIMIT 65536 /* octets of the file that are read */

typedef struct otr_nameservers {
    size_t count;
    char address[OTR_NAMESERVER_MAX][OTR_NAMESERVER_SIZE];
} otr_nameservers;

/* Lines that are no "nameserver ADDRESS" are passed over, as the C library does. */
void otr_resolvconf_parse(const char *text, size_t len, otr_nameservers *servers);

#endif
