#include "base/arena.h"
#include "support/cmocka_all.h"

#include <stdint.h>
#include <stdio.h>

static void keeps_what_was_put_in(void **state)
{
    otr_arena *a = otr_arena_new();
    const char *texts[500];

    (void)state;
    for (int i = 0; i < 500; i++)
        texts[i] = otr_arena_printf(a, "text number %d", i);
    for (int i = 0; i < 500; i++) {
        char want[32];

        snprintf(want, sizeof(want), "text number %d", i);
        assert_string_equal(texts[i], want);
    }
    assert_false(otr_arena_failed(a));
    otr_arena_free(a);
}

static void gives_zeroed_aligned_memory_of_any_size(void **state)
{
    otr_arena *a = otr_arena_new();
    unsigned char *big = otr_arena_alloc(a, 3, 5000);

    (void)state;
    for (int i = 0; i < 15000; i++)
        assert_int_equal(big[i], 0);
    assert_int_equal((uintptr_t)otr_arena_alloc(a, 1, 3) % _Alignof(max_align_t), 0);
    assert_int_equal((uintptr_t)otr_arena_alloc(a, 1, 3) % _Alignof(max_align_t), 0);
    otr_arena_free(a);
}

static void refuses_a_size_that_overflows(void **state)
{
    otr_arena *a = otr_arena_new();

    (void)state;
    assert_null(otr_arena_alloc(a, SIZE_MAX / 2, 4));
    assert_true(otr_arena_failed(a));
    otr_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_put_in),
        cmocka_unit_test(gives_zeroed_aligned_memory_of_any_size),
        cmocka_unit_test(refuses_a_size_that_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
