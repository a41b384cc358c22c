"""test_warehouse_duckdb.py - the warehouse sink against DuckDB through its ADBC driver."""
import os

import pytest

import duckdb
import sinks
from sinks import Refused, record
from test_warehouse import KEY, ORDER, TYPES, UPSERT, debezium, defaulted, delete, event, upsert


@pytest.fixture
def path(folder):
    return os.path.join(folder, "warehouse.duckdb")


@pytest.fixture
def start(build, path):
    """start(**settings) is a sink that is not open yet."""
    running = []

    def make(connector="test", number=0, log="log-1", epoch=1, **settings):
        settings.setdefault("connection_url", duckdb.driver_url(path))
        sink = sinks.Sink(build, "warehouse", **settings)
        running.append(sink)
        return sink.task(connector, number, log, epoch)

    yield make
    for sink in running:
        sink.close()


def test_insert_writes_rows_and_the_offset_beside_them(start, path):
    sink = start(auto_create=True).open("orders")
    for id in range(5):
        upsert(sink, id, f"n{id}", None if id == 3 else id * 10)
    sink.apply()
    sink.close()
    assert duckdb.query(path, "select * from orders order by id") == [
        (str(id), f"n{id}", None if id == 3 else str(id * 10)) for id in range(5)]
    assert duckdb.query(path, "select topic, next_offset from weir_ledger") == [("orders", "5")]


def test_upsert_replaces_and_a_tombstone_deletes(start, path):
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
    sink.close()
    assert duckdb.query(path, "select * from orders order by id") == [
        ("0", "first", "0"), ("1", "second", "11"), ("3", "third", "33")]


def test_a_column_that_was_not_sent_keeps_its_value(start, path):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "long text", 1)
    sink.apply()
    upsert(sink, 1, "placeholder", 2, unsent=[1])
    upsert(sink, 7, "placeholder", 2, unsent=[1])
    sink.apply()
    sink.close()
    assert [offset for offset, _ in sink.rejects] == [2]
    assert duckdb.query(path, "select * from orders") == [("1", "long text", "2")]


def test_a_new_field_adds_a_column(start, path):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    wide = record("Order", id="long", name=["null", "string"], amount=["null", "int"],
                  extra=["null", "string"])
    sink.add("orders", KEY, {"id": 2}, wide, {"id": 2, "name": "b", "amount": 2, "extra": "e"})
    sink.apply()
    sink.close()
    assert duckdb.query(path, "select * from orders order by id") == [
        ("1", "a", "1", None), ("2", "b", "2", "e")]


def test_rows_that_are_there_get_the_default_of_an_added_column(start, path):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    wide, row = defaulted()
    sink.add("orders", KEY, {"id": 2}, wide, row)
    sink.apply()
    sink.close()
    assert duckdb.query(path, "select * from orders order by id") == [
        ("1", "a", "1", "it's \u00fc", "-5", "true", None), ("2", "b", "2", "s", None, "false", "1")]


def test_one_bad_row_is_rejected_and_the_others_are_written(start, path):
    duckdb.query(path, "create table orders (id bigint primary key, name text, amount int "
                       "check (amount <> 13))")
    sink = start().open("orders")
    for id in range(40):
        upsert(sink, id, "x", id)
    sink.apply()
    sink.close()
    assert [offset for offset, _ in sink.rejects] == [13]
    assert duckdb.query(path, "select count(*), max(amount) from orders") == [("39", "39")]


def test_a_restart_resumes_where_the_file_says(start, path):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    upsert(sink, 2, "lost", 2)
    sink.put()
    sink.kill()
    again = start(auto_create=True, epoch=2).open()
    again.command("topic orders id-of-orders")
    assert again.assigned("orders") == 1
    upsert(again, 2, "b", 2)
    again.apply()
    again.close()
    assert duckdb.query(path, "select id, name from orders order by id") == [
        ("1", "a"), ("2", "b")]


def test_another_log_is_refused(start):
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    sink.close()
    with pytest.raises(Refused) as refused:
        start(log="log-2").open("orders")
    assert "another log" in refused.value.message


def test_every_type_keeps_its_value(start, path):
    kinds = [kind for _, kind, _, _ in TYPES]
    values = [value for _, _, value, _ in TYPES]
    schema = {"type": "record", "name": "All", "fields": [{"name": "id", "type": "long"}] + [
        {"name": f"c{i}", "type": ["null", kind]} for i, kind in enumerate(kinds)]}
    sink = start(auto_create=True).open("types")
    sink.add("types", None, None, schema,
             {"id": 1, **{f"c{i}": value for i, value in enumerate(values)}})
    sink.add("types", None, None, schema, {"id": 2, **{f"c{i}": None for i in range(len(kinds))}})
    sink.apply()
    assert sink.rejects == []
    sink.close()
    shown = {"bytea": "\\x00\\xFF", "double precision": None, "interval": None, "date": None,
             "integer[]": "[1, NULL, 3]", "text[]": "[]", "date[]": "[1970-01-01]",
             "numeric(5,1)[]": "[2.5]", "time with time zone": "13:14:15.5+02",
             "jsonb": None}
    texts = ", ".join(f"cast(c{i} as varchar)" for i in range(len(TYPES)))
    row = duckdb.query(path, f"select {texts} from types where id = 1")[0]
    for (name, _, _, text), found in zip(TYPES, row):
        expected = shown.get(name, text)
        assert found is not None
        if expected is not None:
            assert found == expected, name
    assert row[5] == "nan" and row[6] == "-inf"
    assert set(duckdb.query(path, f"select {texts} from types where id = 2")[0]) == {None}


