/* adbc.c - the dialect of warehouses behind an ADBC driver, loaded at run time.
 *
 * Rows are ingested into a temporary table (Arrow columns, bulk ingest) and merged from there in the
 * vendor's SQL. A vendor needs an entry in the table below: how its types are called and its errors read.
 * Statements are run one by one; none is open when a function returns.
 */
#include "adbc.h"

#include "arrow.h"
#include "copy.h"
#include "dialect.h"

#include <assert.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct adbc {
    dialect base;
    void *library;
    struct AdbcDriver driver;
    struct AdbcDatabase database;
    struct AdbcConnection connection;
    bool has_database, has_connection;
    bool in_transaction;
    unsigned stage_counter;
    int lock; /* a socket; -1: none is needed */
    arrow_table rows;
    weir_buf text;
} adbc;

/* What is known of a vendor. Its driver is recognised by its entry point. */
static const struct {
    const char *entry_point;
    const sql_vendor *vendor;
    bool one_writer; /* of the same database */
} vendors[] = {
    {"duckdb_adbc_init", &sql_duckdb, true},
};

static int find_vendor(weir_str entry_point)
{
    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        if (weir_str_eq(entry_point, weir_cstr(vendors[i].entry_point)))
            return (int)i;
    return -1;
}

weir_code adbc_check(const url *where, weir_error *err)
{
    weir_str entry_point = url_parameter_value(where, "entrypoint");

    if (entry_point.len == 0)
        return weir_fail(err, WEIR_CONFIG,
                         "connection.url: the ADBC driver's entry point is missing: "
                         "adbc:PATH.so?entrypoint=duckdb_adbc_init&path=FILE");
    if (find_vendor(entry_point) < 0)
        return weir_fail(err, WEIR_CONFIG,
                         "there is no dialect for the ADBC driver with the entry point \"%.*s\"; "
                         "supported is DuckDB (entrypoint=duckdb_adbc_init)",
                         WEIR_ARG(entry_point));
    return WEIR_OK;
}

weir_code adbc_classify(const char *message)
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

/* The driver's error as ours; releases it. */
static weir_code failed(struct AdbcError *error, const char *doing, weir_error *err)
{
    const char *message = error->message != NULL ? error->message : "the driver gives no reason";
    weir_code code = weir_fail(err, adbc_classify(message), "%s: %.*s", doing,
                               (int)strcspn(message, "\n"), message);

    if (error->release != NULL)
        error->release(error);
    *error = (struct AdbcError){.message = NULL};
    return code;
}

/* --- Statements ------------------------------------------------------------------------------ */

static weir_code read_stream(struct ArrowArrayStream *stream, weir_buf *cells, size_t *row_count,
                             weir_error *err)
{
    struct ArrowSchema schema = {.format = NULL};
    struct ArrowArray array = {.length = 0};
    weir_code code = WEIR_OK;

    *row_count = 0;
    if (stream->get_schema(stream, &schema) != 0)
        return weir_fail(err, WEIR_FATAL, "could not read the result of a statement");
    while (code == WEIR_OK) {
        if (stream->get_next(stream, &array) != 0) {
            const char *reason = stream->get_last_error(stream);

            code = weir_fail(err, adbc_classify(reason != NULL ? reason : ""),
                             "could not read a result: %.900s", reason != NULL ? reason : "");
            break;
        }
        if (array.release == NULL)
            break;
        *row_count += (size_t)array.length;
        if (cells != NULL) /* a command answers with a count, which is no text and no cell */
            (void)arrow_cells(&schema, &array, cells);
        array.release(&array);
    }
    schema.release(&schema);
    return code;
}

