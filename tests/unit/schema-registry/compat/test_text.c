/* test_text.c - incompatibilities in Confluent's words. */
#include "schema-registry/compat/compat.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_kind_has_the_words_of_confluent(void **state)
{
    static const struct {
        compat_error error;
        const char *text;
    } cases[] = {
        {{.kind = COMPAT_NAME_MISMATCH,
          .path = WEIR_STR("/name"),
          .message = WEIR_STR("expected: a")},
         "{errorType:'NAME_MISMATCH', description:'The name of the schema has changed (path "
         "'/name')', "
         "additionalInfo:'expected: a'}"},
        {{.kind = COMPAT_FIXED_SIZE_MISMATCH, .path = WEIR_STR("/size"), .message = WEIR_STR("m")},
         "{errorType:'FIXED_SIZE_MISMATCH', description:'The size of FIXED type field at path "
         "'/size' in "
         "the new schema does not match with the old schema', additionalInfo:'m'}"},
        {{.kind = COMPAT_MISSING_ENUM_SYMBOLS,
          .is_forward = true,
          .path = WEIR_STR("/symbols"),
          .message = WEIR_STR("[A]")},
         "{errorType:'MISSING_ENUM_SYMBOLS', description:'The old schema is missing enum symbols "
         "'[A]' "
         "at path '/symbols' in the new schema', additionalInfo:'[A]'}"},
        {{.kind = COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE,
          .path = WEIR_STR("/fields/0"),
          .message = WEIR_STR("f")},
         "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f' at path "
         "'/fields/0' in the new schema has no default value and is missing in the old schema', "
         "additionalInfo:'f'}"},
        {{.kind = COMPAT_TYPE_MISMATCH,
          .is_forward = true,
          .path = WEIR_STR("/"),
          .message = WEIR_STR("m")},
         "{errorType:'TYPE_MISMATCH', description:'The type (path '/') of a field in the old "
         "schema does "
         "not match with the new schema', additionalInfo:'m'}"},
        {{.kind = COMPAT_MISSING_UNION_BRANCH, .path = WEIR_STR("/1"), .message = WEIR_STR("m")},
         "{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside "
         "a union "
         "field at path '/1' in the old schema', additionalInfo:'m'}"},
        {{.kind = COMPAT_UNDECIDED, .message = WEIR_STR("why")},
         "Unexpected exception during compatibility check: why"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf out = {0};

        compat_error_text(&cases[i].error, &out);
        assert_string_equal(weir_buf_cstr(&out), cases[i].text);
        weir_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_the_words_of_confluent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
