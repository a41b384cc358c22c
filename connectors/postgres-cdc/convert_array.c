/* convert_array.c - conversion of arrays of one dimension to Avro. */
#include "bytes.h"
#include "convert.h"
#include "convert_error.h"

static codec item_codec(const codec *self)
{
    codec item = *self;

    item.binary = self->item_binary;
    item.text = self->item_text;
    item.mapping = self->item_mapping;
    item.type = self->type->element;
    return item;
}

static weir_code many_dimensions(weir_error *err)
{
    return weir_fail(err, WEIR_FATAL,
                     "an array has more than one dimension, which cannot be captured; leave the "
                     "column out by column.exclude.list");
}

static weir_code put_null_item(const codec *self, weir_batch *out, weir_error *err)
{
    if (!self->nullable_items)
        return weir_fail(err, WEIR_FATAL,
                         "an array of %.*s has an item that is NULL, which its schema cannot hold; "
                         "leave the column out by column.exclude.list",
                         WEIR_ARG(self->type->element->name));
    weir_put_branch(out, 0);
    weir_put_null(out);
    return WEIR_OK;
}

static weir_code array_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint32_t dimensions = bytes_u32(&in);
    (void)bytes_u32(&in); /* whether there are NULLs */
    (void)bytes_u32(&in); /* the items' type, which the column's type tells */
    uint32_t count = dimensions > 0 ? bytes_u32(&in) : 0;
    if (dimensions > 0)
        (void)bytes_u32(&in); /* the lower bound: Debezium has none either */
    codec item = item_codec(self);

    if (dimensions > 1)
        return many_dimensions(err);
    if (in.failed || count > value.len)
        return convert_malformed(self, value, err);
    if (count > 0)
        weir_put_block(out, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = bytes_u32(&in);
        weir_str content = {0};
        weir_code code = WEIR_OK;

        if (size != UINT32_MAX)
            content = bytes_take(&in, size);
        if (in.failed)
            return convert_malformed(self, value, err);
        if (size == UINT32_MAX) {
            code = put_null_item(self, out, err);
        } else {
            if (self->nullable_items)
                weir_put_branch(out, 1);
            code = item.binary(&item, content, out, err);
        }
        if (code != WEIR_OK)
            return code;
    }
    if (bytes_left(&in) > 0)
        return convert_malformed(self, value, err);
    weir_put_block(out, 0);
    return WEIR_OK;
}

/* An item of "{a,\"b c\",NULL}": its text without quotes is left in buf. False at the end or when it is
 * no item; *at is then where reading stopped. */
static bool next_item(weir_str array, size_t *at, weir_buf *buf, bool *is_null)
{
    bool quoted = *at < array.len && array.ptr[*at] == '"';

    weir_buf_clear(buf);
    if (quoted)
        (*at)++;
    for (; *at < array.len; (*at)++) {
        char c = array.ptr[*at];

        if (quoted ? c == '"' : (c == ',' || c == '}'))
            break;
        if (!quoted && (c == '{' || c == '"'))
            return false;
        if (c == '\\' && ++(*at) == array.len)
            return false;
        weir_buf_add_byte(buf, array.ptr[*at]);
    }
    if (quoted && (*at == array.len || ++(*at) == array.len))
        return false;
    *is_null = !quoted && weir_str_eq(weir_buf_str(buf), WEIR_STR("NULL"));
    if (*at == array.len || (array.ptr[*at] != ',' && array.ptr[*at] != '}'))
        return false;
    return quoted || buf->len > 0;
}

/* Steps behind "[2:4]=" and the brace; false when there is none. */
static bool array_start(weir_str array, size_t *at)
{
    const char *equals =
        array.len > 0 && array.ptr[0] == '[' ? memchr(array.ptr, '=', array.len) : NULL;

    *at = equals != NULL ? (size_t)(equals - array.ptr) + 1 : 0;
    if (*at >= array.len || array.ptr[*at] != '{')
        return false;
    (*at)++;
    return true;
}

/* How many items there are; -1 when the text is no array of one dimension. */
static int64_t count_items(weir_str array, weir_buf *buf)
{
    size_t at;
    int64_t count = 0;
    bool is_null;

    if (!array_start(array, &at))
        return -1;
    if (at + 1 == array.len && array.ptr[at] == '}')
        return 0;
    for (; next_item(array, &at, buf, &is_null); at++) {
        count++;
        if (array.ptr[at] == '}')
            return at + 1 == array.len ? count : -1;
    }
    return -1;
}

static weir_code array_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    weir_buf *buf = &self->scratch[3];
    int64_t count = count_items(value, buf);
    codec item = item_codec(self);
    size_t at;

    if (!array_start(value, &at) || count < 0)
        return at < value.len && value.ptr[at] == '{' ? many_dimensions(err)
                                                      : convert_bad_text(self, value, err);
    if (count > 0)
        weir_put_block(out, count);
    for (int64_t i = 0; i < count; i++, at++) {
        bool is_null = false;
        weir_code code;

        (void)next_item(value, &at, buf, &is_null); /* counted before: it is one */
        if (is_null) {
            code = put_null_item(self, out, err);
        } else {
            if (self->nullable_items)
                weir_put_branch(out, 1);
            code = item.text(&item, weir_buf_str(buf), out, err);
        }
        if (code != WEIR_OK)
            return code;
    }
    weir_put_block(out, 0);
    return WEIR_OK;
}

const conversion convert_array = {array_binary, array_text};
