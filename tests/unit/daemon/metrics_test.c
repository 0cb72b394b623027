/* The table of metrics, counting in several threads, and the text that Prometheus reads. */
#include "daemon/metrics.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <string.h>

/* Every cell belongs to exactly one metric, and in the order of the table: none is shown twice or forgotten. */
static void the_table_covers_each_cell_once(void **state)
{
    unsigned next = 0;

    (void)state;
    for (size_t i = 0; i < otr_metric_count; i++) {
        assert_int_equal(otr_metrics[i].first, next);
        next += otr_metric_cells(&otr_metrics[i]);
    }
    assert_int_equal(next, OTR_CELL_COUNT);
}

static bool is_plain(const char *word)
{
    size_t len = strlen(word);

    return len > 0 && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

/* So that nothing has to be escaped. */
static void names_and_words_are_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < otr_metric_count; i++) {
        const otr_metric *m = &otr_metrics[i];

        assert_true(is_plain(m->name));
        assert_null(strpbrk(m->help, "\\\n"));
        assert_int_equal(m->type == OTR_COUNTER, strstr(m->name, "_total") != NULL);
        for (size_t l = 0; l < 2 && m->labels[l].name != NULL; l++)
            for (unsigned w = 0; w < m->labels[l].count; w++)
                assert_true(is_plain(m->labels[l].words[w]));
    }
}

static void a_sample_bears_the_words_of_its_cell(void **state)
{
    static const struct {
        unsigned cell;
        const char *line;
    } rows[] = {
        { OTR_CELL_ANSWERS, "outrider_answers_total{listener=\"socketmap\",level=\"dane-only\"} 7\n" },
        { OTR_CELL_ANSWERS + OTR_OUTCOME_COUNT + OTR_LEVEL_DEFER, "outrider_answers_total{listener=\"line\",level=\"defer\"} 7\n" },
        { OTR_CELL_ANSWERS + OTR_OUTCOME_TIMEOUT, "outrider_answers_total{listener=\"socketmap\",level=\"timeout\"} 7\n" },
        { OTR_CELL_REFRESHES + OTR_REFRESH_HELD_BACK, "outrider_policy_refreshes_total{result=\"held-back\"} 7\n" },
        { OTR_CELL_FETCH_FAILURES + OTR_STS_CAUSE_POLICY, "outrider_policy_fetch_failures_total{reason=\"policy\"} 7\n" },
        { OTR_CELL_LOOKUPS + OTR_DNS_TEMPFAIL, "outrider_dns_lookups_total{status=\"tempfail\"} 7\n" },
        { OTR_CELL_BOGUS + OTR_TYPE_TLSA, "outrider_dns_bogus_total{type=\"TLSA\"} 7\n" },
        { OTR_CELL_LOOKUP_FAILURES + OTR_DNS_TIMEOUT - 1, "outrider_dns_failures_total{kind=\"timeout\"} 7\n" },
        { OTR_CELL_LOOKUP_FAILURES + OTR_DNS_OTHER - 1, "outrider_dns_failures_total{kind=\"other\"} 7\n" },
        { OTR_CELL_POLICIES + OTR_POLICY_TESTING, "outrider_policies{mode=\"testing\"} 7\n" },
        { OTR_CELL_BUILD, "outrider_build_info{version=\"" OUTRIDER_VERSION "\"} 7\n" },
        { OTR_CELL_OVERDUE, "\noutrider_policy_refresh_overdue_seconds 7\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t cells[OTR_CELL_COUNT] = { 0 };
        otr_buf out = OTR_BUF_INIT;

        cells[rows[i].cell] = 7;
        otr_metrics_render(cells, &out);
        if (strstr(otr_buf_text(&out), rows[i].line) == NULL)
            fail_msg("no line %s in %s", rows[i].line, otr_buf_text(&out));
        otr_buf_clear(&out);
    }
}

#define THREADS 4
#define ROUNDS 20000

static void *count_up(void *arg)
{
    (void)arg;
    otr_metrics_enter();
    for (int i = 0; i < ROUNDS; i++)
        otr_count(OTR_CELL_CACHE + OTR_CACHE_HIT);
    return NULL;
}

/* Sums while they count never go back; what a thread has counted stays when it ends. */
static void the_sets_of_threads_add_up(void **state)
{
    uint64_t cells[OTR_CELL_COUNT], last = 0;
    pthread_t threads[THREADS];

    (void)state;
    otr_count(OTR_CELL_CACHE + OTR_CACHE_HIT); /* this thread has no set: it counts nothing */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        otr_metrics_sum(cells);
        assert_true(cells[OTR_CELL_CACHE + OTR_CACHE_HIT] >= last);
        last = cells[OTR_CELL_CACHE + OTR_CACHE_HIT];
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    otr_metrics_sum(cells);
    assert_int_equal(cells[OTR_CELL_CACHE + OTR_CACHE_HIT], THREADS * ROUNDS);
    assert_int_equal(cells[OTR_CELL_CACHE + OTR_CACHE_MISS], 0);
}

/* Two sets must not share a cache line, or front threads would fight about it. */
static void a_set_has_cache_lines_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(_Alignof(otr_metric_set), OTR_CACHE_LINE);
    assert_int_equal(sizeof(otr_metric_set) % OTR_CACHE_LINE, 0);
    otr_metrics_enter();
    assert_non_null(otr_metrics_mine);
    assert_int_equal((uintptr_t)otr_metrics_mine % OTR_CACHE_LINE, 0);
}

