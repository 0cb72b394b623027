/*
 * group.h - connections that have something to say at the same time are heard one after the other, and then answered one after the
 * other. Alone, each would wait for memory four times while the thread has nothing else to do: for its bucket of the cache, the
 * answer, its key, its reply. Heard together, what they need is fetched for all of them side by side.
 *
 * A group is as small as that needs: nobody waits for many others to be heard.
 */
#ifndef OTR_DAEMON_GROUP_H
#define OTR_DAEMON_GROUP_H

#include <stdbool.h>

struct event;
struct otr_connection;
struct otr_front;

#define OTR_GROUP_MAX 16

typedef struct otr_group {
    struct otr_connection *members[OTR_GROUP_MAX]; /* NULL: left, as it was closed */
    unsigned count;
    struct event *on_heard; /* owned; active while there are members */
} otr_group;

bool otr_group_init(struct otr_front *front); /* false: out of memory */
void otr_group_clear(struct otr_front *front);

/* Its bytes have been read. They are answered when nobody else is to be heard, or the group is full; the connection may be gone then. */
void otr_group_join(struct otr_connection *connection);
void otr_group_leave(struct otr_connection *connection);

#endif
