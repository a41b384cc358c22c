/* rehearse.c - what would be captured after a migration, found out on a scratch database.
 *
 * The source itself is only read, and only when it is reached: to be sure that the scratch database is another one,
 * and that it holds what the source has now.
 */
#include "rehearse.h"

#include "captured.h"
#include "scratch.h"

#include <libpq-fe.h>
#include <stdio.h>

#define NAMES_SHOWN 10

typedef struct rehearsal {
    source *of;
    const weir_rehearsal *what;
    PGconn *scratch;
    bool with_roots;
    captured origin; /* the source; empty when it was not reached */
    captured before, after;
} rehearsal;

#define warn(self, ...) weir_task_diag((self)->of->task, WEIR_WARN, __VA_ARGS__)

/* --- Before the script ------------------------------------------------------------------------ */

/* A source that is not reached is not an error: its definitions are in the scratch database. */
static void reach_source(rehearsal *self)
{
    weir_error reason;

    self->of->sql = connection_open(&self->of->settings, CONNECTION_SQL, &reason);
    if (self->of->sql == NULL)
        warn(self,
             "the source was not asked whether the scratch database holds what it has now: %s",
             reason.message);
}

/* What the source publishes decides when it is reached, else what was copied from it. */
static weir_code read_origin(rehearsal *self, weir_error *err)
{
    source *of = self->of;
    PGconn *who = of->sql != NULL ? of->sql : self->scratch;

    if (publication_via_root(who, of->task, &of->settings, &self->with_roots, err) != WEIR_OK)
        return err->code;
    if (of->sql == NULL)
        return WEIR_OK;
    if (captured_read(&self->origin, of, of->sql, self->with_roots, NULL, err) != WEIR_OK)
        return weir_wrap(err, "the source as it is now");
    return WEIR_OK;
}

static weir_code look(rehearsal *self, captured *out, weir_batch *batch, weir_error *err)
{
    const captured *origin = self->of->sql != NULL ? &self->origin : NULL;

    if (scratch_as_captured(self->scratch, err) != WEIR_OK ||
        captured_read(out, self->of, self->scratch, self->with_roots, origin, err) != WEIR_OK ||
        captured_write(out, &self->of->event, batch, err) != WEIR_OK)
        return err->code;
    return scratch_as_before(self->scratch, err);
}

static void add_name(weir_buf *names, size_t count, const catalog_table *table)
{
    if (count < NAMES_SHOWN)
        weir_buf_printf(names, "%s%.*s.%.*s", count > 0 ? ", " : "", WEIR_ARG(table->schema),
                        WEIR_ARG(table->name));
    else if (count == NAMES_SHOWN)
        weir_buf_printf(names, ", ...");
}

static weir_code is_missing(const rehearsal *self, const char *names, weir_error *err)
{
    const settings *config = &self->of->settings;

    return weir_fail(
        err, WEIR_CONFIG,
        "the scratch database does not have %s: load the definitions by pg_dump "
        "--schema-only --no-owner --no-subscriptions -h %.*s -p %lld -U %.*s %.*s | psql "
        "-d SCRATCH",
        names, WEIR_ARG(config->hostname), (long long)config->port, WEIR_ARG(config->user),
        WEIR_ARG(config->dbname));
}

/* The scratch database has what the source has. */
static weir_code compare_origin(const rehearsal *self, weir_error *err)
{
    weir_buf missing = {0}, others = {0};
    size_t missing_count = 0, other_count = 0;

    for (size_t i = 0; i < self->origin.catalog.table_count; i++) {
        const catalog_table *table = &self->origin.catalog.tables[i];
        const relation *theirs = self->origin.relations[i];
        int place = captured_find(&self->before, table->schema, table->name);
        const relation *ours = place >= 0 ? self->before.relations[place] : NULL;

        if (ours == NULL)
            add_name(&missing, missing_count++, table);
        else if (ours->envelope != theirs->envelope || ours->key_schema != theirs->key_schema)
            add_name(&others, other_count++, table);
    }
    if (other_count > 0)
        warn(self,
             "the scratch database defines other columns or keys than the source has now: %s; "
             "load the definitions again, else the answer is about another change",
             weir_buf_cstr(&others));
    weir_code code = WEIR_OK;
    if (missing_count > 0)
        code = is_missing(self, weir_buf_cstr(&missing), err);
    else if (self->before.catalog.table_count == 0)
        code = is_missing(self, "any of the captured tables", err);
    weir_buf_done(&missing);
    weir_buf_done(&others);
    return code;
}

/* --- What a person should know besides -------------------------------------------------------- */

/* The name that a table has now; ptr NULL: it is gone. */
static weir_code name_now(const rehearsal *self, uint32_t oid, weir_str *out, weir_error *err)
{
    char text[16];
    const char *parameter = text;

    (void)snprintf(text, sizeof(text), "%u", oid);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        self->scratch,
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
        &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "looking for table %u", oid);
    *out = (weir_str){0};
    if (PQntuples(result) == 1)
        *out = weir_task_copy(self->of->task, connection_field(result, 0, 0));
    return WEIR_OK;
}

static weir_code tell_gone(const rehearsal *self, const relation *table, weir_error *err)
{
    weir_str now = {0};
    weir_buf name = {0};

    if (name_now(self, table->oid, &now, err) != WEIR_OK)
        return err->code;
    weir_buf_printf(&name, "%.*s.%.*s", WEIR_ARG(table->schema), WEIR_ARG(table->name));
    if (now.ptr == NULL)
        warn(self, "table %s is dropped: nothing more comes for topic %.*s", weir_buf_cstr(&name),
             WEIR_ARG(table->topic));
    else if (weir_str_eq(now, weir_buf_str(&name)))
        warn(self, "table %s is not captured any more: nothing more comes for topic %.*s",
             weir_buf_cstr(&name), WEIR_ARG(table->topic));
    else
        warn(self,
             "table %s becomes %.*s, which the lists of tables do not take: nothing more comes for "
             "topic %.*s",
             weir_buf_cstr(&name), WEIR_ARG(now), WEIR_ARG(table->topic));
    weir_buf_done(&name);
    return WEIR_OK;
}

