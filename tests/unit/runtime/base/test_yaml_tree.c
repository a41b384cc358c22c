/* test_yaml_tree.c - a tree has what the file says, with lines; what it cannot hold is refused by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/yaml_tree.h"
#include "weir/buf.h"

static yaml_tree *parsed(const char *text)
{
    yaml_tree *tree = NULL;
    weir_error err = {0};

    if (yaml_tree_parse(weir_cstr(text), "f.yaml", &tree, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    return tree;
}

static void assert_refused(weir_str text, const char *message)
{
    yaml_tree *tree = NULL;
    weir_error err = {0};

    assert_int_equal(yaml_tree_parse(text, "f.yaml", &tree, &err), WEIR_CONFIG);
    assert_string_equal(err.message, message);
    assert_null(tree);
}

static void nodes_know_their_lines(void **state)
{
    CLEANUP(yaml_tree_freep)
    yaml_tree *tree = parsed("# comment\na: 1\nb:\n  - x\n  - {c: y}\n");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    (void)state;

    assert_int_equal(root->kind, YAML_TREE_MAP);
    assert_int_equal(root->count, 2);
    assert_int_equal(root->line, 2);
    assert_string_equal(root->pairs[0].key.ptr, "a");
    assert_string_equal(root->pairs[0].value->text.ptr, "1");
    assert_int_equal(root->pairs[1].line, 3);
    assert_int_equal(root->pairs[1].value->kind, YAML_TREE_LIST);
    assert_int_equal(root->pairs[1].value->items[0]->line, 4);
    assert_int_equal(root->pairs[1].value->items[1]->pairs[0].line, 5);
    assert_int_equal(root->weight, 6);
}

static void only_plain_scalars_are_null(void **state)
{
    CLEANUP(yaml_tree_freep) yaml_tree *tree = parsed("[~, null, \"\", 'null', nil]");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    static const bool expected[] = {true, true, false, false, false};
    (void)state;

    assert_int_equal(root->count, 5);
    for (size_t i = 0; i < root->count; i++)
        assert_int_equal(root->items[i]->is_null, expected[i]);
    assert_string_equal(yaml_tree_kind_name(root->items[0]), "nothing");
    assert_string_equal(yaml_tree_kind_name(root), "a list");
}

static void an_alias_is_its_anchor_once_more(void **state)
{
    CLEANUP(yaml_tree_freep) yaml_tree *tree = parsed("a: &x {k: v}\nb: *x\nc: &x 2\nd: *x\n");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    (void)state;

    assert_ptr_equal(root->pairs[0].value, root->pairs[1].value);
    assert_string_equal(root->pairs[3].value->text.ptr, "2");
}

static void a_merged_map_gives_what_is_not_there(void **state)
{
    CLEANUP(yaml_tree_freep)
    yaml_tree *tree = parsed("a: &a {x: 1, y: 2}\n"
                             "b: &b\n  y: 3\n  z: 4\n"
                             "one:\n  <<: *a\n  y: own\n"
                             "both: {<<: [*a, *b], \"<<\": text}\n");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    const yaml_tree_node *one = root->pairs[2].value, *both = root->pairs[3].value;
    static const char *const expected[][2] = {{"<<", "text"}, {"x", "1"}, {"y", "2"}, {"z", "4"}};
    (void)state;

    assert_int_equal(one->count, 2);
    assert_string_equal(one->pairs[0].value->text.ptr, "own");
    assert_string_equal(one->pairs[1].key.ptr, "x");
    assert_int_equal(one->pairs[1].line, 1); /* where it stands */
    assert_int_equal(both->count, 4);
    for (size_t i = 0; i < both->count; i++) {
        assert_string_equal(both->pairs[i].key.ptr, expected[i][0]);
        assert_string_equal(both->pairs[i].value->text.ptr, expected[i][1]);
    }
    assert_int_equal(both->pairs[3].line, 4);
}

static void tags_of_yaml_say_nothing(void **state)
{
    CLEANUP(yaml_tree_freep) yaml_tree *tree = parsed("[!!str 12, !!int 0123, ! x, !!seq [y]]");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    (void)state;

    assert_string_equal(root->items[0]->text.ptr, "12");
    assert_string_equal(root->items[1]->text.ptr, "0123");
    assert_string_equal(root->items[3]->items[0]->text.ptr, "y");
}

static void a_byte_order_mark_and_line_ends_of_windows_are_fine(void **state)
{
    CLEANUP(yaml_tree_freep)
    yaml_tree *tree = parsed("\xef\xbb\xbf"
                             "a: 1\r\nb: x\r\n");
    const yaml_tree_node *root = yaml_tree_document(tree, 0);
    (void)state;

    assert_string_equal(root->pairs[0].key.ptr, "a");
    assert_string_equal(root->pairs[1].value->text.ptr, "x");
    assert_int_equal(root->pairs[1].line, 2);
}

