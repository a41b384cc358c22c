/* test_password.c - passwords as they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schema-registry/api/password.h"

static bool right(const char *kept, const char *password)
{
    password_memory memory;
    bool result;

    password_memory_init(&memory);
    result = password_is_right(weir_cstr(kept), weir_cstr(password), &memory);
    password_memory_done(&memory);
    return result;
}

static void a_hash_knows_its_password_and_no_other(void **state)
{
    weir_buf one = {0}, two = {0};
    weir_error err;
    (void)state;

    password_hash(WEIR_STR("s3cret"), &one);
    password_hash(WEIR_STR("s3cret"), &two);
    assert_int_equal(password_validate(weir_buf_str(&one), &err), WEIR_OK);
    assert_string_not_equal(weir_buf_cstr(&one), weir_buf_cstr(&two)); /* each has its own salt */
    assert_true(right(weir_buf_cstr(&one), "s3cret"));
    assert_true(right(weir_buf_cstr(&two), "s3cret"));
    assert_false(right(weir_buf_cstr(&one), "s3cre"));
    assert_false(right(weir_buf_cstr(&one), "s3cret "));
    assert_false(right(weir_buf_cstr(&one), ""));
    weir_buf_done(&one);
    weir_buf_done(&two);
}

static void a_hash_of_another_program_is_known(void **state)
{
    /* hashlib.pbkdf2_hmac("sha256", b"pw", bytes(range(16)), 1000).hex() */
    const char *kept = "pbkdf2-sha256$1000$000102030405060708090a0b0c0d0e0f$"
                       "69ebe085b7b1cc2dc10399570936a6f9b825889902f62730b9759c08a6718f8d";
    (void)state;

    assert_true(right(kept, "pw"));
    assert_false(right(kept, "pW"));
}

static void what_was_right_is_remembered_and_what_was_wrong_is_not(void **state)
{
    weir_str kept = WEIR_STR("pbkdf2-sha256$1$000102030405060708090a0b0c0d0e0f$"
                             "ea618f4b003ea6a2f8e469cabdfef9d296c04aea9067817423000a5c761694fc");
    password_memory memory;
    (void)state;

    password_memory_init(&memory);
    assert_false(password_is_right(kept, WEIR_STR("x"), &memory));
    assert_false(memory.is_set);
    assert_true(password_is_right(kept, WEIR_STR("pw"), &memory));
    assert_true(memory.is_set);
    assert_true(password_is_right(kept, WEIR_STR("pw"), &memory));
    assert_false(password_is_right(kept, WEIR_STR("x"), &memory));
    password_memory_done(&memory);
}

static void what_is_no_hash_is_the_password_itself(void **state)
{
    (void)state;
    assert_true(right("plain", "plain"));
    assert_false(right("plain", "plai"));
}

static void half_hashes_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "pbkdf2-sha256$",
        "pbkdf2-sha256$x$000102030405060708090a0b0c0d0e0f$00",
        "pbkdf2-sha256$0$000102030405060708090a0b0c0d0e0f$"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha256$99999999999$000102030405060708090a0b0c0d0e0f$"
        "0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha256$1$00$0000000000000000000000000000000000000000000000000000000000000000",
        "pbkdf2-sha256$1$000102030405060708090a0b0c0d0e0f$"
        "000000000000000000000000000000000000000000000000000000000000000g"};
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(password_validate(weir_cstr(bad[i]), &err), WEIR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_knows_its_password_and_no_other),
        cmocka_unit_test(a_hash_of_another_program_is_known),
        cmocka_unit_test(what_was_right_is_remembered_and_what_was_wrong_is_not),
        cmocka_unit_test(what_is_no_hash_is_the_password_itself),
        cmocka_unit_test(half_hashes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
