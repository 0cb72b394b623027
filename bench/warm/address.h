/*
 * address.h - "unix:/path" or "127.0.0.1:port": where the programs of this directory listen and connect.
 */
#ifndef OTR_BENCH_ADDRESS_H
#define OTR_BENCH_ADDRESS_H

/* Non-blocking sockets; -1 with errno. */
int address_listen(const char *text);
int address_connect(const char *text);

#endif
