"""test_postgres_cdc.py - the postgres-cdc source against a real PostgreSQL."""
import base64
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import servers
from postgres_cdc import ORDERS, Database, database, ops, refused  # noqa: F401
from sources import Refused

def test_a_snapshot_is_followed_by_changes_without_gap_or_overlap(database):
    database.run(ORDERS)
    source = database.source().open()
    rows = source.take(3)
    assert ops(rows) == [("r", 1), ("r", 2), ("r", 3)]
    assert [r["value"]["source"]["snapshot"] for r in rows] == ["first", "true", "last"]
    assert rows[0]["value"]["after"] == {"id": 1, "name": "name 1", "note": "note"}
    assert rows[0]["topic"] == "shop.public.orders"
    database.run("insert into orders values (4, 'four'); update orders set note = 'new' where id = 1;"
                 "delete from orders where id = 2")
    assert ops(source.take(4)) == [("c", 4), ("u", 1), ("d", 2), (None, 2)]
    assert source.records[-4]["value"]["source"]["snapshot"] == "false"


def test_the_envelope_has_debeziums_fields_in_their_order(database):
    database.run(ORDERS)
    source = database.source(snapshot_mode="no_data").open()
    source.poll_until(lambda: source.offsets)
    database.run("insert into orders values (9, 'nine')")
    record, = source.take(1)
    schema = record["value_schema"]
    assert [f["name"] for f in schema["fields"]] == [
        "before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"]
    assert schema["connect.name"] == "shop.public.orders.Envelope"
    assert schema["connect.version"] == 2
    value = schema["fields"][0]["type"][1]
    assert value["connect.name"] == "shop.public.orders.Value"
    assert value["fields"][0] == {"name": "id", "type": "int"}
    assert value["fields"][2] == {"name": "note", "type": ["null", "string"], "default": None}
    assert record["key_schema"]["connect.name"] == "shop.public.orders.Key"
    place = record["value"]["source"]
    assert list(place) == ["version", "connector", "name", "ts_ms", "snapshot", "db", "sequence",
                           "ts_us", "ts_ns", "schema", "table", "txId", "lsn", "xmin"]
    assert (place["connector"], place["name"], place["db"]) == ("postgresql", "shop", database.name)
    assert (place["schema"], place["table"]) == ("public", "orders")
    assert json.loads(place["sequence"])[1] == str(place["lsn"])
    assert abs(place["ts_ms"] / 1000 - time.time()) < 60