static void the_result_of_a_refresh(void **state)
{
    static const char body[] = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n";
    static const struct {
        const char *what;
        bool has_policy;
        otr_time fetched_at; /* it was 100 before */
        otr_sts_record_state record;
        const char *record_id; /* that of the policy is "1" */
        otr_sts_failure failure;
        unsigned failures; /* 1 before */
        otr_refresh_result result;
    } rows[] = {
        { "a fetch that succeeded", true, 200, OTR_STS_PRESENT, "1", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_FETCHED },
        { "a fetch without a record", true, 200, OTR_STS_ABSENT, "", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_FETCHED },
        { "the same id", true, 100, OTR_STS_PRESENT, "1", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_UNCHANGED },
        { "a policy that outlives its record", true, 100, OTR_STS_ABSENT, "", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_UNCHANGED },
        { "nothing there", false, 0, OTR_STS_ABSENT, "", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_ABSENT },
        { "another failure", true, 100, OTR_STS_PRESENT, "2", OTR_STS_FETCH_ERROR, 2, OTR_REFRESH_FAILED },
        { "back-off, a policy on hand", true, 100, OTR_STS_PRESENT, "2", OTR_STS_FETCH_ERROR, 1, OTR_REFRESH_HELD_BACK },
        { "back-off, none on hand", false, 0, OTR_STS_PRESENT, "2", OTR_STS_FETCH_ERROR, 1, OTR_REFRESH_HELD_BACK },
        { "a lookup that failed", true, 100, OTR_STS_LOOKUP_FAILED, "", OTR_STS_NO_FAILURE, 0, OTR_REFRESH_RECORD_FAILED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_sts_entry *before = otr_sts_entry_new("a.example"), *after = otr_sts_entry_new("a.example");
        otr_refresh_result got;

        before->fetched_at = rows[i].has_policy ? 100 : 0;
        before->failures = 1;
        before->tried_at = after->tried_at = 50;
        after->fetched_at = rows[i].fetched_at;
        after->failure = rows[i].failure;
        after->failures = rows[i].failures;
        after->record = rows[i].record;
        strcpy(after->record_id, rows[i].record_id);
        if (rows[i].has_policy) {
            strcpy(after->id, "1");
            assert_int_equal(otr_sts_policy_parse(body, sizeof(body) - 1, &after->policy, NULL), OUTRIDER_OK);
        }
        got = otr_refresh_judge(before, after);
        if (got != rows[i].result)
            fail_msg("%s: got %d, want %d", rows[i].what, (int)got, (int)rows[i].result);
        otr_sts_entry_unref(before);
        otr_sts_entry_unref(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_covers_each_cell_once),
        cmocka_unit_test(names_and_words_are_plain),
        cmocka_unit_test(a_sample_bears_the_words_of_its_cell),
        cmocka_unit_test(the_sets_of_threads_add_up),
        cmocka_unit_test(a_set_has_cache_lines_of_its_own),
        cmocka_unit_test(the_result_of_a_refresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
