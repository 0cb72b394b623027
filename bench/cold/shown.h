/*
 * shown.h - a server's certificate for whatever name a client asks for (SNI), made and signed while it waits.
 */
#ifndef OTR_BENCH_SHOWN_H
#define OTR_BENCH_SHOWN_H

#include <openssl/ssl.h>

/*
 * A server's context that signs by the CA in a PEM file (key and certificate), for names that begin with `names_begin`.
 * without_name: for whom who asks for none; NULL: they are refused. Ends the program where it cannot.
 */
SSL_CTX *shown_context(const char *path, const char *names_begin, const char *without_name);

#endif