def test_an_update_of_the_key_is_delete_tombstone_create(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    database.run("update orders set id = 30 where id = 3")
    records = source.take(3)
    assert ops(records) == [("d", 3), (None, 3), ("c", 30)]
    assert records[0]["value"]["after"] is None


def test_tombstones_can_be_switched_off(database):
    database.run(ORDERS)
    source = database.source(tombstones_on_delete="false").open()
    source.take(3)
    database.run("delete from orders where id = 3")
    assert ops(source.take(1)) == [("d", 3)]


def test_a_truncate_is_skipped_unless_it_is_asked_for(database):
    database.run(ORDERS + "; create table other (id int primary key)")
    source = database.source(skipped_operations="none").open()
    source.take(3)
    database.run("truncate orders, other")
    records = source.take(2)
    assert [r["value"]["op"] for r in records] == ["t", "t"]
    assert {r["topic"] for r in records} == {"shop.public.orders", "shop.public.other"}
    source = database.restart(source)
    database.run("truncate orders; insert into orders values (1, 'one')")
    assert ops(source.take(1)) == [("c", 1)]


def test_replica_identity_full_brings_the_whole_old_row(database):
    database.run(ORDERS + "; alter table orders replica identity full")
    source = database.source().open()
    source.take(3)
    database.run("update orders set note = 'new' where id = 1")
    record, = source.take(1)
    assert record["value"]["before"] == {"id": 1, "name": "name 1", "note": "note"}
    assert record["value"]["after"]["note"] == "new"


def test_the_key_is_that_of_the_replica_identity_index(database):
    database.run("""create table keyed (a int primary key, b int not null, c text);
                    create unique index keyed_b on keyed (b);
                    alter table keyed replica identity using index keyed_b;
                    insert into keyed values (1, 10, 'x')""")
    source = database.source().open()
    source.take(1)
    database.run("update keyed set b = 11; delete from keyed")
    assert [r["key"] for r in source.records] == [{"b": 10}]
    assert [r["key"] for r in source.take(5)] == [{"b": 10}, {"b": 10}, {"b": 11}, {"b": 11},
                                                  {"b": 11}]


def test_a_table_without_identity_keeps_its_update_working(database):
    database.run("create table plain (a int); insert into plain values (1)")
    source = database.source(topic_prefix="shop").open()
    source.take(1)
    database.run("update plain set a = 2; delete from plain; insert into plain values (3)")
    record, = source.take(1)
    assert record["value"]["op"] == "c" and record["key"] is None
    assert any("no replica identity" in line for line in source.diags)
    # it gets a key while the connector is away: then its updates are captured
    database.run("truncate plain; alter table plain add primary key (a)")
    source = database.restart(source)
    database.run("insert into plain values (5); update plain set a = 6")
    assert [r["value"] and r["value"]["op"] for r in source.take(4)] == ["c", "d", None, "c"]


def test_a_value_that_was_not_sent_is_a_placeholder_and_marked(database):
    database.run("""create table big (id int primary key, text text, n int);
                    alter table big alter text set storage external;
                    insert into big values (1, repeat('x', 100000), 0)""")
    source = database.source().open()
    source.take(1)
    database.run("update big set n = 1")
    record, = source.take(1)
    assert record["value"]["after"]["text"] == "__debezium_unavailable_value"
    assert record["unsent"] == ["after.text"]
    # with the whole old row, the value is there
    source = database.restart(source)
    database.run("alter table big replica identity full; update big set n = 2")
    record, = source.take(1)
    assert record["value"]["after"]["text"] == "x" * 100000
    assert record["unsent"] == []


TYPES = """
    create type mood as enum ('sad', 'ok');
    create domain price as numeric(12, 4);
    create table types (id int primary key, b bool, i2 int2, i8 int8, f4 float4, f8 float8,
        n2 numeric(10, 2), n numeric, p price, t text, vc varchar(10), bc char(5), by bytea, d date,
        ti time, ti3 time(3), tz timetz, ts timestamp, ts3 timestamp(3), tstz timestamptz,
        iv interval, u uuid, j json, jb jsonb, m mood, ai int[], at text[], an numeric(10, 2)[],
        am mood[], ine inet, ci cidr, mac macaddr, mo money, b1 bit, b5 bit(5), vb varbit);
    insert into types values (1, true, -32768, -9223372036854775808, 1.1, -2.25e-308, -12345678.90,
        123456789012345678901234567890.5, 1.5, E'\\u00fc"\\n', 'abc', 'ab', '\\x00ff', '2024-02-29',
        '23:59:59.999999', '01:02:03.456', '12:34:56.789+05:30', '2024-02-29 12:34:56.123456',
        '2024-02-29 12:34:56.123', '2024-02-29 12:34:56.1+02', '1 year 2 mons 3 days 04:05:06.789',
        '11223344-5566-7788-99aa-bbccddeeff00', '{"a": [1]}', '{"a": 2}', 'ok', '[2:4]={1,NULL,3}',
        '{a,"b c","q\\"",NULL,""}', '{1.10,NULL}', '{ok,sad}', '192.168.1.5/24', '10.0.0.0/8',
        '08:00:2b:01:02:03', '-1234.56', '1', '10101', '0011');
    insert into types (id, d, ts, tstz, f4, f8, ti, tz, ai) values (2, 'infinity', '-infinity',
        'infinity', 'NaN', '-Infinity', '24:00:00', '24:00:00+00', '{}');
    insert into types (id, d, ts, tstz, iv, n) values (3, '0044-03-15 BC', '4713-01-01 00:00:00 BC',
        '12024-05-05 01:02:03+00', '-00:00:01.5', 1e1000);
    insert into types (id) values (4)
"""


def test_all_types_are_equal_from_snapshot_and_stream_in_binary_and_in_text(database):
    database.run(TYPES)
    source = database.source(table_include_list="public.types").open()
    snapshot = [r["value"]["after"] for r in source.take(4)]
    database.run("create table copy as table types; truncate types;"
                 "insert into types select * from copy order by id")
    assert [r["value"]["after"] for r in source.take(4)] == snapshot
    # a column of a type that has no binary form makes the server send text
    database.run("alter table types add x xml")
    source = database.restart(source, table_include_list="public.types")
    database.run("truncate types; insert into types select * from copy order by id")
    assert [{k: v for k, v in r["value"]["after"].items() if k != "x"}
            for r in source.take(4)] == snapshot
    row = snapshot[0]
    assert int.from_bytes(base64.b64decode(row["n2"]), "big", signed=True) == -1234567890
    assert row["n"]["scale"] == 1
    assert int.from_bytes(base64.b64decode(row["n"]["value"]), "big") == \
        1234567890123456789012345678905
    assert row["tz"] == "07:04:56.789Z" and row["tstz"] == "2024-02-29T10:34:56.100000Z"
    assert row["d"] == 19782 and row["ts3"] == 1709210096123 and row["ti3"] == 3723456
    assert row["ai"] == [1, None, 3] and row["at"] == ["a", "b c", 'q"', None, ""]
    assert row["t"] == 'ü"\n' and row["iv"] == 37091106789000
    assert snapshot[1]["tstz"] == "infinity" and snapshot[1]["ti"] == 86400000000


def test_a_restart_repeats_nothing_and_misses_nothing(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    database.run("insert into orders values (4, 'four')")
    source.take(1)
    database.run("insert into orders values (5, 'five')")
    source = database.restart(source)
    assert ops(source.take(1)) == [("c", 5)]


def test_what_was_not_acknowledged_comes_again(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    before = source.offset
    database.run("insert into orders values (4, 'four')")
    source.take(1, ack=False)
    source.kill()
    database.wait_inactive()
    source = database.source(before).open()
    assert ops(source.take(1)) == [("c", 4)]


def test_a_large_transaction_goes_on_in_its_middle(database):
    database.run("create table many (id int primary key)")
    source = database.source(snapshot_mode="no_data").open()
    source.poll_until(lambda: source.offsets)
    database.run("insert into many select generate_series(1, 25000)")
    source.poll_until(lambda: any("lsn_open" in o["offset"] for o in source.offsets))
    index = next(i for i, o in enumerate(source.offsets) if "lsn_open" in o["offset"])
    place = source.offsets[index]
    delivered = 10000
    source.kill()
    database.wait_inactive()
    source = database.source((place["partition"], place["offset"])).open()
    source.poll_until(lambda: len(source.records) >= 25000 - delivered)
    assert [r["key"]["id"] for r in source.records] == list(range(delivered + 1, 25001))


def test_changes_of_an_older_transaction_that_commits_later_are_not_lost(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    other = database.server.connect(database.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("insert into orders values (10, 'early, commits late')")
        database.run("insert into orders values (11, 'late, commits early')")
        assert ops(source.take(1)) == [("c", 11)]
        offset = source.offset
        other.commit()
    other.close()
    source.kill()
    database.wait_inactive()
    source = database.source(offset).open()
    assert ops(source.take(1)) == [("c", 10)]


def test_the_slot_is_confirmed_when_nothing_captured_changes(database):
    database.run(ORDERS + "; create table other (id int)")
    source = database.source(table_include_list="public.orders").open()
    source.take(3)
    database.run("insert into other select generate_series(1, 1000)")
    target = database.run("select pg_current_wal_lsn()")[0][0]
    behind = f"confirmed_flush_lsn < '{target}'"
    source.poll_until(lambda: not database.slot(behind), timeout=10)


def test_the_slot_is_not_confirmed_before_what_it_sent_is_durable(database):
    database.run(ORDERS)
    source = database.source(status_update_interval_ms=100).open()
    source.take(3)
    confirmed = database.slot()
    database.run("insert into orders values (4, 'four')")
    source.take(1, ack=False)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        source.poll(50)
    assert database.slot() == confirmed
    source.poll_until(lambda: database.slot() != confirmed, timeout=5)


def test_a_crash_in_the_snapshot_reads_on_and_the_stream_puts_it_right(database):
    database.run("create table a (id int primary key); insert into a select generate_series(1, 5);"
                 "create table b (id int primary key); insert into b select generate_series(1, 50000)")
    source = database.source().open()
    source.poll_until(lambda: len(source.records) > 10005, ack=False)
    place = [o for o in source.offsets if o["offset"].get("table") == "public.a"][-1]
    durable = source.records[:place["records"]]
    source.kill()
    database.wait_inactive()
    database.run("delete from b where id <= 100; update b set id = id + 100000 where id = 200;"
                 "delete from a where id = 1; insert into b values (0)")
    source = database.source((place["partition"], place["offset"])).open()
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1] and any(
        r["key"] == {"id": 0} and r["value"]["op"] == "c" for r in source.records if r["value"]))
    assert not any(r["topic"] == "shop.public.a" and r["value"] and r["value"]["op"] == "r"
                   for r in source.records), "table a was complete"
    state = {}
    for r in durable + source.records:
        key = (r["topic"], r["key"]["id"])
        if r["tombstone"] or r["value"]["op"] == "d":
            state.pop(key, None)
        else:
            state[key] = True
    for name in "ab":
        kept = {key for topic, key in state if topic.endswith("." + name)}
        assert kept == {row[0] for row in database.run(f"select id from {name}")}


def fold(records, table):
    """The rows of a table that a sink has which knows its key."""
    state = {}
    for record in records:
        if record["topic"] != f"shop.public.{table}":
            continue
        key = json.dumps(record["key"])
        if record["tombstone"] or record["value"]["op"] == "d":
            state.pop(key, None)
        else:
            state[key] = record["value"]["after"]
    return state


def durable(source):
    """What the log has: the records before the last checkpoint."""
    return source.records[:len(source.records) - source.open_count]


KEYS = {
    "int": ("id int primary key", "i", "id"),
    "text of any kind": ("id text primary key", "case i % 5 when 0 then 'it''s ' || i when 1 then "
                         "'b\\s ' || i when 2 then 'é' || i else i::text end", "id"),
    "several columns": ("a numeric, b uuid, c timestamptz, primary key (c, a, b)",
                        "i % 7 + 0.5, md5(i::text)::uuid, timestamptz '2026-01-01' + "
                        "(i / 10) * interval '1 min'", "c, a, b"),
    "bytea": ("id bytea primary key", "decode(md5(i::text), 'hex')", "id"),
    "double": ("id float8 primary key", "case i when 7 then 'NaN' when 8 then '-Infinity' else "
               "i / 3.0 end", "id"),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("threads", [1, 3])
def test_ranges_of_any_key_have_every_row_once(database, key, threads):
    columns, values, _ = key
    database.run(f"create table t ({columns}, filler text); insert into t select {values}, 'row ' "
                 "|| i from generate_series(1, 20000) i; analyze t")
    source = database.source(snapshot_chunk_size=2000, snapshot_max_threads=threads).open()
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1], ack=False)
    assert max(o["offset"].get("left", "").count(";") for o in source.offsets) >= 1
    fillers = [r["value"]["after"]["filler"] for r in source.records]
    assert len(fillers) == 20000 and len(set(fillers)) == 20000
    marks = [r["value"]["source"]["snapshot"] for r in source.records]
    assert (marks[0], marks[-1], set(marks[1:-1])) == ("first", "last", {"true"})


@pytest.mark.parametrize("threads", [1, 4])
def test_ranges_that_were_done_before_a_crash_are_not_read_again(database, threads):
    database.run("create table t (a int, b text, note text, primary key (b, a)); insert into t "
                 "select i, 'b' || i % 100, 'x' from generate_series(1, 60000) i; analyze t")
    more = {"snapshot_chunk_size": 6000, "snapshot_max_threads": threads}
    source = database.source(**more).open()
    source.poll_until(lambda: len(source.records) > 30000, ack=False)
    records, offset = durable(source), source.offset
    assert offset[1]["reading"] == "public.t" and "b" in offset[1]["left"]
    source.kill()
    database.wait_inactive()
    database.run("delete from t where a % 3 = 0; update t set a = -a where a % 7 = 0;"
                 "update t set note = 'new' where a % 11 = 0; insert into t values (0, 'b', 'end')")
    source = database.source(offset, **more).open()
    source.poll_until(lambda: any(
        r["value"] and r["value"]["op"] == "c" and r["value"]["after"]["note"] == "end"
        for r in source.records) and source.open_count == 0)
    again = sum(1 for r in source.records if r["value"] and r["value"]["op"] == "r")
    assert 0 < again < 45000
    assert not any("weir.restart" in r["headers"] for r in source.records)
    rows = fold(records + source.records, "t")
    assert sorted((r["b"], r["a"], r["note"]) for r in rows.values()) == \
        sorted(database.run("select b, a, note from t"))


def bag(records, table):
    """The rows of a table that a sink has which only adds rows and obeys a truncate."""
    rows = []
    for record in records:
        if record["topic"] != f"shop.public.{table}":
            continue
        if record["value"]["op"] == "t":
            rows = []
        else:
            rows.append(tuple(record["value"]["after"].values()))
    return sorted(rows)


WIDE = "create table wide (n int, filler text); insert into wide select i, " \
       "repeat(md5(i::text), 80) from generate_series(1, {}) i"


def test_a_small_table_without_a_key_is_durable_whole_or_not_at_all(database):
    database.run("create table a (n int); insert into a select generate_series(1, 50000);"
                 "create table b (n int); insert into b select generate_series(1, 50000)")
    source = database.source().open()
    source.poll_until(lambda: len(source.records) > 60000, ack=False)
    records, offset = durable(source), source.offset
    assert offset[1]["table"] == "public.a" and "reading" not in offset[1]
    assert not any(r["topic"] == "shop.public.b" for r in records)
    source.kill()
    database.wait_inactive()
    database.run("insert into a values (-1); insert into b values (-2); delete from b where n = 5")
    source = database.source(offset).open()
    source.poll_until(lambda: "snapshot" not in source.offset[1] if source.offsets else False)
    database.run("insert into b values (-3); insert into a values (-3)")
    source.poll_until(lambda: [r["value"]["after"]["n"] for r in source.records[-2:]] == [-3, -3])
    for table in "ab":
        assert bag(records + source.records, table) == sorted(database.run(f"select n from {table}"))


def test_a_large_table_without_a_key_is_emptied_and_read_again(database):
    database.run(WIDE.format(40000))
    source = database.source().open()
    source.poll_until(lambda: source.offsets and source.offset[1].get("reading"), ack=False)
    records, offset = durable(source), source.offset
    assert len(records) > 20000
    source.kill()
    database.wait_inactive()
    other = database.server.connect(database.name)
    other.autocommit = False
    with other.cursor() as cursor:  # goes on while the table is read again
        cursor.execute("insert into wide values (-1, 'open in the second snapshot')")
    database.run("delete from wide where n between 100 and 200; insert into wide values (-2, 'x')")
    source = database.source(offset).open()
    source.poll_until(lambda: "snapshot" not in source.offset[1] if source.offsets else False)
    assert source.offset[1]["seen"]
    other.commit()
    other.close()
    database.run("insert into wide values (-3, 'x')")
    source.poll_until(lambda: source.records[-1]["value"]["after"]["n"] == -3)
    restart = [r for r in source.records if "weir.restart" in r["headers"]]
    assert [(r["value"]["op"], r["key"]) for r in restart] == [("t", None)]
    assert bag(records + source.records, "wide") == sorted(database.run("select * from wide"))
    source.poll_until(lambda: "seen" not in source.offset[1])


def test_a_row_whose_deletes_are_not_published_is_not_read_under_two_states(database):
    database.run(WIDE.format(40000) + "; alter table wide add primary key (n);"
                 "alter table wide replica identity nothing")
    source = database.source().open()
    source.poll_until(lambda: source.offsets and source.offset[1].get("reading"), ack=False)
    source = database.restart(source)
    source.poll_until(lambda: source.records)
    assert source.records[0]["headers"]["weir.restart"] == "true"


PIPELINE = """
name: whole
source:
  connector: postgres-cdc
  config: {{database.hostname: 127.0.0.1, database.port: {port}, database.user: postgres,
           database.dbname: {name}, topic.prefix: shop, slot.name: {name}}}
sinks:
  - name: dwh
    connector: warehouse
    topics: ["shop.public.*"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: 'shop\\.public\\.(.*)', replacement: 'copy_$1'}}}}]
    config: {{connection.url: {url}, auto.create: true, truncate.enabled: {truncate}}}
"""


class Pipeline:
    """weir run, from a database to tables of another."""

    def __init__(self, database, folder, truncate="true"):
        self.weir, self.folder = os.path.join(database.build, "weir"), str(folder)
        self.log, self.file = os.path.join(self.folder, "out"), os.path.join(self.folder, "p.yaml")
        self.target = database.name + "_target"
        database.server.create_database(self.target)
        with open(self.file, "w") as file:
            file.write(PIPELINE.format(port=database.server.port, name=database.name,
                                       url=database.server.dsn(self.target), truncate=truncate))
        self.process = None

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([self.weir, "run", self.file, "--data",
                                             os.path.join(self.folder, "data")],
                                            stdout=out, stderr=out)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self, text):
        with open(self.log, errors="replace") as file:
            return text in file.read()

    def written(self):
        return sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(os.path.join(self.folder, "data", "topics"))
                   for name in names)

    def digest(self, server, name, table):
        return server.psql(f"select count(*), sum(hashtext(t::text)) from {table} t", name).strip()


