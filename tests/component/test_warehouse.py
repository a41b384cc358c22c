"""test_warehouse.py - the warehouse sink against a real PostgreSQL."""
import datetime
import decimal
import itertools
import socket
import threading
import uuid

import pytest

import sinks
from sinks import Refused, record, unscaled

counter = itertools.count()
KEY = record("Key", id="long")
ORDER = record("Order", id="long", name=["null", "string"], amount=["null", "int"])


@pytest.fixture
def database(postgres):
    """A database of the test's own: (dsn, query)."""
    name = f"warehouse_{next(counter)}"
    dsn = postgres.create_database(name)
    connection = postgres.connect(name)

    def query(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

    yield dsn, query
    connection.close()


@pytest.fixture
def start(build, database):
    """start(**settings) is a sink that is not open yet."""
    running = []

    def make(connector="test", number=0, log="log-1", epoch=1, **settings):
        settings.setdefault("connection_url", database[0])
        sink = sinks.Sink(build, "warehouse", **settings)
        running.append(sink)
        return sink.task(connector, number, log, epoch)

    yield make
    for sink in running:
        sink.close()


UPSERT = dict(insert_mode="upsert", pk_mode="record_key", delete_enabled=True, auto_create=True,
              auto_evolve=True)


def upsert(sink, id, name, amount, **more):
    sink.add("orders", KEY, {"id": id}, ORDER, {"id": id, "name": name, "amount": amount}, **more)


def delete(sink, id):
    sink.add("orders", KEY, {"id": id})


def test_insert_copies_rows_and_keeps_the_offset_beside_them(start, database):
    sink = start(auto_create=True).open("orders")
    for id in range(5):
        upsert(sink, id, f"n{id}", id * 10)
    sink.apply()
    assert database[1]("select * from orders order by id") == [
        (id, f"n{id}", id * 10) for id in range(5)]
    assert database[1]("select topic, next_offset from weir_ledger") == [("orders", 5)]


def test_what_was_put_is_not_there_before_the_flush(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    upsert(sink, 2, "b", 2)
    sink.put()
    assert database[1]("select count(*) from orders") == [(1,)]
    sink.flush()
    assert database[1]("select count(*) from orders") == [(2,)]


def test_upsert_replaces_and_a_tombstone_deletes(start, database):
    sink = start(**UPSERT).open("orders")
    for id in range(4):
        upsert(sink, id, "first", id)
    sink.apply()
    upsert(sink, 1, "second", 11)
    delete(sink, 2)
    upsert(sink, 3, "second", 13)
    delete(sink, 3)
    upsert(sink, 3, "third", 33)
    upsert(sink, 9, "new", 9)
    delete(sink, 9)
    sink.apply()
    assert database[1]("select * from orders order by id") == [
        (0, "first", 0), (1, "second", 11), (3, "third", 33)]


def test_a_column_that_was_not_sent_keeps_its_value(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "long text", 1)
    sink.apply()
    upsert(sink, 1, "placeholder", 2, unsent=[1])
    upsert(sink, 2, "other", 5)
    upsert(sink, 2, "placeholder", 6, unsent=[1])
    sink.apply()
    assert database[1]("select * from orders order by id") == [(1, "long text", 2),
                                                              (2, "other", 6)]


def test_a_partial_change_of_a_row_that_is_not_there_is_rejected(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    upsert(sink, 7, "placeholder", 2, unsent=[1])
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [1]
    assert "unchanged TOAST" in sink.rejects[0][1]
    assert database[1]("select id from orders") == [(1,)]


def test_update_changes_only_rows_that_are_there(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount int)")
    database[1]("insert into orders values (1, 'a', 1)")
    sink = start(insert_mode="update", pk_mode="record_key").open("orders")
    upsert(sink, 1, "b", 2)
    upsert(sink, 2, "c", 3)
    sink.apply()
    assert database[1]("select * from orders") == [(1, "b", 2)]


def test_kafka_coordinates_can_be_the_key(start, database):
    sink = start(pk_mode="kafka", insert_mode="upsert", auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    upsert(sink, 1, "b", 2)
    sink.apply()
    assert database[1]("select __connect_topic, __connect_partition, __connect_offset, name "
                       "from orders order by 3") == [("orders", 0, 0, "a"), ("orders", 0, 1, "b")]


def test_the_key_can_come_from_the_value(start, database):
    sink = start(pk_mode="record_value", pk_fields="id", insert_mode="upsert",
                 auto_create=True).open("orders")
    for name in ("a", "b"):
        sink.add("orders", None, None, ORDER, {"id": 1, "name": name, "amount": None})
    sink.apply()
    assert database[1]("select * from orders") == [(1, "b", None)]


def test_a_primitive_key_is_named_by_pk_fields(start, database):
    sink = start(pk_mode="record_key", pk_fields="id", insert_mode="upsert",
                 auto_create=True).open("orders")
    value = record("V", name="string")
    sink.add("orders", "long", 5, value, {"name": "a"})
    sink.apply()
    assert database[1]("select id, name from orders") == [(5, "a")]


def test_a_new_field_adds_a_column(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.put()
    wide = record("Order", id="long", name=["null", "string"], amount=["null", "int"],
                  extra=["null", "string"])
    sink.add("orders", KEY, {"id": 2}, wide,
             {"id": 2, "name": "b", "amount": 2, "extra": "e"})
    upsert(sink, 3, "c", 3)
    sink.apply()
    assert database[1]("select * from orders order by id") == [
        (1, "a", 1, None), (2, "b", 2, "e"), (3, "c", 3, None)]


def defaulted():
    """Orders with columns that have defaults, and one of them."""
    wide = record("Order", id="long", name=["null", "string"], amount=["null", "int"])
    wide["fields"] += [{"name": "status", "type": "string", "default": "it's \u00fc"},
                       {"name": "n", "type": ["int", "null"], "default": -5},
                       {"name": "ok", "type": "boolean", "default": True},
                       {"name": "none", "type": ["null", "int"], "default": None}]
    return wide, {"id": 2, "name": "b", "amount": 2, "status": "s", "n": None, "ok": False, "none": 1}


def test_rows_that_are_there_get_the_default_of_an_added_column(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.put()
    wide, row = defaulted()
    sink.add("orders", KEY, {"id": 2}, wide, row)
    sink.apply()
    assert database[1]("select * from orders order by id") == [
        (1, "a", 1, "it's \u00fc", -5, True, None), (2, "b", 2, "s", None, False, 1)]


def test_a_missing_column_without_auto_evolve_names_column_and_remedy(start, database):
    database[1]("create table orders (id bigint primary key, name text)")
    sink = start().open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_CONFIG"
    assert '"amount"' in refused.value.message and "auto.evolve" in refused.value.message


def test_a_missing_table_without_auto_create_names_table_and_remedy(start):
    sink = start().open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_CONFIG"
    assert '"orders"' in refused.value.message and "auto.create" in refused.value.message


def test_one_bad_row_is_rejected_and_the_others_are_written(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount int "
                "check (amount <> 13))")
    sink = start().open("orders")
    for id in range(40):
        upsert(sink, id, "x", id)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [13]
    assert "orders_amount_check" in sink.rejects[0][1]
    assert database[1]("select count(*), max(amount) from orders") == [(39, 39)]
    assert database[1]("select next_offset from weir_ledger") == [(40,)]


def test_a_bad_row_found_at_flush_is_found_again_after_a_restart(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount int "
                "check (amount <> 13))")
    sink = start(insert_mode="upsert", pk_mode="record_key").open("orders")
    for id in range(20):
        upsert(sink, id, "x", id)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_RETRY"
    sink.command("close")
    sink.command("clear")
    sink.command("task test 0 log-1 2")
    sink.command("open")
    assert sink.assigned("orders") == -1
    for id in range(30):
        upsert(sink, id, "x", id)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [13]
    assert database[1]("select count(*) from orders") == [(29,)]
    assert database[1]("select next_offset, careful_to from weir_ledger") == [(30, None)]


def test_a_rejected_record_fails_the_task_when_none_is_tolerated(start, database):
    sink = start(auto_create=True).open("orders")
    sink.command("tolerate 0")
    sink.add("orders", None, None, None, b"raw bytes")
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_FATAL" and "schema" in refused.value.message


def test_a_value_out_of_range_is_rejected_with_its_field(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount smallint)")
    sink = start().open("orders")
    upsert(sink, 1, "a", 70000)
    upsert(sink, 2, "b", 7)
    upsert(sink, 3, "nul \0 inside", 7)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [0, 2]
    assert '"amount"' in sink.rejects[0][1] and '"name"' in sink.rejects[1][1]
    assert database[1]("select id from orders") == [(2,)]


def test_a_restart_resumes_where_the_destination_says(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    sink.kill()
    again = start(auto_create=True, epoch=2)
    again.open()
    again.command("topic orders id-of-orders")
    assert again.assigned("orders") == 1


def test_an_older_start_is_fenced_and_writes_nothing(start, database):
    old = start(auto_create=True).open("orders")
    upsert(old, 1, "a", 1)
    old.apply()
    start(auto_create=True, epoch=2).open("orders")
    upsert(old, 2, "b", 2)
    old.put()
    with pytest.raises(Refused) as refused:
        old.flush()
    assert refused.value.code == "WEIR_FATAL"
    assert database[1]("select id from orders") == [(1,)]
    with pytest.raises(Refused) as refused:
        old.assigned("orders")
    assert refused.value.code == "WEIR_FATAL" and "newer start" in refused.value.message


def test_another_task_takes_a_partition_over_whatever_its_epoch(start, database):
    first = start(auto_create=True, epoch=9).open("orders")
    upsert(first, 1, "a", 1)
    first.apply()
    second = start(auto_create=True, number=1, epoch=2)
    second.open()
    second.command("topic orders id-of-orders")
    assert second.assigned("orders") == 1
    upsert(second, 2, "b", 2)
    second.apply()
    assert database[1]("select task, epoch, next_offset from weir_ledger") == [(1, 2, 2)]


def test_another_log_is_refused_until_its_offset_is_set(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    other = start(auto_create=True, log="log-2", epoch=2)
    with pytest.raises(Refused) as refused:
        other.open("orders")
    assert refused.value.code == "WEIR_FATAL" and "another log" in refused.value.message
    other.command("alter orders 0 0")
    assert other.assigned("orders") == 0


def test_a_topic_that_was_made_again_is_refused(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    other = start(auto_create=True, epoch=2)
    other.open()
    other.command("topic orders another-id")
    with pytest.raises(Refused) as refused:
        other.assigned("orders")
    assert "another topic" in refused.value.message


def test_offsets_can_be_altered_and_forgotten(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    sink.command("alter orders 0 7")
    assert sink.assigned("orders") == 7
    sink.command("alter orders 0 -1")
    assert sink.assigned("orders") == -1


def test_a_lost_connection_is_reported_by_flush_and_healed_by_a_restart(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    upsert(sink, 2, "b", 2)
    sink.put()
    database[1]("select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'weir'")
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_RETRY"
    sink.command("close")
    sink.command("clear")
    sink.command("task test 0 log-1 2")
    sink.command("open")
    assert sink.assigned("orders") == 1
    upsert(sink, 2, "b", 2)
    sink.apply()
    assert database[1]("select id from orders order by id") == [(1,), (2,)]


def test_a_connection_lost_before_a_batch_lets_the_batch_be_put_again(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    database[1]("select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'weir'")
    upsert(sink, 2, "b", 2)
    for _ in range(3):
        try:
            sink.put()
            break
        except Refused as refused:
            assert refused.code == "WEIR_RETRY"
    sink.flush()
    assert database[1]("select id from orders order by id") == [(1,), (2,)]


def test_a_tombstone_without_delete_enabled_is_rejected(start, database):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    delete(sink, 1)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [1]
    assert "delete.enabled" in sink.rejects[0][1]


EVENT = record("Envelope", before=["null", {**ORDER, "name": "Before"}], after=["null", ORDER],
               source=record("Source", lsn="long"), op="string")
UNSENT_NAME = 6  # the columns of the plan: before, its three fields, after, its id, its name


def event(sink, op, id, name=None, amount=None, **more):
    row = None if op in "dtm" else {"id": id, "name": name, "amount": amount}
    sink.add("orders", KEY, {"id": id}, EVENT,
             {"before": None, "after": row, "source": {"lsn": 1}, "op": op}, **more)


def test_change_events_are_applied_without_unwrap(start, database):
    sink = start(**UPSERT).open("orders")
    event(sink, "r", 1, "long text", 1)
    event(sink, "c", 2, "b", 2)
    event(sink, "c", 3, "c", 3)
    sink.apply()
    event(sink, "u", 1, "placeholder", 10, unsent=[UNSENT_NAME])
    event(sink, "d", 2)
    delete(sink, 2)
    event(sink, "t", 9)  # truncate.enabled is false
    sink.apply()
    assert database[1]("select * from orders order by id") == [(1, "long text", 10), (3, "c", 3)]
    assert sink.rejects == []


def test_a_truncate_removes_all_rows_when_it_may(start, database):
    sink = start(**UPSERT, truncate_enabled=True).open("orders")
    event(sink, "c", 1, "a", 1)
    event(sink, "t", 9)
    event(sink, "c", 2, "b", 2)
    sink.apply()
    assert database[1]("select id from orders") == [(2,)]


def test_a_bad_change_event_is_rejected_alone(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount int "
                "check (amount <> 13))")
    sink = start(insert_mode="upsert", pk_mode="record_key").open("orders")
    event(sink, "c", 1, "a", 12)
    event(sink, "u", 1, "a", 13)
    event(sink, "m", 1)
    event(sink, "d", 1)
    event(sink, "c", 2, "b", 14)
    sink.apply()
    reasons = dict(sink.rejects)
    assert sorted(reasons) == [1, 2, 3]
    assert "op is none of" in reasons[2] or "no row" in reasons[2]
    assert "delete.enabled" in reasons[3]
    assert database[1]("select id from orders order by id") == [(1,), (2,)]


def test_columns_of_other_types_are_cast(start, database):
    database[1]("create type mood as enum ('sad', 'happy')")
    database[1]("create domain positive as int check (value > 0)")
    database[1]("create table orders (id bigint primary key, name mood, amount positive)")
    sink = start().open("orders")
    upsert(sink, 1, "happy", 5)
    upsert(sink, 2, "angry", 5)
    upsert(sink, 3, "sad", -1)
    sink.apply()
    assert database[1]("select id, name::text, amount from orders") == [(1, "happy", 5)]
    assert [offset for offset, _ in sink.rejects] == [1, 2]


def test_text_that_is_too_long_is_rejected_not_cut(start, database):
    database[1]("create table orders (id bigint primary key, name varchar(3), amount int)")
    for mode in ("insert", "upsert"):
        sink = start(insert_mode=mode, pk_mode="record_key", connector=mode).open("orders")
        upsert(sink, 1, "abcd", 1)
        sink.apply()
        assert [offset for offset, _ in sink.rejects] == [0]
    assert database[1]("select count(*) from orders") == [(0,)]


def test_names_are_quoted(start, database):
    odd = record("Odd", Id="long", **{"Select": "string"})
    sink = start(auto_create=True, table_name_format="public.My ${topic}").open("Orders")
    sink.add("Orders", None, None, odd, {"Id": 1, "Select": "x"})
    sink.apply()
    assert database[1]('select "Id", "Select" from "My Orders"') == [(1, "x")]


def test_fields_whitelist_leaves_the_others_out(start, database):
    sink = start(auto_create=True, fields_whitelist="id,name").open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    assert database[1]("select * from orders") == [(1, "a")]


def debezium(base, name):
    return {"type": base, "connect.name": name, "connect.version": 1}


UTC = datetime.timezone.utc
TYPES = [
    # column type, schema, value, what PostgreSQL shows
    ("boolean", "boolean", True, "true"),
    ("smallint", {"type": "int", "connect.type": "int16"}, -32768, "-32768"),
    ("integer", "int", 2147483647, "2147483647"),
    ("bigint", "long", -9223372036854775808, "-9223372036854775808"),
    ("real", "float", 1.5, "1.5"),
    ("double precision", "double", float("nan"), "NaN"),
    ("double precision", "double", float("-inf"), "-Infinity"),
    ("text", "string", "\u00fc\u4e2d\U0001f600", "\u00fc\u4e2d\U0001f600"),
    ("bytea", "bytes", b"\0\xff", "\\x00ff"),
    ("numeric(10,2)", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
     unscaled(decimal.Decimal("-12345678.90"), 2), "-12345678.90"),
    ("numeric", {"type": "bytes", "logicalType": "decimal", "precision": 64, "scale": 30},
     unscaled(decimal.Decimal("1E-30"), 30), "0.000000000000000000000000000001"),
    ("numeric", {"type": "record", "name": "VariableScaleDecimal",
                 "namespace": "io.debezium.data",
                 "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]},
     {"scale": 5, "value": unscaled(decimal.Decimal("98765432109876543210.12345"), 5)},
     "98765432109876543210.12345"),
    ("date", debezium("int", "io.debezium.time.Date"), -719528, "0001-01-01 BC"),
    ("time without time zone", debezium("long", "io.debezium.time.MicroTime"), 86400000000,
     "24:00:00"),
    ("time without time zone", debezium("int", "io.debezium.time.Time"), 1500, "00:00:01.5"),
    ("time with time zone", debezium("string", "io.debezium.time.ZonedTime"),
     "13:14:15.5+02:00", "13:14:15.5+02"),
    ("timestamp without time zone", debezium("long", "io.debezium.time.MicroTimestamp"),
     1700000000123456, "2023-11-14 22:13:20.123456"),
    ("timestamp without time zone", debezium("long", "io.debezium.time.Timestamp"),
     -1, "1969-12-31 23:59:59.999"),
    ("timestamp without time zone", debezium("long", "io.debezium.time.MicroTimestamp"),
     9223372036825200000, "infinity"),
    ("timestamp without time zone", {"type": "long", "logicalType": "timestamp-micros"},
     0, "1970-01-01 00:00:00"),
    ("timestamp with time zone", debezium("string", "io.debezium.time.ZonedTimestamp"),
     "2023-11-14T22:13:20.5Z", "2023-11-14 22:13:20.5+00"),
    ("interval", debezium("long", "io.debezium.time.MicroDuration"), 3723000001,
     "01:02:03.000001"),
    ("interval", debezium("string", "io.debezium.time.Interval"), "P1Y2M3DT4H5M6.7S",
     "1 year 2 mons 3 days 04:05:06.7"),
    ("jsonb", debezium("string", "io.debezium.data.Json"), '{"b": [1, null]}',
     '{"b": [1, null]}'),
    ("uuid", debezium("string", "io.debezium.data.Uuid"), str(uuid.UUID(int=7)),
     str(uuid.UUID(int=7))),
    ("text", {"type": "enum", "name": "Mood", "symbols": ["sad", "happy"]}, "happy", "happy"),
    ("text", debezium("string", "io.debezium.data.Enum"), "x", "x"),
    ("integer[]", {"type": "array", "items": ["null", "int"]}, [1, None, 3], "{1,NULL,3}"),
    ("text[]", {"type": "array", "items": "string"}, [], "{}"),
    ("date[]", {"type": "array", "items": debezium("int", "io.debezium.time.Date")}, [0],
     "{1970-01-01}"),
    ("numeric(5,1)[]", {"type": "array", "items": {
        "type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 1}},
     [unscaled(decimal.Decimal("2.5"), 1)], "{2.5}"),
    ("jsonb", {"type": "map", "values": "int"}, {"a": 1}, '{"a": 1}'),
    ("jsonb", record("Inner", x="int"), {"x": 1}, '{"x": 1}'),
]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_every_type_gets_its_column_and_keeps_its_value(start, database, mode):
    schema = {"type": "record", "name": "All", "fields": [{"name": "id", "type": "long"}] + [
        {"name": f"c{i}", "type": ["null", kind]} for i, (_, kind, _, _) in enumerate(TYPES)]}
    sink = start(insert_mode=mode, pk_mode="record_value", pk_fields="id", auto_create=True)
    sink.open("types")
    sink.add("types", None, None, schema,
             {"id": 1, **{f"c{i}": value for i, (_, _, value, _) in enumerate(TYPES)}})
    sink.add("types", None, None, schema, {"id": 2, **{f"c{i}": None for i in range(len(TYPES))}})
    sink.apply()
    assert sink.rejects == []
    columns = database[1]("select format_type(atttypid, atttypmod) from pg_attribute "
                          "where attrelid = 'types'::regclass and attnum > 1 order by attnum")
    assert [name for name, in columns] == [name for name, _, _, _ in TYPES]
    database[1]("set timezone = 'UTC'")
    texts = ", ".join(f"c{i}::text" for i in range(len(TYPES)))
    assert database[1](f"select {texts} from types where id = 1")[0] == tuple(
        shown for _, _, _, shown in TYPES)
    assert set(database[1](f"select {texts} from types where id = 2")[0]) == {None}


def test_a_wrong_password_is_a_matter_of_configuration(start, postgres):
    sink = start(connection_url=f"postgresql://nobody-here@127.0.0.1:{postgres.port}/postgres")
    with pytest.raises(Refused) as refused:
        sink.open()
    assert refused.value.code == "WEIR_CONFIG" and "nobody-here" in refused.value.message


def test_an_unreachable_server_is_tried_again(start):
    sink = start(connection_url="postgresql://u@127.0.0.1:1/x", connection_attempts=1)
    with pytest.raises(Refused) as refused:
        sink.open()
    assert refused.value.code == "WEIR_RETRY" and "could not connect" in refused.value.message


def test_a_missing_privilege_names_the_table_and_what_to_grant(start, database, postgres):
    database[1]("create table orders (id bigint primary key, name text, amount int)")
    database[1]("do $$ begin create role reader login; exception when duplicate_object then "
                "null; end $$")
    database[1]("grant create on schema public to reader")
    dsn = database[0].replace("postgres@", "reader@")
    sink = start(connection_url=dsn).open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.apply()
    assert refused.value.code == "WEIR_FATAL"
    assert "orders" in refused.value.message and "grant" in refused.value.message


def test_a_jdbc_url_with_its_parameters_is_understood(start, database, postgres):
    name = database[0].rsplit("/", 1)[1]
    database[1]("create schema dwh")
    sink = start(connection_url=f"jdbc:postgresql://127.0.0.1:{postgres.port}/{name}"
                                "?currentSchema=dwh&reWriteBatchedInserts=true",
                 connection_user="postgres", connection_password="unused",
                 auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    assert database[1]("select id from dwh.orders") == [(1,)]
    assert any("reWriteBatchedInserts" in diag for diag in sink.diags)


def test_an_upsert_without_a_unique_key_says_what_is_missing(start, database):
    database[1]("create table orders (id bigint, name text, amount int)")
    sink = start(insert_mode="upsert", pk_mode="record_key").open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.apply()
    assert refused.value.code == "WEIR_FATAL" and "primary key" in refused.value.message


def test_swapped_unique_values_are_applied(start, database):
    database[1]("create table orders (id bigint primary key, name text unique, amount int)")
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    upsert(sink, 2, "b", 2)
    sink.apply()
    for id, name in ((1, "tmp"), (2, "a"), (1, "b")):
        upsert(sink, id, name, 0)
    sink.apply()
    assert sink.rejects == []
    assert database[1]("select id, name from orders order by id") == [(1, "b"), (2, "a")]


def test_rows_of_many_tables_are_written_in_one_flush(start, database):
    for mode in ("insert", "upsert"):
        sink = start(insert_mode=mode, pk_mode="record_value", pk_fields="id", connector=mode,
                     auto_create=True, table_name_format=mode + "_${topic}").open("a", "b", "c")
        for id in range(3000):
            sink.add("abc"[id % 3], None, None, ORDER,
                     {"id": id, "name": "x" * 100, "amount": id})
        sink.apply()
        for topic in "abc":
            assert database[1](f"select count(*), count(distinct id) from {mode}_{topic}") == [
                (1000, 1000)]


class LosesCommit(threading.Thread):
    """Stands between the sink and the server; forwards a COMMIT and keeps its answer for itself, once."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.server_port, self.armed = port, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            losing = threading.Event()
            threading.Thread(target=self.pump, args=(client, server, losing, True),
                             daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, losing, False),
                             daemon=True).start()

    def pump(self, source, sink, losing, from_client):
        try:
            while data := source.recv(65536):
                if from_client and self.armed and b"COMMIT\0" in data:
                    self.armed = False
                    losing.set()
                if not from_client and losing.is_set():
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_commit_whose_answer_was_lost_is_not_applied_twice(start, database, postgres, mode):
    proxy = LosesCommit(postgres.port)
    dsn = database[0].replace(str(postgres.port), str(proxy.port))
    sink = start(connection_url=dsn, insert_mode=mode, auto_create=True,
                 pk_mode="record_key" if mode == "upsert" else "none").open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    proxy.armed = True
    upsert(sink, 2, "b", 2)
    upsert(sink, 3, "c", 3)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_RETRY"
    sink.restart()  # finds its own row of the ledger, and puts nothing again
    sink.put()
    sink.flush()
    assert database[1]("select id from orders order by id") == [(1,), (2,), (3,)]
    assert database[1]("select next_offset from weir_ledger") == [(3,)]


def test_a_large_window_is_merged_in_parts_of_one_transaction(start, database):
    sink = start(**UPSERT, buffer_bytes=65536).open("orders")
    for id in range(3000):
        upsert(sink, id % 1000, f"{id:060}", id)
        if id % 7 == 0:
            delete(sink, id % 1000)
    sink.put()
    assert database[1]("select to_regclass('orders')") == [(None,)]
    sink.flush()
    expected = {}
    for id in range(3000):
        expected[id % 1000] = id
        if id % 7 == 0:
            del expected[id % 1000]
    assert dict(database[1]("select id, amount from orders")) == expected


def test_tombstones_delete_in_insert_mode_too(start, database):
    sink = start(pk_mode="record_key", delete_enabled=True, auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    upsert(sink, 2, "b", 2)
    delete(sink, 1)
    upsert(sink, 1, "again", 3)
    sink.apply()
    upsert(sink, 2, "twice", 0)
    delete(sink, 1)
    sink.apply()
    assert database[1]("select id, name from orders") == [(2, "b")]
    assert [offset for offset, _ in sink.rejects] == [4]


def test_a_table_name_of_three_parts_is_refused_with_the_remedy(start):
    sink = start(auto_create=True).open("shop.public.orders")
    sink.add("shop.public.orders", None, None, ORDER, {"id": 1, "name": "a", "amount": 1})
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_CONFIG" and "route" in refused.value.message
