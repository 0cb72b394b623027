/*
 * transport.c - octets to and from a client, through TLS or as they are. OpenSSL's queue of errors is empty before and after each call.
 */
#include "daemon/publish/web.h"

#include <errno.h>
#include <sys/socket.h>

#include <openssl/err.h>

static otr_moved judge(const otr_client *c, int result)
{
    otr_moved moved = OTR_MOVED_FAILED;

    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_NONE:
        return OTR_MOVED_SOME;
    case SSL_ERROR_WANT_READ:
        return OTR_MOVED_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return OTR_MOVED_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        moved = OTR_MOVED_END;
        break;
    default:
        break;
    }
    ERR_clear_error();
    return moved;
}

otr_moved otr_web_shake(otr_client *c)
{
    return judge(c, SSL_do_handshake(c->ssl));
}

static otr_moved receive_plain(const otr_client *c, char *octets, size_t size, size_t *got)
{
    ssize_t received;

    do {
        received = recv(c->fd, octets, size, 0);
    } while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? OTR_MOVED_WAIT_READ : OTR_MOVED_FAILED;
    *got = (size_t)received;
    return received > 0 ? OTR_MOVED_SOME : OTR_MOVED_END;
}

otr_moved otr_web_receive(otr_client *c, char *octets, size_t size, size_t *got)
{
    return c->ssl == NULL ? receive_plain(c, octets, size, got) : judge(c, SSL_read_ex(c->ssl, octets, size, got));
}

static otr_moved send_plain(const otr_client *c, const char *octets, size_t len, size_t *sent)
{
    ssize_t gone;

    do {
        gone = send(c->fd, octets, len, MSG_NOSIGNAL);
    } while (gone < 0 && errno == EINTR);
    if (gone < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? OTR_MOVED_WAIT_WRITE : OTR_MOVED_FAILED;
    *sent = (size_t)gone;
    return OTR_MOVED_SOME;
}

otr_moved otr_web_send(otr_client *c, const char *octets, size_t len, size_t *sent)
{
    return c->ssl == NULL ? send_plain(c, octets, len, sent) : judge(c, SSL_write_ex(c->ssl, octets, len, sent));
}

bool otr_web_has_more(const otr_client *c)
{
    return c->ssl != NULL && SSL_has_pending(c->ssl) == 1;
}

void otr_web_say_goodbye(otr_client *c)
{
    if (c->ssl == NULL || !SSL_is_init_finished(c->ssl))
        return;
    SSL_shutdown(c->ssl);
    ERR_clear_error();
}