@pytest.mark.parametrize("truncate", ["true", "false"])
def test_a_kill_in_the_snapshot_of_a_table_without_a_key_leaves_no_row_too_many(
        database, tmp_path, truncate):
    database.run(WIDE.format(120000))
    pipeline = Pipeline(database, tmp_path, truncate).start()
    try:
        servers.wait_until(lambda: database.slot("active") is not None, "the slot")
        source = database.server.connect(database.name)
        servers.wait_until(lambda: pipeline.written() > 70 << 20, "the first commit", 60, 0.002)
        pipeline.kill()
        assert not pipeline.said("snapshot complete")
        database.wait_inactive()
        database.run("delete from wide where n % 10 = 0; insert into wide values (0, 'new')")
        pipeline.start()
        if truncate == "false":
            servers.wait_until(lambda: pipeline.said("set truncate.enabled=true"), "a remedy", 60)
            return
        wanted = pipeline.digest(database.server, database.name, "wide")
        servers.wait_until(lambda: pipeline.said("snapshot complete"), "the snapshot", 60)
        servers.wait_until(lambda: pipeline.digest(database.server, pipeline.target, "copy_wide")
                           == wanted, "as many rows, and the same", 60)
        source.close()
    finally:
        pipeline.kill()


def test_the_position_of_a_snapshot_row_is_below_every_later_change(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    database.run("update orders set note = 'a' where id = 1; update orders set note = 'b' where id = 1")
    source.take(2)
    places = [int(r["headers"]["weir.position"]) for r in source.records
              if r["key"]["id"] == 1]
    assert places == sorted(set(places)) and len(places) == 3
    assert [r["headers"]["weir.order"] for r in source.records[3:]] == ["1", "2"]
    assert len({r["headers"]["weir.txid"] for r in source.records[3:]}) == 1


def test_a_key_that_changes_takes_along_what_was_not_sent_if_the_old_row_has_it(database):
    database.run("create table t (id int primary key, big text); alter table t replica identity "
                 "full; alter table t alter big set storage external;"
                 "insert into t values (1, repeat('x', 4000))")
    source = database.source(snapshot_mode="no_data").open()
    source.poll_until(lambda: source.offsets)
    database.run("update t set id = 2")
    records = source.take(3)
    assert ops(records) == [("d", 1), (None, 1), ("c", 2)]
    assert records[2]["value"]["after"]["big"] == "x" * 4000 and records[2]["unsent"] == []


def test_a_delete_without_a_key_has_a_tombstone_as_debezium_writes_it(database):
    database.run("create table t (n int); alter table t replica identity full;"
                 "insert into t values (1)")
    source = database.source(snapshot_mode="no_data").open()
    source.poll_until(lambda: source.offsets)
    database.run("delete from t")
    records = source.take(2)
    assert [(r["key"], r["tombstone"]) for r in records] == [(None, False), (None, True)]


def test_a_changed_table_gets_another_schema(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    database.run("alter table orders add more int default 7; insert into orders values (4, 'x', 'y', 8)")
    assert source.take(1)[0]["value"]["after"] == {"id": 4, "name": "x", "note": "y", "more": 8}
    database.run("alter table orders rename note to remark; insert into orders values (5, 'x', 'y', 8)")
    assert source.take(1)[0]["value"]["after"] == {"id": 5, "name": "x", "remark": "y", "more": 8}
    database.run("alter table orders alter more type text; insert into orders values (6, 'x', 'y', 8)")
    assert source.take(1)[0]["value"]["after"]["more"] == "8"


def test_defaults_are_in_the_schema(database):
    database.run("""create table d (id serial primary key, a int not null default 5, b text default 'x',
                    c timestamp default now(), n numeric(5, 2) default 1.5);
                    insert into d default values""")
    source = database.source().open()
    record, = source.take(1)
    fields = {f["name"]: f for f in
              record["value_schema"]["fields"][0]["type"][1]["fields"]}
    assert fields["id"] == {"name": "id", "type": {"type": "int", "connect.default": 0}, "default": 0}
    assert fields["a"]["default"] == 5
    assert fields["b"] == {"name": "b", "type": [{"type": "string", "connect.default": "x"}, "null"],
                           "default": "x"}
    assert fields["n"]["default"] == "\x00\x96"


def test_names_that_avro_forbids_are_kept_for_people(database):
    database.run('create table "odd table" ("Key Id" int primary key, "q""uote" text, "_x" int);'
                 'insert into "odd table" values (1, \'a\', 2)')
    record, = database.source().open().take(1)
    assert record["topic"] == "shop.public.odd_table"
    assert record["value"]["after"] == {"Key Id": 1, 'q"uote': "a", "_x": 2}
    assert record["key"] == {"Key Id": 1}


def test_lists_choose_schemas_tables_and_columns(database):
    database.run(ORDERS + """; create schema other; create table other.t (id int primary key);
                 insert into other.t values (1); create table hidden (id int primary key);
                 insert into hidden values (1)""")
    source = database.source(table_exclude_list="public.hid.*",
                             column_exclude_list="public.orders.note").open()
    records = source.take(4)
    assert {r["topic"] for r in records} == {"shop.public.orders", "shop.other.t"}
    assert "note" not in records[-1]["value"]["after"]


def test_initial_only_ends_and_makes_no_slot(database):
    database.run(ORDERS)
    source = database.source(snapshot_mode="initial_only").open()
    source.poll_until(lambda: source.ended)
    assert len(source.records) == 3
    assert database.slot("1") is None


def test_a_slot_that_is_made_says_what_it_waits_for(database):
    database.run(ORDERS)
    other = database.server.connect(database.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("insert into orders values (4, 'open')")
        source = database.source().open()
        source.poll_until(lambda: any("waits for 1 open transaction" in d for d in source.diags))
        other.commit()
    other.close()
    assert len(source.take(4)) == 4


def test_heartbeats_are_written_when_they_are_asked_for(database):
    database.run(ORDERS)
    source = database.source(snapshot_mode="no_data", heartbeat_interval_ms=100).open()
    source.poll_until(lambda: source.records)
    assert source.records[0]["topic"] == "__debezium-heartbeat.shop"
    assert source.records[0]["key"] == {"serverName": "shop"}


# --- What is wrong gets one clear message --------------------------------------------------------


def test_an_unreachable_server_is_named_and_tried_again(database):
    error = refused(database.source(database_port=servers.free_port()))
    assert error.code == "WEIR_RETRY" and "127.0.0.1" in error.message


def test_a_database_that_does_not_exist_is_named(database):
    error = refused(database.source(database_dbname="nowhere"))
    assert error.code == "WEIR_FATAL" and "database.dbname" in error.message


def test_a_role_that_may_not_replicate_is_told_how(database):
    database.run("create role weak login")
    try:
        error = refused(database.source(database_user="weak"))
        assert error.code == "WEIR_FATAL" and "REPLICATION" in error.message
    finally:
        database.run("drop role weak")


def test_a_table_that_may_not_be_read_is_named(database):
    database.run(ORDERS + "; create role reader login replication;"
                 f"grant create on database {database.name} to reader")
    database.run("create publication dbz_publication for table orders;"
                 "create publication dbz_publication_inserts")
    try:
        error = refused(database.source(database_user="reader"))
        assert error.code == "WEIR_FATAL" and "public.orders" in error.message
        assert "SELECT" in error.message
    finally:
        for source in database.sources:
            source.kill()
        database.run(f"revoke all on database {database.name} from reader; drop role reader")


def test_a_publication_that_may_not_be_made_says_who_can(database):
    database.run(ORDERS + "; create role reader login replication")
    try:
        error = refused(database.source(database_user="reader"))
        assert error.code == "WEIR_FATAL" and "own the captured tables" in error.message
    finally:
        database.run("drop role reader")


def test_a_slot_in_use_is_named(database):
    database.run(ORDERS)
    first = database.source().open()
    first.take(3)
    first.poll_until(lambda: database.slot("active"))
    error = refused(database.source(first.offset))
    assert error.code == "WEIR_RETRY" and database.name in error.message
    assert "in use by process" in error.message


def test_a_slot_that_is_gone_is_no_silent_loss(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    offset = source.offset
    source.kill()
    database.wait_inactive()
    database.run(f"select pg_drop_replication_slot('{database.name}')")
    error = refused(database.source(offset))
    assert error.code == "WEIR_FATAL" and "does not exist" in error.message


def test_a_slot_that_somebody_else_moved_is_no_silent_loss(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    offset = source.offset
    source.kill()
    database.wait_inactive()
    database.run("insert into orders values (4, 'lost'); select pg_switch_wal()")
    database.run(f"select pg_replication_slot_advance('{database.name}', pg_current_wal_lsn())")
    error = refused(database.source(offset))
    assert error.code == "WEIR_FATAL" and "somebody else" in error.message


def test_a_missing_publication_is_found_at_the_start(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    offset = source.offset
    source.kill()
    database.wait_inactive()
    database.run("drop publication dbz_publication")
    error = refused(database.source(offset))
    assert error.code == "WEIR_FATAL" and "dbz_publication" in error.message


def test_all_tables_is_refused_when_it_would_break_an_update(database):
    database.run(ORDERS + "; create table plain (a int)")
    error = refused(database.source(publication_autocreate_mode="all_tables"))
    assert error.code == "WEIR_FATAL" and "public.plain" in error.message


def test_nan_in_a_decimal_names_column_and_setting(database):
    database.run("create table n (id int primary key, v numeric(5, 2)); insert into n values (1, 'NaN')")
    error = refused(database.source())
    assert error.code == "WEIR_FATAL" and "decimal.handling.mode" in error.message
    assert '"v"' in error.message and "public.n" in error.message
    source = database.source(decimal_handling_mode="string", slot_name=database.name).open()
    assert source.take(1)[0]["value"]["after"]["v"] == "NAN"


def test_a_column_of_an_unsupported_type_is_left_out_with_a_warning(database):
    database.run("create table l (id int primary key, l line); insert into l values (1, '{1,2,3}')")
    source = database.source().open()
    assert source.take(1)[0]["value"]["after"] == {"id": 1}
    assert any('column "l"' in line and "line" in line for line in source.diags)


def test_unsupported_settings_are_refused_and_unknown_ones_are_named(database):
    for name, value in (("snapshot.mode", "when_needed"), ("slot.drop.on.stop", "true"),
                        ("signal.data.collection", "public.s"), ("slot.nam", "x")):
        error = refused(database.source(**{name.replace(".", "_"): value}))
        assert error.code == "WEIR_CONFIG" and name in error.message, name


def test_a_wrong_regular_expression_is_shown(database):
    error = refused(database.source(table_include_list="public.(orders"))
    assert error.code == "WEIR_CONFIG" and "table.include.list" in error.message


def test_a_wrong_password_and_a_wrong_wal_level_say_what_to_change(build):
    server = servers.Postgres(settings={"wal_level": "replica"},
                              hba="host all weak 127.0.0.1/32 scram-sha-256\n"
                                  "host all all 127.0.0.1/32 trust\n")
    try:
        server.psql("create role weak login password 'right'")
        one = Database(build, server)
        error = refused(one.source(database_user="weak", database_password="wrong"))
        assert error.code == "WEIR_FATAL" and "database.password" in error.message
        error = refused(one.source())
        assert error.code == "WEIR_FATAL" and "wal_level" in error.message
        one.connection.close()
        for source in one.sources:
            source.kill()
    finally:
        server.stop()


class Front(threading.Thread):
    """A TCP front of the server that can go silent: it takes everything and passes nothing on."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target, self.silent, self.pairs = port, False, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((client, server))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def copy(self, source, target):
        dead = self.silent
        try:
            while data := source.recv(65536):
                dead = dead or self.silent  # for ever: the cable is cut
                if not dead:
                    target.sendall(data)
        except OSError:
            pass
        if not dead:
            target.close()

    def stop(self):
        self.listener.close()
        for pair in self.pairs:
            for one in pair:
                one.close()


@pytest.fixture
def own_server(build):
    """A server that a test may kill: start(settings) gives a database of it."""
    databases = []

    def start(settings=None):
        database = Database(build, servers.Postgres(settings))
        databases.append(database)
        return database

    yield start
    for database in databases:
        for source in database.sources:
            source.kill()
        database.server.stop()


def test_a_cut_network_is_noticed_and_nothing_is_lost(database):
    database.run(ORDERS + f"; alter database {database.name} set wal_sender_timeout = '2s'")
    front = Front(database.server.port)
    try:
        source = database.source(database_port=front.port).open()
        source.take(3)
        front.silent = True
        database.run("insert into orders values (4, 'four')")
        with pytest.raises(Refused, match="RETRY: the server has not answered for") as refused:
            source.poll_until(lambda: False, timeout=20)
        assert "wal_sender_timeout" in refused.value.message
        front.silent = False
        offset = source.offset
        source.kill()
        database.wait_inactive()
        source = database.source(offset, database_port=front.port).open()
        assert ops(source.take(1)) == [("c", 4)]
    finally:
        front.stop()


def test_an_idle_server_is_not_given_up(database):
    database.run(ORDERS + f"; alter database {database.name} set wal_sender_timeout = '1s'")
    source = database.source().open()
    source.take(3)
    end = time.monotonic() + 4
    source.poll_until(lambda: time.monotonic() > end)
    database.run("insert into orders values (4, 'four')")
    assert ops(source.take(1)) == [("c", 4)]


@pytest.mark.parametrize("when", ["snapshot", "streaming"])
def test_a_killed_server_loses_nothing_and_nobody_has_to_help(own_server, tmp_path, when):
    database = own_server({"fsync": "on"})
    server = database.server
    database.run("create table t (n int primary key, filler text); insert into t select i, "
                 "repeat(md5(i::text), 10) from generate_series(1, 150000) i; analyze t")
    pipeline = Pipeline(database, tmp_path).start()
    try:
        count = 150000
        done = "streaming from" if when == "streaming" else "snapshot of 1 tables begins"
        servers.wait_until(lambda: pipeline.said(done), when, 60, 0.002)
        for _ in range(2):
            if when == "streaming":
                for _ in range(20):
                    count += 1
                    server.psql(f"insert into t values ({count}, 'x'); update t set filler = 'y' "
                                f"where n = {count - 100000}", database.name)
            server.kill()
            server.start()
            time.sleep(0.3)  # it comes up again, and is killed once more
        server.psql(f"insert into t values ({count + 1}, 'end')", database.name)
        servers.wait_until(lambda: server.psql("select to_regclass('copy_t') is not null",
                                               pipeline.target).strip() == "t", "the target", 60)
        servers.wait_until(lambda: server.psql(f"select 1 from copy_t where n = {count + 1}",
                                               pipeline.target), "the last row", 90)
        missing = server.psql("select count(*) from generate_series(1, %d) n where not exists "
                              "(select from copy_t t where t.n = n.n)" % (count + 1), pipeline.target)
        assert missing.strip() == "0"
        assert pipeline.process.poll() is None
    finally:
        pipeline.kill()


def test_a_fast_shutdown_ends_although_a_connector_is_connected(own_server):
    database = own_server()
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    database.run("insert into orders values (4, 'four')")
    source.take(1)
    database.connection.close()
    database.server.process.send_signal(signal.SIGINT)  # pg_ctl stop -m fast
    with pytest.raises(Refused, match="RETRY"):
        source.poll_until(lambda: False, timeout=30)
    assert database.server.process.wait(30) == 0
    offset = source.offset
    source.kill()
    database.server.start()
    database.connection = database.server.connect(database.name)
    database.run("insert into orders values (5, 'five')")
    source = database.source(offset).open()
    assert ops(source.take(1)) == [("c", 5)]


def test_another_history_of_the_server_is_refused(database):
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    source.poll_until(lambda: "snapshot" not in source.offset[1])
    partition, place = source.offset
    source.kill()
    database.wait_inactive()
    assert place["timeline"] == 1 and place["system"] > 0
    for other, message in (({"timeline": 2}, "failed over or restored"),
                           ({"system": 77}, "is not the one that was captured"),
                           ({"lsn_commit": 1 << 50}, "has lost changes")):
        with pytest.raises(Refused, match=message) as refused:
            database.source((partition, {**place, **other})).open()
        assert refused.value.code == "WEIR_FATAL"
        assert "delete the connector's offsets" in refused.value.message.lower()


def test_a_lost_slot_names_the_remedy(own_server):
    database = own_server({"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB",
                           "max_wal_size": "32MB"})
    database.run(ORDERS)
    source = database.source().open()
    source.take(3)
    source.poll_until(lambda: "snapshot" not in source.offset[1])
    offset = source.offset
    source.kill()
    database.wait_inactive()
    for _ in range(6):
        database.run("select pg_logical_emit_message(false, 'x', repeat('y', 9000000)), "
                     "pg_switch_wal(); checkpoint")
    assert database.slot("wal_status") == "lost"
    with pytest.raises(Refused, match="is lost.*max_slot_wal_keep_size.*pg_drop_replication_slot"):
        database.source(offset).open()
