/* adbc_vendor.c - what is known of the vendors whose ADBC drivers are taken: a table, their types and errors. */
#include "adbc_vendor.h"

#include <string.h>

static const adbc_vendor vendors[] = {
    {"duckdb_adbc_init", &sql_duckdb, true},
};

const adbc_vendor *adbc_vendor_find(const url *where)
{
    weir_str entry_point = url_parameter_value(where, "entrypoint");

    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        if (weir_str_eq(entry_point, weir_cstr(vendors[i].entry_point)))
            return &vendors[i];
    return NULL;
}

weir_code adbc_vendor_check(const url *where, weir_error *err)
{
    weir_str entry_point = url_parameter_value(where, "entrypoint");

    if (entry_point.len == 0)
        return weir_fail(err, WEIR_CONFIG,
                         "connection.url: the ADBC driver's entry point is missing: "
                         "adbc:PATH.so?entrypoint=duckdb_adbc_init&path=FILE");
    if (adbc_vendor_find(where) == NULL)
        return weir_fail(err, WEIR_CONFIG,
                         "there is no dialect for the ADBC driver with the entry point \"%.*s\"; "
                         "supported is DuckDB (entrypoint=duckdb_adbc_init)",
                         WEIR_ARG(entry_point));
    return WEIR_OK;
}

weir_code adbc_vendor_class_of_error(const char *message)
{
    static const struct {
        const char *prefix;
        weir_code code;
    } kinds[] = {
        {"Constraint Error", WEIR_REJECT},
        {"Conversion Error", WEIR_REJECT},
        {"Out of Range Error", WEIR_REJECT},
        {"Invalid Input Error", WEIR_REJECT},
        {"Mismatch Type Error", WEIR_REJECT},
        {"Catalog Error: Table with name",
         WEIR_RETRY}, /* dropped meanwhile: it is looked at again */
        {"IO Error", WEIR_RETRY},
        {"TransactionContext Error", WEIR_RETRY},
        {"Out of Memory Error", WEIR_RETRY},
        {"FATAL Error", WEIR_RETRY},
        {"Connection Error", WEIR_RETRY},
        {"INTERRUPT Error", WEIR_RETRY},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strstr(message, kinds[i].prefix) != NULL)
            return kinds[i].code;
    return WEIR_FATAL;
}

/* "DECIMAL(10,2)[]": the name up to a parenthesis or bracket, then what they hold. */
column_type adbc_vendor_type(weir_str declared)
{
    static const struct {
        const char *name;
        type_id id;
        int step_micros;
    } types[] = {
        {"BOOLEAN", TYPE_BOOL, 0},
        {"SMALLINT", TYPE_INT2, 0},
        {"INTEGER", TYPE_INT4, 0},
        {"BIGINT", TYPE_INT8, 0},
        {"FLOAT", TYPE_FLOAT4, 0},
        {"DOUBLE", TYPE_FLOAT8, 0},
        {"DECIMAL", TYPE_NUMERIC, 0},
        {"VARCHAR", TYPE_TEXT, 0},
        {"BLOB", TYPE_BYTES, 0},
        {"DATE", TYPE_DATE, 0},
        {"TIME", TYPE_TIME, 0},
        {"TIME WITH TIME ZONE", TYPE_TIMETZ, 0},
        {"TIMESTAMP", TYPE_TIMESTAMP, 0},
        {"TIMESTAMP_NS", TYPE_TIMESTAMP, 0},
        {"TIMESTAMP_MS", TYPE_TIMESTAMP, 1000},
        {"TIMESTAMP_S", TYPE_TIMESTAMP, 1000000},
        {"TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMPTZ, 0},
        {"INTERVAL", TYPE_INTERVAL, 0},
        {"JSON", TYPE_JSON, 0},
        {"UUID", TYPE_UUID, 0},
    };
    column_type type = {.id = TYPE_OTHER};
    size_t size = 0;

    type.is_array = declared.len > 2 && declared.ptr[declared.len - 1] == ']';
    while (size < declared.len && declared.ptr[size] != '(' && declared.ptr[size] != '[')
        size++;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (weir_str_eq((weir_str){declared.ptr, size}, weir_cstr(types[i].name))) {
            type.id = types[i].id;
            type.step_micros = types[i].step_micros;
        }
    if (type.id == TYPE_NUMERIC) {
        int *number = &type.precision;

        for (size_t i = size; i < declared.len && declared.ptr[i] != ')'; i++) {
            if (declared.ptr[i] == ',')
                number = &type.scale;
            else if (declared.ptr[i] >= '0' && declared.ptr[i] <= '9')
                *number = *number * 10 + declared.ptr[i] - '0';
        }
    }
    return type;
}
