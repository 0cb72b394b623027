/*
 * system_test.c - what is asked of the system for one thread. (The rest of system.c is tested with the daemon: tests/e2e.)
 */
#include "daemon/system.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static struct attributes of_this_thread(void)
{
    struct attributes a = { 0 };

    assert_int_equal(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
    return a;
}

static void *take_short_turns(void *arg)
{
    struct attributes *seen = arg;

    setpriority(PRIO_PROCESS, 0, 3);
    otr_take_short_turns();
    *seen = of_this_thread();
    return NULL;
}

static void a_thread_has_shorter_turns_and_the_same_share(void **state)
{
    struct attributes before = of_this_thread(), seen, after;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_short_turns, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    after = of_this_thread();
    assert_int_equal(seen.policy, before.policy);
    assert_int_equal(seen.nice, 3);
    assert_int_equal(after.runtime, before.runtime); /* that of no other */
    if (before.runtime == 0) {
        print_message("this kernel has no turns of a length of one's own (Linux 6.12): skipped\n");
        skip();
    }
    assert_true(seen.runtime < before.runtime);
}

/* As with CPUSchedulingPolicy=batch in a unit. */
static void *take_turns_as_batch(void *arg)
{
    struct attributes *seen = arg;
    struct sched_param none = { 0 };

    sched_setscheduler(0, SCHED_BATCH, &none);
    seen[0] = of_this_thread();
    otr_take_short_turns();
    seen[1] = of_this_thread();
    return NULL;
}

static void another_policy_is_left_alone(void **state)
{
    struct attributes seen[2];
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_turns_as_batch, seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(seen[0].policy, SCHED_BATCH);
    assert_memory_equal(&seen[0], &seen[1], sizeof(seen[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_shorter_turns_and_the_same_share),
        cmocka_unit_test(another_policy_is_left_alone),
    };

    return cmocka_run_group_tests_name("daemon/system", tests, NULL, NULL);
}
