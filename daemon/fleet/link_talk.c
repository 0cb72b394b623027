/*
 * link_talk.c - questions to Redis and their answers, in the order in which they were asked; and the greeting.
 */
#include "daemon/fleet/link_inside.h"

#include "base/clock.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX (32 * 1024 * 1024) /* octets that wait to be sent */

/* The reader ---------------------------------------------------------------------------------------------------------- */

static void *(*make_array)(const redisReadTask *, int); /* hiredis' own; the same for every reader */

/* It would make room for as many elements as the server announces. NULL ends the connection. */
static void *make_bounded_array(const redisReadTask *task, int elements)
{
    return elements <= OTR_LINK_ELEMENTS_MAX ? make_array(task, elements) : NULL;
}

bool otr_link_open_talk(otr_link *link)
{
    link->reader = redisReaderCreate();
    if (link->reader == NULL)
        return false;
    make_array = link->reader->fn->createArray;
    link->make = *link->reader->fn;
    link->make.createArray = make_bounded_array;
    link->reader->fn = &link->make;
    return true;
}

/* A question may be asked from inside an answer: it is refused then, for there is no connection any more. */
void otr_link_close_talk(otr_link *link)
{
    struct otr_questions questions = STAILQ_HEAD_INITIALIZER(questions);
    otr_question *q;

    STAILQ_CONCAT(&questions, &link->questions);
    link->question_count = 0;
    if (link->reader != NULL)
        redisReaderFree(link->reader);
    link->reader = NULL;
    while ((q = STAILQ_FIRST(&questions)) != NULL) {
        STAILQ_REMOVE_HEAD(&questions, next);
        q->answer(q->arg, NULL);
        free(q);
    }
}

/* Questions ----------------------------------------------------------------------------------------------------------- */

bool otr_link_put_question(otr_link *link, const otr_slice *words, size_t count, otr_link_answer *answer, void *arg)
{
    const char *texts[OTR_LINK_WORDS_MAX];
    size_t lengths[OTR_LINK_WORDS_MAX];
    struct evbuffer *output = bufferevent_get_output(link->bev);
    otr_question *q;
    char *octets = NULL;
    int len;

    if (count > OTR_LINK_WORDS_MAX || link->question_count >= OTR_LINK_QUESTIONS_MAX || evbuffer_get_length(output) > OUTPUT_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        texts[i] = words[i].ptr;
        lengths[i] = words[i].len;
    }
    q = calloc(1, sizeof(*q));
    len = q != NULL ? redisFormatCommandArgv(&octets, (int)count, texts, lengths) : -1;
    if (len < 0 || evbuffer_add(output, octets, (size_t)len) != 0) {
        redisFreeCommand(octets);
        free(q);
        return false;
    }
    redisFreeCommand(octets);
    q->answer = answer;
    q->arg = arg;
    q->deadline = otr_monotonic_recent_ms() + OTR_LINK_ANSWER_MS;
    STAILQ_INSERT_TAIL(&link->questions, q, next);
    link->question_count++;
    if (link->question_count == 1)
        otr_link_watch(link);
    return true;
}

bool otr_link_ask(otr_link *link, const otr_slice *words, size_t count, otr_link_answer *answer, void *arg)
{
    return link->state == OTR_LINK_UP && otr_link_put_question(link, words, count, answer, arg);
}

bool otr_link_is_late(const otr_link *link)
{
    const otr_question *first = STAILQ_FIRST(&link->questions);

    return first != NULL && first->deadline <= otr_monotonic_recent_ms();
}

void otr_link_watch(otr_link *link)
{
    const otr_question *first = STAILQ_FIRST(&link->questions);
    int64_t left;
    struct timeval tv;

    if (first == NULL) {
        evtimer_del(link->timer);
        return;
    }
    left = first->deadline - otr_monotonic_recent_ms();
    if (left < 1)
        left = 1;
    tv = (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
    evtimer_add(link->timer, &tv);
}

/* Answers ------------------------------------------------------------------------------------------------------------- */

/* Messages of a subscription are arrays that nobody asked for, and so may come while questions wait: there are none then. */
static void take_reply(otr_link *link, const redisReply *reply)
{
    otr_question *q = STAILQ_FIRST(&link->questions);

    if (q == NULL) {
        if (link->events.pushed != NULL)
            link->events.pushed(link->arg, reply);
        return;
    }
    STAILQ_REMOVE_HEAD(&link->questions, next);
    link->question_count--;
    if (reply->type == REDIS_REPLY_ERROR && link->state == OTR_LINK_UP)
        link->events.refused(link->arg, reply->str != NULL ? reply->str : "");
    q->answer(q->arg, reply);
    free(q);
}

/* False: the connection is another by now, or none. */
static bool take_replies(otr_link *link)
{
    uint64_t connection = link->connection;

    while (link->reader != NULL) {
        void *reply = NULL;

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            otr_link_fail(link, "what it answers is not Redis' protocol, or too large");
            return false;
        }
        if (reply == NULL)
            break;
        take_reply(link, reply);
        freeReplyObject(reply);
        if (link->connection != connection)
            return false;
        if (link->why[0] != '\0') {
            otr_link_fail(link, link->why);
            return false;
        }
    }
    return link->connection == connection && link->reader != NULL;
}