static weir_code adbc_query(dialect *base, const char *sql, weir_buf *cells, size_t *row_count,
                            weir_error *err)
{
    adbc *self = (adbc *)base;
    struct AdbcDriver *driver = &self->driver;
    struct AdbcStatement statement = {.private_data = NULL};
    struct AdbcError error = {.message = NULL};
    struct ArrowArrayStream stream = {.release = NULL};
    size_t ignored = 0;
    char doing[128];
    weir_code code;

    (void)snprintf(doing, sizeof(doing), "could not run %.90s", sql);
    if (driver->StatementNew(&self->connection, &statement, &error) != ADBC_STATUS_OK)
        return failed(&error, doing, err);
    if (driver->StatementSetSqlQuery(&statement, sql, &error) != ADBC_STATUS_OK ||
        driver->StatementExecuteQuery(&statement, &stream, NULL, &error) != ADBC_STATUS_OK)
        code = failed(&error, doing, err);
    else
        code = read_stream(&stream, cells, row_count != NULL ? row_count : &ignored, err);
    if (stream.release != NULL)
        stream.release(&stream);
    (void)driver->StatementRelease(&statement, NULL); /* it ran, or it failed: both are known */
    return code;
}

static weir_code run(adbc *self, const char *sql, weir_error *err)
{
    return adbc_query(&self->base, sql, NULL, NULL, err);
}

static weir_code adbc_begin(dialect *base, weir_error *err)
{
    adbc *self = (adbc *)base;

    assert(!self->in_transaction);
    if (run(self, "BEGIN TRANSACTION", err) != WEIR_OK)
        return err->code;
    self->in_transaction = true;
    return WEIR_OK;
}

static weir_code adbc_commit(dialect *base, weir_error *err)
{
    adbc *self = (adbc *)base;

    assert(self->in_transaction);
    if (run(self, "COMMIT", err) != WEIR_OK)
        return weir_wrap(err, "commit");
    self->in_transaction = false;
    return WEIR_OK;
}

static void adbc_rollback(dialect *base)
{
    adbc *self = (adbc *)base;
    weir_error ignored; /* a transaction that cannot be rolled back is gone */

    if (self->in_transaction)
        (void)run(self, "ROLLBACK", &ignored);
    self->in_transaction = false;
}

static weir_code adbc_settle(dialect *base, weir_error *err)
{
    (void)base, (void)err;
    return WEIR_OK;
}

/* --- Looking at tables ----------------------------------------------------------------------- */