static void a_stream_has_many_documents(void **state)
{
    CLEANUP(yaml_tree_freep) yaml_tree *tree = parsed("a: 1\n---\n- b\n---\n");
    CLEANUP(yaml_tree_freep) yaml_tree *empty = parsed("# nothing\n");
    (void)state;

    assert_int_equal(yaml_tree_count(tree), 3);
    assert_int_equal(yaml_tree_document(tree, 1)->kind, YAML_TREE_LIST);
    assert_true(yaml_tree_document(tree, 2)->is_null);
    assert_null(yaml_tree_document(tree, 3));
    assert_int_equal(yaml_tree_count(empty), 0);
}

static void what_a_tree_cannot_hold_is_refused_by_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3: \"a\" stands twice, first in line 1"},
        {"a: [1, 2\nb: 3\n", "f.yaml:2: did not find expected ',' or ']'"},
        {"a:\n\t- b\n",
         "f.yaml:2: found character that cannot start any token: is it a tab? YAML is "
         "indented with blanks; a text that begins with % @ or ` needs quotes"},
        {"a: \"x\\.y\"\n", "f.yaml:1: found unknown escape character: in double quotes a backslash "
                           "begins an escape; use single quotes, or two backslashes"},
        {"a: b: c\n",
         "f.yaml:1: mapping values are not allowed in this context: a text with \": \" in "
         "it needs quotes; or the indentation is not that of the line above"},
        {"\n[1, 2]: x\n", "f.yaml:2: a key must be a plain text"},
        {"&k a: 1\n", "f.yaml:1: a key must be a plain text"},
        {"a: 1\nb: *nowhere\n", "f.yaml:2: *nowhere has no anchor &nowhere before it"},
        {"a: &x\n  b: *x\n", "f.yaml:2: *x stands inside of &x"},
        {"a: &x\n  <<: *x\n", "f.yaml:2: *x stands inside of &x"},
        {"a: 1\n<<: 2\n", "f.yaml:2: << takes a map or a list of maps, as in <<: *defaults"},
        {"a: &x {}\n<<: *x\n<<: *x\n", "f.yaml:3: << stands twice, first in line 2"},
        {"a:\n  b: !env X\n",
         "f.yaml:2: the tag !env means nothing here; a text that begins with ! "
         "needs quotes"},
        {"a: !!binary aGFsbG8=\n",
         "f.yaml:1: the tag tag:yaml.org,2002:binary means nothing here; a "
         "text that begins with ! needs quotes"},
        {"a: \"x\\0y\"\n", "f.yaml:1: a NUL character in a text"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "f.yaml:1: nested deeper than 16"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(weir_cstr(cases[i].text), cases[i].message);
}

static void a_small_file_cannot_unfold_into_a_large_one(void **state)
{
    weir_buf text = {0};
    (void)state;

    weir_buf_printf(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        weir_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int n = 0; n < 10; n++)
            weir_buf_printf(&text, "%s*a%d", n > 0 ? ", " : "", i - 1);
        weir_buf_printf(&text, "]\n");
    }
    assert_refused(weir_buf_str(&text), "f.yaml:5: more than 20000 values in one file");
    weir_buf_done(&text);
}

static void files_documents_and_anchors_are_bounded(void **state)
{
    weir_buf text = {0};
    (void)state;

    for (int i = 0; i <= YAML_TREE_BYTES; i++)
        weir_buf_add_byte(&text, ' ');
    assert_refused(weir_buf_str(&text), "f.yaml: larger than 1048576 bytes");
    weir_buf_clear(&text);
    for (int i = 0; i < 257; i++)
        weir_buf_printf(&text, "--- x\n");
    assert_refused(weir_buf_str(&text), "f.yaml:257: more than 256 documents");
    weir_buf_clear(&text);
    for (int i = 0; i < 257; i++)
        weir_buf_printf(&text, "- &a%d x\n", i);
    assert_refused(weir_buf_str(&text), "f.yaml:257: more than 256 anchors");
    weir_buf_done(&text);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    yaml_tree *tree = NULL;
    weir_error err = {0};
    (void)state;

    assert_int_equal(yaml_tree_read("/nowhere/x.yaml", &tree, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "/nowhere/x.yaml: cannot be read: No such file or directory");
    assert_int_equal(yaml_tree_read("/", &tree, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "/: cannot be read: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_lines),
        cmocka_unit_test(only_plain_scalars_are_null),
        cmocka_unit_test(an_alias_is_its_anchor_once_more),
        cmocka_unit_test(a_merged_map_gives_what_is_not_there),
        cmocka_unit_test(tags_of_yaml_say_nothing),
        cmocka_unit_test(a_byte_order_mark_and_line_ends_of_windows_are_fine),
        cmocka_unit_test(a_stream_has_many_documents),
        cmocka_unit_test(what_a_tree_cannot_hold_is_refused_by_line),
        cmocka_unit_test(a_small_file_cannot_unfold_into_a_large_one),
        cmocka_unit_test(files_documents_and_anchors_are_bounded),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
