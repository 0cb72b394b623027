/*
 * rcu.h - liburcu (memb flavour) as this program uses it, and what ThreadSanitizer must be told about it.
 *
 * liburcu is a library of Debian: it is not instrumented, and inside it synchronises with inline assembly and
 * membarrier(2), which ThreadSanitizer cannot see. Compiling liburcu's static inlines into our code would not
 * help, for the same reason. So the order that liburcu guarantees is stated here, in the places where our data
 * passes through it, and nothing needs to be suppressed:
 *   - what was written before otr_rcu_published() is seen after otr_rcu_seen() of the same object;
 *   - what was read in a read section comes before what a callback of call_rcu() does.
 * Without the sanitizer these cost nothing.
 */
#ifndef OTR_DAEMON_RCU_H
#define OTR_DAEMON_RCU_H

#include <stdint.h>
#include <urcu/urcu-memb.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
/* (through an integer: the order of a constant object's bytes is stated as well, and nothing is written) */
#define otr_rcu_published(object) __tsan_release((void *)(uintptr_t)(object))
#define otr_rcu_seen(object) __tsan_acquire((void *)(uintptr_t)(object))
#else
#define otr_rcu_published(object) ((void)(object))
#define otr_rcu_seen(object) ((void)(object))
#endif

extern char otr_rcu_grace; /* stands for all grace periods; only its address is used */

static inline void otr_rcu_read_lock(void)
{
    urcu_memb_read_lock();
}

static inline void otr_rcu_read_unlock(void)
{
    otr_rcu_published(&otr_rcu_grace);
    urcu_memb_read_unlock();
}

/* First thing in a callback of call_rcu(). */
static inline void otr_rcu_after_grace(void)
{
    otr_rcu_seen(&otr_rcu_grace);
}

#endif
