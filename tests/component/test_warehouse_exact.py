"""test_warehouse_exact.py - tables that were there before: a value arrives as it was, or is rejected by name."""
import decimal

import pytest

import sinks
from sinks import Refused, record, unscaled
from test_warehouse import KEY, ORDER, UPSERT, database, debezium, delete, start, upsert  # noqa: F401

MICROS = debezium("long", "io.debezium.time.MicroTimestamp")
ZONED = debezium("string", "io.debezium.time.ZonedTimestamp")
DAY = 86_400_000_000


def numeric(precision, scale):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def amount(text, scale):
    return unscaled(decimal.Decimal(text), scale)


VALUES = [  # the column, the field, values that it takes as they are with their text, values that would be changed
    ("numeric(10,2)", numeric(12, 4), [(amount("1.2300", 4), "1.23")], [amount("1.2345", 4)]),
    ("numeric(4,-2)", "int", [(1200, "1200")], [1234]),
    ("integer", numeric(12, 4), [(amount("7.0000", 4), "7")], [amount("7.5", 4), amount("3000000000", 4)]),
    ("smallint", "double", [(-5.0, "-5")], [2.5, 1e9, float("nan"), float("inf")]),
    ("bigint", "double", [(-9223372036854775808.0, "-9223372036854775808")], [9223372036854775808.0]),
    ("timestamp(3)", MICROS, [(1_500_000, "1970-01-01 00:00:01.5")], [1_500_001]),
    ("timestamptz(0)", ZONED, [("1970-01-01T00:00:01Z", "1970-01-01 00:00:01+00")], ["1970-01-01T00:00:01.5Z"]),
    ("timestamptz", MICROS, [(1, "1970-01-01 00:00:00.000001+00")], []),
    ("timestamp", ZONED, [("1970-01-01T01:00:00.5+01:00", "1970-01-01 00:00:00.5")], []),
    ("time(0)", debezium("long", "io.debezium.time.MicroTime"), [(1_000_000, "00:00:01")], [1_000_001]),
    ("interval(0)", debezium("long", "io.debezium.time.MicroDuration"), [(1_000_000, "00:00:01")], [1_000_001]),
    ("date", MICROS, [(2 * DAY, "1970-01-03"), (9223372036825200000, "infinity")], [2 * DAY + 1]),
    ("date", ZONED, [("1970-01-02T00:00:00Z", "1970-01-02")], ["1970-01-02T00:00:00.000001Z"]),
    ("varchar(3)", "int", [(123, "123")], [1234]),
    ("char(3)", "string", [("ab", "ab")], ["abcd"]),
    ("char(3)", "int", [(12, "12")], [1234]),
    ("varchar(3)[]", {"type": "array", "items": "string"}, [(["abc"], "{abc}")], [["ok", "abcd"]]),
    ("char(2)[]", {"type": "array", "items": "string"}, [(["ab"], "{ab}")], [["abc"]]),
    ("numeric(5,1)[]", {"type": "array", "items": numeric(9, 3)}, [([amount("2.5", 3)], "{2.5}")],
     [[amount("2.55", 3)]]),
    ("bit(3)", "string", [("101", "101")], ["1011"]),
    ("smallint", "long", [(-32768, "-32768")], [32768]),
]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
@pytest.mark.parametrize("case", VALUES, ids=lambda case: case[0])
def test_a_narrower_column_takes_what_it_can_hold_exactly_and_nothing_else(start, database, mode, case):  # noqa: F811
    column, field, good, bad = case
    database[1](f"create table t (id bigint primary key, v {column})")
    database[1]("set timezone = 'UTC'")
    sink = start(insert_mode=mode, pk_mode="record_key").open("t")
    schema = record("V", id="long", v=["null", field])
    for id, value in enumerate([value for value, _ in good] + bad):
        sink.add("t", KEY, {"id": id}, schema, {"id": id, "v": value})
    sink.apply()
    assert database[1]("select id, v::text from t order by id") == [
        (id, text) for id, (_, text) in enumerate(good)]
    assert [offset for offset, _ in sink.rejects] == list(range(len(good), len(good) + len(bad)))