/* "DECIMAL(10,2)[]": the name up to a parenthesis or bracket, then what they hold. */
column_type adbc_type(weir_str declared)
{
    static const struct {
        const char *name;
        type_id id;
    } types[] = {
        {"BOOLEAN", TYPE_BOOL},        {"SMALLINT", TYPE_INT2},
        {"INTEGER", TYPE_INT4},        {"BIGINT", TYPE_INT8},
        {"FLOAT", TYPE_FLOAT4},        {"DOUBLE", TYPE_FLOAT8},
        {"DECIMAL", TYPE_NUMERIC},     {"VARCHAR", TYPE_TEXT},
        {"BLOB", TYPE_BYTES},          {"DATE", TYPE_DATE},
        {"TIME", TYPE_TIME},           {"TIME WITH TIME ZONE", TYPE_TIMETZ},
        {"TIMESTAMP", TYPE_TIMESTAMP}, {"TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMPTZ},
        {"INTERVAL", TYPE_INTERVAL},   {"JSON", TYPE_JSON},
        {"UUID", TYPE_UUID},
    };
    column_type type = {.id = TYPE_OTHER};
    size_t size = 0;

    type.is_array = declared.len > 2 && declared.ptr[declared.len - 1] == ']';
    while (size < declared.len && declared.ptr[size] != '(' && declared.ptr[size] != '[')
        size++;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (weir_str_eq((weir_str){declared.ptr, size}, weir_cstr(types[i].name)))
            type.id = types[i].id;
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

static weir_str next_cell(adbc *self, const char **at)
{
    int32_t length = copy_length(*at);
    weir_str cell = {*at + 4, length > 0 ? (size_t)length : 0};

    *at += 4 + cell.len;
    return weir_task_copy(self->base.task, cell);
}

static weir_code adbc_describe(dialect *base, table *target, weir_error *err)
{
    adbc *self = (adbc *)base;
    weir_buf cells = {0};
    size_t count = 0;

    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text,
                    "SELECT CAST(column_name AS VARCHAR), CAST(data_type AS VARCHAR), "
                    "CAST(is_nullable AS VARCHAR), CAST(column_default IS NOT NULL AS VARCHAR) "
                    "FROM information_schema.columns WHERE table_catalog = current_database() AND "
                    "table_name = ");
    sql_literal(&self->text, target->name);
    weir_buf_printf(&self->text, " AND table_schema = ");
    if (target->schema.len > 0)
        sql_literal(&self->text, target->schema);
    else
        weir_buf_printf(&self->text, "current_schema()");
    weir_buf_printf(&self->text, " ORDER BY ordinal_position");
    if (adbc_query(base, weir_buf_cstr(&self->text), &cells, &count, err) != WEIR_OK) {
        weir_buf_done(&cells);
        return err->code;
    }
    const char *at = cells.ptr;

    weir_buf_clear(&target->columns);
    for (size_t i = 0; i < count; i++) {
        table_column column = {.name = next_cell(self, &at), .declared = next_cell(self, &at)};

        column.type = adbc_type(column.declared);
        column.nullable = weir_str_eq(next_cell(self, &at), WEIR_STR("YES"));
        column.has_default = weir_str_eq(next_cell(self, &at), WEIR_STR("true"));
        weir_buf_add(&target->columns, &column, sizeof(column));
    }
    weir_buf_done(&cells);
    target->exists = count > 0;
    target->version++;
    target->known = true;
    return WEIR_OK;
}

/* --- Writing --------------------------------------------------------------------------------- */

static weir_code ingest(adbc *self, table *target, weir_error *err)
{
    struct AdbcDriver *driver = &self->driver;
    struct AdbcStatement statement = {.private_data = NULL};
    struct AdbcError error = {.message = NULL};
    struct ArrowArrayStream stream;
    weir_code code = WEIR_OK;
    int64_t count;
    char name[32];

    (void)snprintf(name, sizeof(name), "weir_stage_%u", target->stage_number);
    arrow_stream(&self->rows, &stream);
    if (driver->StatementNew(&self->connection, &statement, &error) != ADBC_STATUS_OK)
        return failed(&error, "could not ingest rows", err);
    if (driver->StatementSetOption(&statement, "adbc.ingest.target_table", name, &error) !=
            ADBC_STATUS_OK ||
        driver->StatementSetOption(&statement, "adbc.ingest.mode", "adbc.ingest.mode.create",
                                   &error) != ADBC_STATUS_OK ||
        driver->StatementSetOption(&statement, "adbc.ingest.temporary", "true", &error) !=
            ADBC_STATUS_OK ||
        driver->StatementBindStream(&statement, &stream, &error) != ADBC_STATUS_OK ||
        driver->StatementExecuteQuery(&statement, NULL, &count, &error) != ADBC_STATUS_OK)
        code = failed(&error, "could not ingest rows", err);
    (void)driver->StatementRelease(&statement, NULL); /* it ran, or it failed: both are known */
    return code;
}

static weir_code fill_columns(adbc *self, table *target, weir_error *err)
{
    size_t at = 0;
    weir_str row;
    fold_kind kind;

    arrow_begin(&self->rows, target->layout);
    while (fold_next(&target->rows, &at, &row, &kind))
        if (arrow_add(&self->rows, target->layout, row, kind, err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

/* Every partial row must find its row. */
static weir_code check_partial(adbc *self, table *target, weir_error *err)
{
    size_t missing = 0;

    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "SELECT CAST(s.op AS VARCHAR) FROM ");
    sql_stage_name(&self->text, target);
    weir_buf_printf(&self->text,
                    " AS s WHERE s.op = 'p' AND NOT EXISTS (SELECT 1 FROM %.*s AS d "
                    "WHERE true",
                    WEIR_ARG(target->sql_name));
    sql_key_match(&self->text, target->layout, &self->base.vendor);
    weir_buf_printf(&self->text, ") LIMIT 1");
    if (adbc_query(&self->base, weir_buf_cstr(&self->text), NULL, &missing, err) != WEIR_OK)
        return err->code;
    if (missing == 0)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_REJECT,
        "could not write to %.*s: a change without all columns (unchanged TOAST) is for a "
        "row that is not there",
        WEIR_ARG(target->sql_name));
}

static weir_code merge(adbc *self, table *target, weir_error *err)
{
    const settings *config = self->base.settings;

    for (sql_step step = 0; step < SQL_STEPS; step++) {
        if (!dialect_needs_step(config, &target->rows, step))
            continue;
        if (step == SQL_PARTIAL && dialect_upsert_step(config) == SQL_UPSERT &&
            check_partial(self, target, err) != WEIR_OK)
            return err->code;
        weir_buf_clear(&self->text);
        sql_merge(&self->text, step, target, target->layout, false, &self->base.vendor);
        if (run(self, weir_buf_cstr(&self->text), err) != WEIR_OK)
            return weir_wrap(err, "%.*s", WEIR_ARG(target->sql_name));
    }
    return WEIR_OK;
}

static weir_code adbc_write(dialect *base, table *target, bool is_last, weir_error *err)
{
    adbc *self = (adbc *)base;
    (void)is_last;

    if (target->rows.row_count == 0)
        return WEIR_OK;
    target->stage_number = ++self->stage_counter;
    if (fill_columns(self, target, err) != WEIR_OK || ingest(self, target, err) != WEIR_OK ||
        merge(self, target, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "DROP TABLE ");
    sql_stage_name(&self->text, target);
    fold_reset(&target->rows, target->rows.key_count);
    return run(self, weir_buf_cstr(&self->text), err);
}

/* --- Connecting ------------------------------------------------------------------------------ */

/* The file's one name, as text that is the same for all spellings. */
static void canonical(weir_str path, weir_buf *out)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path.ptr, '/');
    weir_str folder =
        slash != NULL ? (weir_str){path.ptr, (size_t)(slash - path.ptr) + 1} : WEIR_STR("./");

    if (realpath(path.ptr, resolved) != NULL) {
        weir_buf_printf(out, "%s", resolved);
        return;
    }
    weir_buf_add_str(out, folder); /* it is not there yet: its folder is */
    if (realpath(weir_buf_cstr(out), resolved) != NULL) {
        weir_buf_clear(out);
        weir_buf_printf(out, "%s", resolved);
    }
    weir_buf_printf(out, "/%s", slash != NULL ? slash + 1 : path.ptr);
}

/* One writer a file. The engine's own lock holds off other processes, but not a second task of this one,
 * and two engines on a file destroy it. A bound name in the abstract namespace of sockets is exclusive
 * in both cases, leaves no file behind, and is gone with the process. */
static weir_code lock_file(adbc *self, weir_str path, weir_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    weir_buf text = {0};

    self->lock = -1;
    if (path.len == 0 || weir_str_eq(path, WEIR_STR(":memory:")))
        return WEIR_OK;
    canonical(path, &text);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    weir_buf_done(&text);
    (void)snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "weir-writes-%016" PRIx64, hash);
    self->lock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->lock < 0)
        return weir_fail(err, WEIR_RETRY, "could not lock \"%.*s\"", WEIR_ARG(path));
    if (bind(self->lock, (const struct sockaddr *)&name, sizeof(name)) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_RETRY,
                     "\"%.*s\" is being written by another connector; the file takes one writer at "
                     "a time",
                     WEIR_ARG(path));
}