/* In the lists, but of a type that is not supported. */
static bool is_left_out(const captured *in, size_t place, weir_str name)
{
    const relation *table = in->relations[place];

    for (size_t i = 0; i < table->column_count; i++) {
        if (weir_str_eq(table->columns[i].name, name))
            return !table->columns[i].included &&
                   filter_takes_column(in->context.filter, table->schema, table->name, name);
    }
    return false;
}

/* before_place -1: the table is new. */
static weir_code tell_columns(rehearsal *self, size_t place, int before_place, weir_error *err)
{
    const catalog_table *table = &self->after.catalog.tables[place];

    for (size_t i = 0; i < table->column_count; i++) {
        const catalog_column *column = &table->columns[i];
        const pg_type *type;
        int32_t modifier = -1;

        if (!is_left_out(&self->after, place, column->name) ||
            (before_place >= 0 && is_left_out(&self->before, (size_t)before_place, column->name)))
            continue;
        if (catalog_type(&self->after.catalog, column->type, &type, &modifier, err) != WEIR_OK)
            return err->code;
        warn(self,
             "column \"%.*s\" of %.*s.%.*s gets type %.*s, which is not supported: it is left out",
             WEIR_ARG(column->name), WEIR_ARG(table->schema), WEIR_ARG(table->name),
             type != NULL ? (int)type->name.len : 1, type != NULL ? type->name.ptr : "?");
    }
    return WEIR_OK;
}

static void tell_identity(const rehearsal *self, const catalog_table *before,
                          const catalog_table *after)
{
    if (before->has_identity && !after->has_identity)
        warn(self,
             "table %.*s.%.*s loses its replica identity: while the publication has it, the server "
             "refuses every UPDATE and DELETE; give it another key first, or REPLICA IDENTITY FULL",
             WEIR_ARG(after->schema), WEIR_ARG(after->name));
}

static weir_code tell_table(rehearsal *self, size_t place, weir_error *err)
{
    const catalog_table *table = &self->after.catalog.tables[place];
    const relation *now = self->after.relations[place];
    int was = captured_find_oid(&self->before, table->oid);

    if (was < 0) /* dropped and made again is the same table to those who read */
        was = captured_find(&self->before, table->schema, table->name);
    if (was < 0)
        warn(self,
             "table %.*s.%.*s is new, and captured into topic %.*s; a publication that the "
             "connector made gets it when the connector is started again",
             WEIR_ARG(table->schema), WEIR_ARG(table->name), WEIR_ARG(now->topic));
    else if (!weir_str_eq(self->before.relations[was]->topic, now->topic))
        warn(self,
             "table %.*s.%.*s becomes %.*s.%.*s: its changes come in topic %.*s from then on, and "
             "no more in %.*s",
             WEIR_ARG(self->before.relations[was]->schema),
             WEIR_ARG(self->before.relations[was]->name), WEIR_ARG(table->schema),
             WEIR_ARG(table->name), WEIR_ARG(now->topic),
             WEIR_ARG(self->before.relations[was]->topic));
    if (was >= 0)
        tell_identity(self, &self->before.catalog.tables[was], table);
    return tell_columns(self, place, was, err);
}

static weir_code tell(rehearsal *self, weir_error *err)
{
    for (size_t i = 0; i < self->before.catalog.table_count; i++) {
        const relation *table = self->before.relations[i];

        if (captured_find_oid(&self->after, table->oid) < 0 &&
            captured_find(&self->after, table->schema, table->name) < 0 &&
            tell_gone(self, table, err) != WEIR_OK)
            return err->code;
    }
    for (size_t i = 0; i < self->after.catalog.table_count; i++) {
        if (tell_table(self, i, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- The whole -------------------------------------------------------------------------------- */

static weir_code run(rehearsal *self, weir_error *err)
{
    const weir_rehearsal *what = self->what;

    if (scratch_open(what->target, &self->scratch, err) != WEIR_OK)
        return err->code;
    reach_source(self);
    if (scratch_is_another(self->scratch, self->of->sql, &self->of->settings, err) != WEIR_OK ||
        read_origin(self, err) != WEIR_OK || scratch_begin(self->scratch, err) != WEIR_OK)
        return err->code;
    if (look(self, &self->before, what->before, err) != WEIR_OK)
        return weir_wrap(err, "the scratch database before the migration");
    if (compare_origin(self, err) != WEIR_OK ||
        scratch_run(self->scratch, what->script, what->script_name, err) != WEIR_OK)
        return err->code;
    if (look(self, &self->after, what->after, err) != WEIR_OK)
        return weir_wrap(err, "after the migration the connector would fail");
    return tell(self, err);
}

weir_code rehearse(weir_task *task, void *state, const weir_rehearsal *what, weir_error *err)
{
    source *of = state;
    rehearsal self = {.of = of, .what = what};

    of->task = task;
    event_init(&of->event, &of->settings);
    of->filter = filter_new(task, &of->settings, err);
    weir_code code = of->filter != NULL ? run(&self, err) : err->code;
    connection_close(self.scratch); /* ends its transaction */
    captured_done(&self.origin);
    captured_done(&self.before);
    captured_done(&self.after);
    return code;
}
