/*
 * cache_test.c - one thread at a time, then several: run with -Db_sanitize=thread the last test shows that readers and
 * writers of the cache and of a mailbox do not race.
 */
#include "daemon/cache.h"
#include "daemon/mailbox.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static fixture f;

static otr_answer *answer_for(const char *text, otr_time valid_until)
{
    otr_decide_settings settings = OTR_DECIDE_SETTINGS_INIT;
    otr_destination destination;
    otr_mx_finding *mx;
    otr_verdict *verdict;
    otr_answer *answer;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    mx = otr_mx_finding_of_address(&destination, NOW);
    verdict = otr_decide(mx, NULL, false, &settings, f.anchors, NOW);
    otr_mx_finding_unref(mx);
    assert_non_null(verdict);
    answer = otr_answer_new(verdict, &f.flow.views, valid_until);
    assert_non_null(answer);
    return answer;
}

static otr_time found(const char *key)
{
    otr_answer *answer;
    otr_time until;

    otr_rcu_read_lock();
    answer = otr_cache_find(f.cache, key, strlen(key));
    until = answer != NULL ? answer->valid_until : 0;
    otr_rcu_read_unlock();
    return until;
}

static void an_answer_is_put_replaced_and_dropped(void **state)
{
    otr_answer *first = answer_for("[192.0.2.1]", NOW + 1), *second = answer_for("[192.0.2.1]", NOW + 2);

    (void)state;
    assert_int_equal(found("[192.0.2.1]"), 0);
    otr_cache_put(f.cache, first);
    assert_int_equal(found("[192.0.2.1]"), NOW + 1);
    assert_int_equal(found("[192.0.2.1"), 0); /* no prefix is the key */
    assert_int_equal(found("[192.0.2.11]"), 0);
    otr_cache_put(f.cache, second);
    assert_int_equal(found("[192.0.2.1]"), NOW + 2);
    assert_int_equal(otr_cache_count(f.cache), 1);
    otr_cache_drop(f.cache, first); /* it is out already: nothing happens */
    assert_int_equal(found("[192.0.2.1]"), NOW + 2);
    otr_cache_drop(f.cache, second);
    otr_cache_drop(f.cache, second);
    assert_int_equal(found("[192.0.2.1]"), 0);
    assert_int_equal(otr_cache_count(f.cache), 0);
    otr_answer_unref(first);
    otr_answer_unref(second);
}

/* Far more than the table was made for, so that lists are long; of each list first, middle and last ones are replaced and go. */
static void lists_of_many_answers_stay_whole(void **state)
{
    enum { MANY = 9000 };
    static otr_answer *answers[MANY];
    char key[40];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "[10.0.%d.%d]", i / 250, i % 250);
        answers[i] = answer_for(key, NOW + i);
        otr_cache_put(f.cache, answers[i]);
    }
    assert_int_equal(otr_cache_count(f.cache), MANY);
    for (int i = 0; i < MANY; i += 3)
        otr_cache_drop(f.cache, answers[i]);
    for (int i = 1; i < MANY; i += 3) {
        otr_answer *newer = answer_for(otr_answer_key(answers[i]), NOW - i);

        otr_cache_put(f.cache, newer);
        otr_answer_unref(answers[i]);
        answers[i] = newer;
    }
    for (int i = 0; i < MANY; i++) {
        uint64_t hash = otr_cache_hash(f.cache, otr_answer_key(answers[i]), strlen(otr_answer_key(answers[i])));

        otr_rcu_read_lock();
        for (otr_cache_step step = OTR_CACHE_BUCKET; step <= OTR_CACHE_REPLY; step++)
            otr_cache_prefetch(f.cache, hash, step);
        otr_rcu_read_unlock();
        assert_int_equal(found(otr_answer_key(answers[i])), i % 3 == 0 ? 0 : i % 3 == 1 ? NOW - i : NOW + i);
    }
    assert_int_equal(otr_cache_count(f.cache), MANY - MANY / 3);
    for (int i = 0; i < MANY; i++) {
        otr_cache_drop(f.cache, answers[i]);
        otr_answer_unref(answers[i]);
    }
    assert_int_equal(otr_cache_count(f.cache), 0);
}