void otr_link_take_input(otr_link *link)
{
    struct evbuffer *input = bufferevent_get_input(link->bev);

    while (evbuffer_get_length(input) > 0) {
        char octets[16384];
        int got = evbuffer_remove(input, octets, sizeof(octets));

        if (got <= 0)
            break;
        if (redisReaderFeed(link->reader, octets, (size_t)got) != REDIS_OK) {
            otr_link_fail(link, "out of memory");
            return;
        }
        if (!take_replies(link))
            return;
        if (link->reader->len - link->reader->pos > OTR_LINK_REPLY_MAX) {
            otr_link_fail(link, "an answer is too large");
            return;
        }
    }
    otr_link_watch(link);
}

/* The greeting -------------------------------------------------------------------------------------------------------- */

/* The first word of an error is its name; the rest may repeat what was asked, and that may be a password. */
static void note_refusal(otr_link *link, const char *what, const redisReply *reply)
{
    size_t len = reply->str != NULL ? strspn(reply->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;

    snprintf(link->why, sizeof(link->why), "%s: %.*s", what, (int)(len == 0 ? 1 : len < 32 ? len : 32),
             len > 0 ? reply->str : "?");
}

static bool is_refused(const redisReply *reply)
{
    return reply->type != REDIS_REPLY_STATUS;
}

static void on_auth(void *arg, const redisReply *reply)
{
    if (reply != NULL && is_refused(reply))
        note_refusal(arg, "it refuses our user or password", reply);
}

static void on_select(void *arg, const redisReply *reply)
{
    if (reply != NULL && is_refused(reply))
        note_refusal(arg, "it refuses the database", reply);
}

static void on_ping(void *arg, const redisReply *reply)
{
    otr_link *link = arg;

    if (reply == NULL)
        return;
    if (!is_refused(reply))
        otr_link_greeted(link);
    else if (reply->str != NULL && strncmp(reply->str, "NOAUTH", 6) == 0)
        note_refusal(link, "it wants a password, and we have none", reply);
    else
        note_refusal(link, "it does not serve us", reply);
}

/* The first line of the file, without its end. False with the reason in link->why. */
static bool read_password(otr_link *link, char password[OTR_FLEET_WORD_SIZE])
{
    const char *path = link->settings->password_file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, password, OTR_FLEET_WORD_SIZE) : -1;

    if (fd >= 0)
        close(fd);
    if (len >= 0 && len < OTR_FLEET_WORD_SIZE) {
        password[len] = '\0';
        password[strcspn(password, "\r\n")] = '\0';
        if (password[0] != '\0')
            return true;
        snprintf(link->why, sizeof(link->why), "the password file %.150s is empty", path);
    } else {
        snprintf(link->why, sizeof(link->why), "the password file %.150s %s", path, len < 0 ? "cannot be read" : "is too long");
    }
    return false;
}

static bool put_auth(otr_link *link)
{
    const otr_fleet_url *url = link->settings->url;
    char password[OTR_FLEET_WORD_SIZE];
    otr_slice words[3] = { otr_slice_of("AUTH"), otr_slice_of(url->user) };
    size_t count = url->user[0] != '\0' ? 2 : 1;
    bool is_put;

    snprintf(password, sizeof(password), "%s", url->password);
    if (*link->settings->password_file != '\0' && !read_password(link, password))
        return false;
    if (password[0] == '\0')
        return true;
    words[count++] = otr_slice_of(password);
    is_put = otr_link_put_question(link, words, count, on_auth, link);
    explicit_bzero(password, sizeof(password));
    if (!is_put)
        snprintf(link->why, sizeof(link->why), "out of memory");
    return is_put;
}

void otr_link_greet(otr_link *link)
{
    char db[16];
    otr_slice select[] = { otr_slice_of("SELECT"), { db, 0 } }, ping[] = { otr_slice_of("PING") };

    select[1].len = (size_t)snprintf(db, sizeof(db), "%u", link->settings->url->db);
    if (!put_auth(link) || (link->settings->url->db != 0 && !otr_link_put_question(link, select, 2, on_select, link)) ||
        !otr_link_put_question(link, ping, 1, on_ping, link))
        otr_link_fail(link, link->why[0] != '\0' ? link->why : "out of memory");
}
