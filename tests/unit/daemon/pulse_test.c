/* What /healthz concludes from the beat of a resolver thread and from DNS answers. */
#include "base/clock.h"
#include "daemon/pulse.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void see(otr_pulse *pulse, const char *name, otr_dns_trouble trouble)
{
    const otr_dns_answer answer = { .qname = name, .qtype = OTR_RR_MX, .status = trouble == OTR_DNS_NO_TROUBLE
                                                                                     ? OTR_DNS_INSECURE : OTR_DNS_TEMPFAIL };

    otr_pulse_seen(pulse, &answer, trouble);
}

static const char dead[] = "dns: no usable answer to any recent lookup";

static void what_makes_dns_look_dead(void **state)
{
    static const struct {
        const char *what;
        struct {
            const char *name;
            otr_dns_trouble trouble;
        } seen[5];
        int after_ms;
        const char *problem;
    } rows[] = {
        { "nothing was asked", { { NULL, 0 } }, 5000, NULL },
        { "three names without an answer",
          { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_SERVFAIL }, { "c", OTR_DNS_TIMEOUT } }, 2500, dead },
        { "too soon to say", { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT }, { "c", OTR_DNS_TIMEOUT } }, 500, NULL },
        { "too long ago to say",
          { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT }, { "c", OTR_DNS_TIMEOUT } }, OTR_PULSE_LATELY_MS + 1, NULL },
        { "one name again and again",
          { { "a", OTR_DNS_TIMEOUT }, { "a", OTR_DNS_TIMEOUT }, { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT } }, 2500, NULL },
        { "an answer in between",
          { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT }, { "c", OTR_DNS_NO_TROUBLE }, { "d", OTR_DNS_TIMEOUT } }, 2500, NULL },
        { "a refusal is an answer",
          { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT }, { "c", OTR_DNS_TIMEOUT }, { "d", OTR_DNS_REFUSED } }, 2500, NULL },
        { "memory of ours is neither",
          { { "a", OTR_DNS_TIMEOUT }, { "b", OTR_DNS_TIMEOUT }, { "c", OTR_DNS_TIMEOUT }, { "d", OTR_DNS_OTHER } }, 2500, dead },
    };
    otr_pulse *pulse = malloc(sizeof(*pulse));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t now = otr_monotonic_recent_ms() + rows[i].after_ms;
        const char *problem;

        otr_pulse_init(pulse);
        for (size_t n = 0; n < 5 && rows[i].seen[n].name != NULL; n++)
            see(pulse, rows[i].seen[n].name, rows[i].seen[n].trouble);
        atomic_store(&pulse->beat_ms, now);
        problem = otr_pulse_problem(pulse, now);
        if ((problem == NULL) != (rows[i].problem == NULL) || (problem != NULL && strcmp(problem, rows[i].problem) != 0))
            fail_msg("%s: got %s, want %s", rows[i].what, problem != NULL ? problem : "none",
                     rows[i].problem != NULL ? rows[i].problem : "none");
    }
    free(pulse);
}

static void a_thread_without_a_beat_is_stuck(void **state)
{
    otr_pulse *pulse = malloc(sizeof(*pulse));
    int64_t now;

    (void)state;
    otr_pulse_init(pulse);
    now = atomic_load(&pulse->beat_ms);
    assert_null(otr_pulse_problem(pulse, now + OTR_PULSE_STUCK_MS));
    assert_string_equal(otr_pulse_problem(pulse, now + OTR_PULSE_STUCK_MS + 1), "resolver: a thread is stuck");
    free(pulse);
}

static void a_self_test_that_failed(void **state)
{
    otr_pulse *pulse = malloc(sizeof(*pulse));

    (void)state;
    for (int result = OTR_SELFTEST_OK; result <= OTR_SELFTEST_NO_ANCHOR; result++) {
        otr_pulse_init(pulse);
        atomic_store(&pulse->selftest, result);
        if (result == OTR_SELFTEST_OK)
            assert_null(otr_pulse_problem(pulse, otr_monotonic_recent_ms()));
        else
            assert_non_null(strstr(otr_pulse_problem(pulse, otr_monotonic_recent_ms()), "self-test failed"));
    }
    free(pulse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_makes_dns_look_dead),
        cmocka_unit_test(a_thread_without_a_beat_is_stuck),
        cmocka_unit_test(a_self_test_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