static void a_reference_outlives_the_cache_entry(void **state)
{
    otr_answer *answer = answer_for("[192.0.2.2]", NOW + 1);

    (void)state;
    otr_cache_put(f.cache, answer);
    otr_cache_drop(f.cache, answer);
    while (atomic_load(&answer->refs) > 1) /* the cache gives its own up after a grace period */
        usleep(1000);
    assert_string_equal(otr_answer_key(answer), "[192.0.2.2]");
    otr_answer_unref(answer);
}

static void replies_are_rendered_and_framed(void **state)
{
    otr_answer *answer = answer_for("[192.0.2.3]", NOW + 1);

    (void)state;
    for (int form = OTR_FORM_POSTFIX; form <= OTR_FORM_SENDMAIL; form++)
        assert_memory_equal(otr_answer_reply(answer, form).ptr, "9:NOTFOUND ,", otr_answer_reply(answer, form).len);
    assert_memory_equal(otr_answer_reply(answer, OTR_FORM_EXIM).ptr, "v=1 ", 4);
    assert_int_equal(otr_answer_reply(answer, OTR_FORM_EXIM).ptr[otr_answer_reply(answer, OTR_FORM_EXIM).len - 1], '\n');
    otr_answer_unref(answer);
}

/* Several threads -------------------------------------------------------------------------------------------------- */

enum { KEYS = 16, ROUNDS = 2000, READERS = 2, POSTERS = 2 };

static _Atomic bool is_over;
static _Atomic long seen;

static void *read_all(void *arg)
{
    char key[32];

    (void)arg;
    urcu_memb_register_thread();
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < KEYS; i++) {
            otr_answer *answer;

            snprintf(key, sizeof(key), "[192.0.2.%d]", i);
            otr_rcu_read_lock();
            answer = otr_cache_find(f.cache, key, strlen(key));
            if (answer != NULL) {
                otr_slice reply = otr_answer_reply(answer, OTR_FORM_EXIM);

                otr_answer_note_use(answer, answer->valid_until);
                atomic_fetch_add(&seen, (long)reply.len + (reply.ptr[0] == 'v'));
            }
            otr_rcu_read_unlock();
        }
    }
    urcu_memb_unregister_thread();
    return NULL;
}

static void readers_and_a_writer_do_not_disturb_each_other(void **state)
{
    pthread_t readers[READERS];
    char key[32];

    (void)state;
    atomic_store(&is_over, false);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        otr_answer *answer;

        snprintf(key, sizeof(key), "[192.0.2.%d]", round % KEYS);
        answer = answer_for(key, NOW + round);
        otr_cache_put(f.cache, answer);
        if (round % 3 == 0)
            otr_cache_drop(f.cache, answer);
        otr_answer_unref(answer);
    }
    while (atomic_load(&seen) == 0)
        ;
    atomic_store(&is_over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_true(otr_cache_count(f.cache) <= KEYS);
}

struct letter {
    otr_mail mail;
    int number;
};

static otr_mailbox box;
static struct letter letters[POSTERS][ROUNDS];
static int last_number[POSTERS];
static int taken;

static void *post_all(void *arg)
{
    struct letter *mine = arg;

    for (int i = 0; i < ROUNDS; i++) {
        mine[i].number = i;
        otr_mailbox_post(&box, &mine[i].mail);
    }
    return NULL;
}

static void take_letter(void *arg, otr_mail *mail)
{
    struct letter *letter = caa_container_of(mail, struct letter, mail);
    int poster = letter >= letters[1] ? 1 : 0;

    (void)arg;
    assert_int_equal(letter->number, last_number[poster]++); /* in the order in which it was posted */
    taken++;
}

static void mail_from_several_threads_arrives_in_order(void **state)
{
    pthread_t posters[POSTERS];

    (void)state;
    assert_int_equal(otr_mailbox_init(&box, NULL), OUTRIDER_OK);
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&posters[i], NULL, post_all, letters[i]), 0);
    while (taken < POSTERS * ROUNDS)
        otr_mailbox_take(&box, take_letter, NULL);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i], NULL);
    otr_mailbox_clear(&box);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_clear(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_put_replaced_and_dropped),
        cmocka_unit_test(lists_of_many_answers_stay_whole),
        cmocka_unit_test(a_reference_outlives_the_cache_entry),
        cmocka_unit_test(replies_are_rendered_and_framed),
        cmocka_unit_test(readers_and_a_writer_do_not_disturb_each_other),
        cmocka_unit_test(mail_from_several_threads_arrives_in_order),
    };

    return cmocka_run_group_tests_name("daemon/cache", tests, set_up, tear_down);
}