def test_a_key_of_fixed_length_is_found_with_its_blanks(start, database):  # noqa: F811
    database[1]("create table t (sku char(6) primary key, n int, note text)")
    sink = start(insert_mode="upsert", pk_mode="record_key", delete_enabled=True).open("t")
    key, value = record("K", sku="string"), record("V", sku="string", n="int", note=["null", "string"])
    for n, sku in enumerate(("ab    ", "cd    ", "ef    ")):
        sink.add("t", key, {"sku": sku}, value, {"sku": sku, "n": n, "note": "kept"})
    sink.apply()
    sink.add("t", key, {"sku": "ab    "})
    sink.add("t", key, {"sku": "cd    "}, value, {"sku": "cd    ", "n": 7, "note": "placeholder"}, unsent=[2])
    sink.apply()
    assert sink.rejects == []
    assert database[1]("select trim(sku), n, note from t order by sku") == [("cd", 7, "kept"), ("ef", 2, "kept")]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_an_identity_column_takes_the_source_s_numbers(start, database, mode):  # noqa: F811
    database[1]("create table orders (id bigint generated always as identity primary key, name text, amount int)")
    sink = start(insert_mode=mode, pk_mode="record_key", delete_enabled=True).open("orders")
    upsert(sink, 40, "a", 1)
    upsert(sink, 41, "b", 2)
    sink.apply()
    if mode == "upsert":
        upsert(sink, 40, "aa", 3)
        delete(sink, 41)
        sink.apply()
    assert sink.rejects == []
    assert database[1]("select id, name from orders order by id") == (
        [(40, "aa")] if mode == "upsert" else [(40, "a"), (41, "b")])


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_column_that_the_destination_computes_is_named(start, database, mode):  # noqa: F811
    database[1]("create table orders (id bigint primary key, name text, "
                "amount int generated always as (id * 2) stored)")
    sink = start(insert_mode=mode, pk_mode="record_key").open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.apply()
    assert refused.value.code == "WEIR_CONFIG"
    assert '"amount"' in refused.value.message and "fields.whitelist" in refused.value.message
    kept = start(insert_mode=mode, pk_mode="record_key", fields_whitelist="id,name",
                 connector="kept").open("orders")
    upsert(kept, 3, "a", 1)
    kept.apply()
    assert database[1]("select * from orders") == [(3, "a", 6)]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_view_can_be_written_to(start, database, mode):  # noqa: F811
    database[1]("create table base (id bigint primary key, name text, amount int)")
    database[1]("create view orders as select * from base")
    sink = start(insert_mode=mode, pk_mode="record_key", table_types="TABLE,VIEW").open("orders")
    upsert(sink, 1, "a", 1)
    upsert(sink, 2, "b", 2)
    sink.apply()
    assert database[1]("select * from base order by id") == [(1, "a", 1), (2, "b", 2)]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_partitioned_table_is_written_through_its_root(start, database, mode):  # noqa: F811
    database[1]("create table orders (id bigint primary key, name text, amount int) partition by range (id)")
    database[1]("create table orders_1 partition of orders for values from (0) to (10)")
    sink = start(insert_mode=mode, pk_mode="record_key", table_types="TABLE,PARTITIONED TABLE").open("orders")
    upsert(sink, 1, "a", 1)
    upsert(sink, 99, "nowhere to go", 2)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [1]
    assert database[1]("select * from orders_1") == [(1, "a", 1)]


def test_what_was_not_sent_is_null_in_insert_mode_also_with_deletes(start, database):  # noqa: F811
    sink = start(pk_mode="record_key", delete_enabled=True, auto_create=True).open("orders")
    upsert(sink, 1, "placeholder", 5, unsent=[1])
    sink.apply()
    assert sink.rejects == []
    assert database[1]("select * from orders") == [(1, None, 5)]


