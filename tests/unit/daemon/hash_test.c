#include "daemon/hash.h"
#include "support/cmocka_all.h"

/* The vectors that the authors of SipHash-2-4 publish: key 00 01 .. 0f, message 00 01 .. of each length. */
static void hashes_are_siphash(void **state)
{
    static const struct {
        size_t len;
        uint64_t want;
    } rows[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 7, 0xab0200f58b01d137 },
        { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 },
    };
    const otr_hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
    unsigned char message[16];

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(otr_hash(&key, message, rows[i].len), rows[i].want);
}

static void keys_are_drawn_anew(void **state)
{
    otr_hash_key a = otr_hash_key_draw(), b = otr_hash_key_draw();

    (void)state;
    assert_true(a.k[0] != b.k[0] || a.k[1] != b.k[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_siphash),
        cmocka_unit_test(keys_are_drawn_anew),
    };

    return cmocka_run_group_tests_name("daemon/hash", tests, NULL, NULL);
}