static void adbc_close(dialect *base)
{
    adbc *self = (adbc *)base;

    adbc_rollback(base);
    if (self->has_connection)
        (void)self->driver.ConnectionRelease(&self->connection, NULL);
    if (self->has_database)
        (void)self->driver.DatabaseRelease(&self->database, NULL);
    if (self->driver.release != NULL)
        (void)self->driver.release(&self->driver, NULL);
    if (self->lock >= 0)
        (void)close(self->lock); /* behind the release: from here on the file may be opened again */
    arrow_done(&self->rows);
    weir_buf_done(&self->text);
    /* the library stays: drivers leave threads and thread-local data behind that outlive a close */
}

static weir_code load(adbc *self, const url *where, weir_error *err)
{
    weir_str entry_point = url_parameter_value(where, "entrypoint");
    struct AdbcError error = {.message = NULL};
    AdbcDriverInitFunc init;

    self->library = dlopen(where->base.ptr, RTLD_NOW | RTLD_LOCAL);
    if (self->library == NULL) /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is per thread */
        return weir_fail(err, WEIR_CONFIG, "could not load the ADBC driver: %s", dlerror());
    *(void **)(&init) = dlsym(self->library, entry_point.ptr);
    if (init == NULL)
        return weir_fail(err, WEIR_CONFIG, "the ADBC driver \"%.*s\" has no entry point \"%.*s\"",
                         WEIR_ARG(where->base), WEIR_ARG(entry_point));
    AdbcStatusCode status = init(ADBC_VERSION_1_1_0, &self->driver, &error);

    if (status == ADBC_STATUS_NOT_IMPLEMENTED)
        status = init(ADBC_VERSION_1_0_0, &self->driver, &error);
    return status == ADBC_STATUS_OK ? WEIR_OK : failed(&error, "could not start the driver", err);
}

