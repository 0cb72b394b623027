/*
 * setup_resolver.c - one UDP question to each server of resolv.conf at once, and a look at one bit of the answers.
 */
#include "cli/setup_resolver.h"

#include "base/clock.h"
#include "base/cursor.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <netdb.h>
#include <unistd.h>

#define HEADER_SIZE 12 /* octets (RFC 1035 §4.1.1) */
#define ANSWER_MAX 4096

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_in_word(char c)
{
    return !is_blank(c) && c != '\n' && c != '\0';
}

static bool is_in_line(char c)
{
    return c != '\n';
}

/* "options" 1*WSP word *(1*WSP word), on any number of lines */
bool otr_resolv_trusts_ad(const char *text, size_t len)
{
    otr_cursor c = otr_cursor_over(text, len);

    while (!otr_cursor_at_end(&c)) {
        if (otr_take_literal(&c, "options")) {
            while (otr_take_wsp(&c) > 0)
                if (otr_slice_is(otr_take_while(&c, is_in_word), "trust-ad"))
                    return true;
        }
        otr_take_while(&c, is_in_line);
        otr_take_char(&c, '\n');
    }
    return false;
}

bool otr_address_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::ffff:127.", 11) == 0;
}

size_t otr_ad_question(uint16_t id, uint8_t question[OTR_AD_QUESTION_SIZE])
{
    static const uint8_t form[OTR_AD_QUESTION_SIZE] = {
        0, 0, 0x01, 0x20, 0,    1, 0, 0,    0, 0, 0, 1, /* RD and AD (RFC 6840 §5.7); one question, one OPT */
        0, 0, 2,    0,    1,                            /* . NS IN */
        0, 0, 41,   0x04, 0xd0, 0, 0, 0x80, 0, 0, 0     /* OPT: 1232 octets, DO (RFC 6891, RFC 3225) */
    };

    memcpy(question, form, sizeof(form));
    question[0] = (uint8_t)(id >> 8);
    question[1] = (uint8_t)id;
    return sizeof(form);
}

bool otr_ad_judge(const uint8_t *packet, size_t len, uint16_t id, otr_ad_answer *answer)
{
    if (len < HEADER_SIZE || packet[0] != id >> 8 || packet[1] != (id & 0xff) || (packet[2] & 0x80) == 0)
        return false;
    if ((packet[3] & 0x0f) != 0 || packet[6] + packet[7] == 0)
        *answer = OTR_AD_FAILED;
    else
        *answer = (packet[3] & 0x20) != 0 ? OTR_AD_SET : OTR_AD_MISSING;
    return true;
}

/* A connected socket: answers from elsewhere are the kernel's to drop. -1 where there is no way to the server. */
static int ask(const char *address, uint16_t id)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM }, *found;
    uint8_t question[OTR_AD_QUESTION_SIZE];
    size_t len = otr_ad_question(id, question);
    int fd;

    if (getaddrinfo(address, "53", &hints, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (connect(fd, found->ai_addr, found->ai_addrlen) != 0 ||
                    send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* True when this server needs no more waiting for. */
static bool take_answer(int fd, uint16_t id, otr_ad_answer *answer)
{
    uint8_t packet[ANSWER_MAX];
    ssize_t got = recv(fd, packet, sizeof(packet), 0);

    return got < 0 || otr_ad_judge(packet, (size_t)got, id, answer);
}

static void ask_all(otr_resolver_state *state)
{
    struct pollfd polled[OTR_NAMESERVER_MAX];
    uint16_t ids[OTR_NAMESERVER_MAX];
    int64_t deadline = otr_monotonic_ms() + OTR_RESOLVER_PATIENCE_MS;
    size_t waiting = 0;

    for (size_t i = 0; i < state->servers.count; i++) {
        state->ad[i] = OTR_AD_SILENT;
        if (getrandom(&ids[i], sizeof(ids[i]), 0) != (ssize_t)sizeof(ids[i]))
            ids[i] = (uint16_t)(otr_monotonic_ms() + (int64_t)i);
        polled[i] = (struct pollfd){ .fd = ask(state->servers.address[i], ids[i]), .events = POLLIN };
        waiting += polled[i].fd >= 0;
    }
    while (waiting > 0) {
        int64_t left = deadline - otr_monotonic_ms();

        if (left <= 0)
            break;
        if (poll(polled, state->servers.count, (int)left) <= 0)
            continue;
        for (size_t i = 0; i < state->servers.count; i++) {
            if (polled[i].fd >= 0 && polled[i].revents != 0 && take_answer(polled[i].fd, ids[i], &state->ad[i])) {
                close(polled[i].fd);
                polled[i].fd = -1;
                waiting--;
            }
        }
    }
    for (size_t i = 0; i < state->servers.count; i++)
        if (polled[i].fd >= 0)
            close(polled[i].fd);
}

void otr_resolver_examine(const char *path, otr_resolver_state *state)
{
    FILE *in = fopen(path, "re");
    char *text = malloc(OTR_RESOLVCONF_LIMIT);
    size_t len = 0;

    *state = (otr_resolver_state){ .path = path, .is_read = in != NULL && text != NULL };
    if (state->is_read)
        len = fread(text, 1, OTR_RESOLVCONF_LIMIT, in);
    if (in != NULL)
        fclose(in);
    if (state->is_read) {
        otr_resolvconf_parse(text, len, &state->servers);
        state->trusts_ad = otr_resolv_trusts_ad(text, len);
    }
    free(text);
    if (state->servers.count == 0) {
        strcpy(state->servers.address[0], "127.0.0.1");
        state->servers.count = 1;
    }
    for (size_t i = 0; i < state->servers.count; i++)
        state->is_loopback[i] = otr_address_is_loopback(state->servers.address[i]);
    ask_all(state);
}
