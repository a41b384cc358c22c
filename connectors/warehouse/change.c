/* change.c - telling change events from rows, and their kinds from each other. */
#include "change.h"

static bool is_record(const weir_plan *plan, int column)
{
    return column >= 0 &&
           weir_schema_type(weir_plan_column(plan, (size_t)column)->schema) == WEIR_TYPE_RECORD;
}

change_shape change_shape_of(const weir_schema *schema)
{
    const weir_plan *plan = weir_schema_plan(schema);
    change_shape shape = {.end = (int)weir_plan_column_count(plan),
                          .after = weir_plan_find(plan, WEIR_STR("after")),
                          .op = weir_plan_find(plan, WEIR_STR("op"))};

    if (weir_schema_type(schema) != WEIR_TYPE_RECORD || shape.op < 0 ||
        !is_record(plan, shape.after) || !is_record(plan, weir_plan_find(plan, WEIR_STR("source"))))
        return shape;
    shape.is_event = true;
    shape.first = shape.after + 1;
    shape.end = weir_plan_column(plan, (size_t)shape.after)->next;
    return shape;
}

weir_code change_read(const change_shape *shape, const weir_slot *slots, change_kind *out,
                      weir_error *err)
{
    const weir_slot *op = &slots[shape->op];
    char letter = op->kind == WEIR_SLOT_BYTES && op->bytes.len == 1 ? op->bytes.ptr[0] : '\0';

    switch (letter) {
    case 'c':
    case 'u':
    case 'r':
        if (slots[shape->after].kind == WEIR_SLOT_NULL)
            return weir_fail(err, WEIR_REJECT, "the change event \"%c\" has no row after it",
                             letter);
        *out = CHANGE_ROW;
        return WEIR_OK;
    case 'd':
        *out = CHANGE_DELETE;
        return WEIR_OK;
    case 't':
        *out = CHANGE_TRUNCATE;
        return WEIR_OK;
    default:
        return weir_fail(err, WEIR_REJECT, "the change event's op is none of c, u, r, d, t");
    }
}