static weir_code set_options(adbc *self, const url *where, struct AdbcError *error)
{
    for (size_t i = 0; i < where->parameter_count; i++) {
        const url_parameter *parameter = &where->parameters[i];

        if (!weir_str_eq(parameter->name, WEIR_STR("entrypoint")) &&
            self->driver.DatabaseSetOption(&self->database, parameter->name.ptr,
                                           parameter->value.ptr, error) != ADBC_STATUS_OK)
            return WEIR_CONFIG;
    }
    return WEIR_OK;
}

static weir_code open_database(adbc *self, const url *where, weir_error *err)
{
    struct AdbcDriver *driver = &self->driver;
    struct AdbcError error = {.message = NULL};

    if (load(self, where, err) != WEIR_OK)
        return err->code;
    if (driver->DatabaseNew(&self->database, &error) != ADBC_STATUS_OK)
        return failed(&error, "could not start the driver", err);
    self->has_database = true;
    if (set_options(self, where, &error) != WEIR_OK) {
        (void)failed(&error, "connection.url has an option that the driver refuses", err);
        return err->code = WEIR_CONFIG;
    }
    if (driver->DatabaseInit(&self->database, &error) != ADBC_STATUS_OK ||
        driver->ConnectionNew(&self->connection, &error) != ADBC_STATUS_OK)
        return failed(&error, "could not open the warehouse", err);
    self->has_connection = true;
    if (driver->ConnectionInit(&self->connection, &self->database, &error) != ADBC_STATUS_OK)
        return failed(&error, "could not connect to the warehouse", err);
    return run(self, "SET TimeZone = 'UTC'", err);
}

static const dialect_ops adbc_ops = {
    .begin = adbc_begin,
    .commit = adbc_commit,
    .rollback = adbc_rollback,
    .query = adbc_query,
    .describe = adbc_describe,
    .write = adbc_write,
    .settle = adbc_settle,
    .close = adbc_close,
};

dialect *adbc_open(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    adbc *self = weir_task_alloc(task, sizeof(*self));
    int index;

    if (adbc_check(where, err) != WEIR_OK)
        return NULL;
    index = find_vendor(url_parameter_value(where, "entrypoint"));
    if (vendors[index].one_writer && weir_task_number(task) > 0) {
        (void)weir_fail(err, WEIR_CONFIG, "%s takes one writer: set tasks.max=1 for this connector",
                        vendors[index].vendor->name);
        return NULL;
    }
    self->base = (dialect){.ops = &adbc_ops,
                           .vendor = *vendors[index].vendor,
                           .task = task,
                           .settings = config,
                           .direct_bytes = (size_t)config->buffer_bytes};
    self->base.vendor.unquoted = config->quote_identifiers.index == 1;
    if (lock_file(self, url_parameter_value(where, "path"), err) == WEIR_OK &&
        open_database(self, where, err) == WEIR_OK)
        return &self->base;
    adbc_close(&self->base);
    return NULL;
}
