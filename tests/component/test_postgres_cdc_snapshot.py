"""test_postgres_cdc_snapshot.py - tables that are altered while a snapshot is read, and the order that it goes on in."""
import threading
import time

import pytest

from postgres_cdc import ORDERS, database, ops  # noqa: F401
from sources import Refused


def settle(source):
    """Until the snapshot is over; returns its records."""
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1])
    return source.records


def begun(database, **more):
    """A snapshot whose state is taken, of which nothing is read."""
    source = database.source(**more).open()
    source.poll_until(lambda: source.offsets)
    assert source.records == []
    return source


CHANGES = {
    "written anew": "alter table orders alter id type bigint",
    "another table": "alter table orders rename to old; create table orders (id int primary key, name text not null, "
                     "note text); insert into orders values (9, 'another', null)",
    "a column less": "alter table orders drop column note",
    "dropped": "drop table orders",
}


@pytest.mark.parametrize("change", ["written anew", "another table", "a column less", "dropped"])
def test_a_table_that_is_altered_before_it_is_read_is_read_in_another_state(database, change):
    """A state does not see the rows of a table that was written anew behind it: it looks empty."""
    database.run(ORDERS + "; create table first (id int primary key); insert into first values (1)")
    source = begun(database)
    database.run(CHANGES[change])
    with pytest.raises(Refused) as caught:
        settle(source)
    assert caught.value.code == "WEIR_RETRY" and "public.orders" in caught.value.message
    assert not any(r["topic"] == "shop.public.orders" for r in source.records)
    source = database.restart(source)
    rows = {"written anew": [1, 2, 3], "another table": [9], "a column less": [1, 2, 3], "dropped": []}[change]
    assert sorted(r["key"]["id"] for r in settle(source) if r["topic"] == "shop.public.orders") == rows


def test_a_partition_that_is_written_anew_is_noticed(database):
    database.run("create table parts (id int, n int, primary key (id)) partition by range (id);"
                 "create table parts_1 partition of parts for values from (0) to (10);"
                 "create table parts_2 partition of parts for values from (10) to (20);"
                 "insert into parts values (1, 1), (11, 1)")
    source = begun(database, publish_via_partition_root="true")
    database.run("cluster parts_1 using parts_1_pkey; truncate parts_2; insert into parts values (12, 1)")
    with pytest.raises(Refused) as caught:
        settle(source)
    assert caught.value.code == "WEIR_RETRY" and "public.parts" in caught.value.message
    source = database.restart(source, publish_via_partition_root="true")
    assert sorted(r["key"]["id"] for r in settle(source) if r["value"]["op"] == "r") == [1, 12]


def test_a_poll_does_not_wait_for_a_table_that_somebody_has_locked(database):
    database.run(ORDERS)
    source = begun(database)
    other = database.server.connect(database.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("lock table orders in access exclusive mode")
    release = threading.Timer(5, other.rollback)  # or the test would hang where it fails
    release.start()
    start = time.monotonic()
    for _ in range(3):
        source.poll(100)
    assert time.monotonic() - start < 3
    release.cancel()
    release.join()
    other.rollback()
    other.close()
    assert ops(settle(source)) == [("r", 1), ("r", 2), ("r", 3)]


def test_what_is_complete_is_known_by_the_order_in_which_tables_are_read(database):
    """By bytes, "a-b.t" comes before "a.t", but the schema a comes before the schema a-b."""
    database.run('create schema a; create schema "a-b"; create table a.t (id int primary key);'
                 'create table "a-b".t (id int primary key); insert into a.t values (1); insert into "a-b".t values (2)')
    source = database.source().open()
    settle(source)
    one, = [o for o in source.offsets if o["offset"].get("table") and not o["offset"].get("reading")][:1]
    done = ops(source.records[:1])
    source.kill()
    database.wait_inactive()
    source = database.source((one["partition"], one["offset"])).open()
    assert sorted(ops(settle(source)) + done) == [("r", 1), ("r", 2)]


def test_a_table_that_a_snapshot_has_passed_is_warned_of(database):
    database.run("create table m (id int primary key); create table z (id int primary key);"
                 "insert into m values (1); insert into z values (2)")
    source = database.source().open()
    settle(source)
    place, = [(o["partition"], o["offset"]) for o in source.offsets if o["offset"].get("table") == "public.m"][:1]
    source.kill()
    database.wait_inactive()
    database.run("create table a (id int primary key); insert into a values (3);"
                 "create table zz (id int primary key); insert into zz values (4)")
    source = database.source(place).open()
    assert ops(settle(source)) == [("r", 2), ("r", 4)]
    assert any("public.a is new in the publication" in line for line in source.diags)
    assert not any("public.zz is new in the publication" in line for line in source.diags)


def test_ranges_of_a_table_that_was_made_again_are_not_taken_as_read(database):
    rows = "insert into t select i, 'x' from generate_series(1, 1000) i; analyze t"
    database.run("create table t (id int primary key, v text);" + rows)
    source = database.source(snapshot_chunk_size="100").open()
    settle(source)
    place, = [(o["partition"], o["offset"]) for o in source.offsets if o["offset"].get("left")][:1]
    source.kill()
    database.wait_inactive()
    database.run("drop table t; create table t (id int primary key, v text);" + rows)
    source = database.source(place, snapshot_chunk_size="100").open()
    assert sorted(r["key"]["id"] for r in settle(source) if r["value"]["op"] == "r") == list(range(1, 1001))