def test_a_decimal_with_too_many_digits_is_rejected_not_rounded(start, path):
    wide = record("W", id="long", d={"type": "bytes", "logicalType": "decimal", "precision": 12,
                                     "scale": 4})
    duckdb.query(path, "create table w (id bigint, d decimal(6, 2))")
    sink = start().open("w")
    sink.add("w", None, None, wide, {"id": 1, "d": (12300).to_bytes(4, "big")})
    sink.add("w", None, None, wide, {"id": 2, "d": (12345).to_bytes(4, "big")})
    sink.apply()
    sink.close()
    assert [offset for offset, _ in sink.rejects] == [1]
    assert duckdb.query(path, "select d from w") == [("1.23",)]


def test_a_vendor_without_a_dialect_is_refused_with_those_that_have_one(start):
    with pytest.raises(Refused) as refused:
        start(connection_url="adbc:/lib/x.so?entrypoint=SnowflakeDriverInit").open()
    assert refused.value.code == "WEIR_CONFIG"
    assert "SnowflakeDriverInit" in refused.value.message and "DuckDB" in refused.value.message


def test_a_missing_driver_is_named(start):
    with pytest.raises(Refused) as refused:
        start(connection_url="adbc:/no/such.so?entrypoint=duckdb_adbc_init").open()
    assert refused.value.code == "WEIR_CONFIG" and "/no/such.so" in refused.value.message


def test_a_second_task_is_refused(start):
    with pytest.raises(Refused) as refused:
        start(number=1).open()
    assert "tasks.max=1" in refused.value.message


def test_a_second_writer_waits_until_the_first_has_closed_the_file(start, folder):
    first = start(auto_create=True).open("orders")
    name = os.path.join(folder, ".", "warehouse.duckdb")
    second = start(connection_url=duckdb.driver_url(name), connector="other")
    with pytest.raises(Refused) as refused:
        second.open()
    assert refused.value.code == "WEIR_RETRY" and "one writer" in refused.value.message
    second.command("close")
    first.command("close")
    second.open("orders")


def test_names_are_the_same_in_any_case(start, path):
    """As in the engine: a table or column that was made in another case is that table or column."""
    duckdb.query(path, 'create table "Orders" ("ID" bigint primary key, "Name" varchar, amount integer)')
    for quote in ("always", "never"):
        sink = start(insert_mode="upsert", pk_mode="record_key", auto_create=True, auto_evolve=True,
                     quote_sql_identifiers=quote, connector=quote).open("orders")
        upsert(sink, 1, quote, 10)
        sink.apply()
        assert sink.rejects == []
        sink.close()
        assert duckdb.query(path, "select * from orders") == [("1", quote, "10")]


LISTS = record("Lists", id="long", tags=["null", {"type": "array", "items": "string"}], n="int")


def test_a_row_with_a_list_changes_again_and_again_in_one_transaction(start, path):
    sink = start(**UPSERT, buffer_bytes=65536).open("lists")
    for n in range(4000):
        id = n % 20
        if n % 11 == 0:
            sink.add("lists", KEY, {"id": id})
        else:
            sink.add("lists", KEY, {"id": id}, LISTS, {"id": id, "tags": [f"{n:080}"], "n": n})
    sink.apply()
    assert sink.rejects == []
    sink.close()
    expected = {}
    for n in range(4000):
        expected[n % 20] = None if n % 11 == 0 else n
    assert duckdb.query(path, "select id, n from lists order by id") == [
        (str(id), str(n)) for id, n in sorted(expected.items()) if n is not None]


def test_a_table_is_emptied_and_filled_again_in_one_transaction(start, path):
    sink = start(**UPSERT, truncate_enabled=True).open("orders")
    for id in range(5):
        event(sink, "c", id, "old", 1)
    sink.apply()
    event(sink, "t", 9)
    for id in (1, 2, 7):
        event(sink, "c", id, "new", 2)
    sink.apply()
    assert sink.rejects == []
    sink.close()
    assert duckdb.query(path, "select id, name from orders order by id") == [
        ("1", "new"), ("2", "new"), ("7", "new")]


VALUES = [  # the column, the field, a value that it takes as it is with its text, one that would be changed
    ("timestamp_s", debezium("long", "io.debezium.time.MicroTimestamp"), (1_000_000, "1970-01-01 00:00:01"), 1),
    ("timestamp_ms", debezium("long", "io.debezium.time.MicroTimestamp"), (1_000, "1970-01-01 00:00:00.001"), 1),
    ("timestamp_ns", debezium("long", "io.debezium.time.MicroTimestamp"), (1, "1970-01-01 00:00:00.000001"), None),
    ("date", debezium("long", "io.debezium.time.MicroTimestamp"), (86_400_000_000, "1970-01-02"), 1),
    ("integer", "double", (7.0, "7"), 7.5),
    ("smallint", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, (b"\x64", "1"), b"\x65"),
    ("tinyint", "int", (127, "127"), 128),
    ("timestamptz", debezium("long", "io.debezium.time.MicroTimestamp"), (1, "1970-01-01 00:00:00.000001+00"), None),
]


def test_a_narrower_column_takes_what_it_can_hold_exactly_and_nothing_else(start, path):
    for i, (column, field, good, bad) in enumerate(VALUES):
        duckdb.query(path, f"create table t{i} (id bigint, v {column})")
        sink = start(connector=f"t{i}").open(f"t{i}")
        schema = record("V", id="long", v=["null", field])
        sink.add(f"t{i}", None, None, schema, {"id": 1, "v": good[0]})
        if bad is not None:
            sink.add(f"t{i}", None, None, schema, {"id": 2, "v": bad})
        sink.apply()
        sink.close()
        assert [offset for offset, _ in sink.rejects] == ([] if bad is None else [1]), column
        assert duckdb.query(path, f"select cast(v as varchar) from t{i}") == [(good[1],)], column