def test_as_many_columns_as_a_table_can_have_or_a_clear_no(start, database):  # noqa: F811
    names = [f"f{i}" for i in range(1599)]
    wide = record("W", id="long", **{name: "boolean" for name in names})
    row = {"id": 1, **{name: True for name in names}}
    sink = start(auto_create=True, pk_mode="record_key").open("wide")
    sink.add("wide", KEY, {"id": 1}, wide, row)
    sink.apply()
    assert database[1]("select id, f1598 from wide") == [(1, True)]
    keyed = start(insert_mode="upsert", pk_mode="record_key", connector="keyed").open("wide")
    keyed.add("wide", KEY, {"id": 1}, wide, row)
    with pytest.raises(Refused) as refused:
        keyed.apply()
    assert refused.value.code == "WEIR_CONFIG"
    assert "1598" in refused.value.message and "fields.whitelist" in refused.value.message


def test_names_that_are_not_quoted_may_be_any_name(start, database):  # noqa: F811
    """Reserved words, blanks and worse: none of it is read as SQL."""
    odd = record("Odd", Id="long", Order="string", a="int", b="int")
    odd["fields"][2]["weir.name"], odd["fields"][3]["weir.name"] = "Key Id", 'q"; drop table "keep'
    database[1]("create table keep (id int)")
    sink = start(auto_create=True, insert_mode="upsert", pk_mode="record_value", pk_fields="Id",
                 quote_sql_identifiers="never", table_name_format="public.User").open("t")
    for n in (1, 2):
        sink.add("t", None, None, odd, {"Id": 1, "Order": "x", "a": 2, "b": n})
        sink.apply()
    assert database[1]('select id, "order", "key id", "q""; drop table ""keep" from "user"') == [(1, "x", 2, 2)]
    assert database[1]("select count(*) from keep") == [(0,)]


def test_a_topic_that_came_while_rows_waited_does_not_stop_a_refusal(start, database):  # noqa: F811
    """Its claim in the ledger is rolled back with the rows, and made again."""
    database[1]("create table late (id bigint primary key, name text, amount int check (amount <> 13))")
    sink = start(insert_mode="upsert", pk_mode="record_key", auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.put()
    sink.command("clear")
    sink.command("topic late id-of-late")
    sink.assigned("late")
    for id in (12, 13):
        sink.add("late", KEY, {"id": id}, ORDER, {"id": id, "name": "x", "amount": id})
    sink.apply()
    assert sorted(sink.rejects)[0][0] == 1 and len(sink.rejects) == 1
    assert database[1]("select id from late") == [(12,)]
    assert database[1]("select id from orders") == [(1,)]


def test_a_schema_that_is_not_there_is_named_with_the_remedy(start):  # noqa: F811
    sink = start(auto_create=True, table_name_format="nowhere.${topic}").open("orders")
    upsert(sink, 1, "a", 1)
    with pytest.raises(Refused) as refused:
        sink.apply()
    assert '"nowhere"' in refused.value.message and "create the schema" in refused.value.message


def test_schemas_of_several_versions_and_topics_meet_in_one_table(start, database):  # noqa: F811
    sink = start(**UPSERT).open("a", "b")
    wide = record("Order", id="long", name=["null", "string"], amount=["null", "int"], extra=["null", "string"])
    for n in range(60):
        for topic in "ab":
            key = {"id": n % 20 + (100 if topic == "b" else 0)}
            if n % 3 == 0:
                sink.add(topic, KEY, key, wide, {**key, "name": f"w{n}", "amount": n, "extra": "e"}, table="orders")
            elif n % 7 == 0:
                sink.add(topic, KEY, key, table="orders")
            else:
                sink.add(topic, KEY, key, ORDER, {**key, "name": f"n{n}", "amount": n}, table="orders")
    sink.apply()
    expected = {}
    for n in range(60):
        for base in (0, 100):
            id = n % 20 + base
            if n % 3 == 0:
                expected[id] = (f"w{n}", n, "e")
            elif n % 7 == 0:
                expected.pop(id, None)
            else:  # a version that does not know the column leaves it as it is
                expected[id] = (f"n{n}", n, expected.get(id, (0, 0, None))[2])
    assert {row[0]: row[1:] for row in database[1]("select * from orders")} == expected
    assert sink.rejects == []
