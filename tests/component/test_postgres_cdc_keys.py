"""test_postgres_cdc_keys.py - which columns are a row's key, and which tables can be published with their updates."""
import hashlib

import pytest

from postgres_cdc import ORDERS, database, ops, refused  # noqa: F401
from sources import Refused


def settle(source):
    """Until the snapshot is over; returns its records."""
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1])
    return source.records


def keys(records):
    return [r["key"] for r in records]


# --- Keys -----------------------------------------------------------------------------------------


def test_a_column_that_an_index_only_includes_is_not_in_the_key(database):
    database.run("create table t (id int, name text not null, n int not null, primary key (id) include (name));"
                 "create table u (a int not null, b int not null, c text);"
                 "create unique index u_a on u (a) include (b); alter table u replica identity using index u_a;"
                 "insert into t values (1, 'one', 1); insert into u values (1, 2, 'x')")
    source = database.source().open()
    assert keys(settle(source)) == [{"id": 1}, {"a": 1}]
    database.run("update t set name = 'uno'; update u set b = 3; delete from t; delete from u")
    assert [(r["key"], r["value"] and r["value"]["op"]) for r in source.take(6)] == [
        ({"id": 1}, "u"), ({"a": 1}, "u"), ({"id": 1}, "d"), ({"id": 1}, None), ({"a": 1}, "d"), ({"a": 1}, None)]


def test_a_unique_index_is_the_key_where_there_is_no_primary_key(database):
    """As Debezium has it, but for indexes that rows without a value of their own are in, or that not all are in."""
    database.run("create table f (a int, mail text not null unique, n int); alter table f replica identity full;"
                 "create table i (a int, mail text not null); create unique index on i (mail, a);"
                 "create unique index z_i on i (mail);"
                 "create table p (a int not null, b text); create unique index on p (a) where b is null;"
                 "create unique index on p ((a + 1));"
                 "insert into f values (1, 'f@x', 0); insert into i values (1, 'i@x'); insert into p values (1, 'p')")
    source = database.source().open()
    assert keys(settle(source)) == [{"mail": "f@x"}, {"mail": "i@x"}, None]
    database.run("update f set n = 1; update f set mail = 'g@x'; delete from f; insert into i values (2, 'j@x')")
    assert [(r["key"], r["value"] and r["value"]["op"]) for r in source.take(7)] == [
        ({"mail": "f@x"}, "u"), ({"mail": "f@x"}, "d"), ({"mail": "f@x"}, None), ({"mail": "g@x"}, "c"),
        ({"mail": "g@x"}, "d"), ({"mail": "g@x"}, None), ({"mail": "j@x"}, "c")]


@pytest.mark.parametrize("lists", [{"column_exclude_list": "public.t.(id|r)"}, {"column_include_list": "public.t.v"}])
def test_the_columns_of_the_key_are_in_it_although_the_lists_leave_them_out(database, lists):
    database.run("create table t (id int, r int4range, v text, secret text, primary key (id, r));"
                 "insert into t values (1, '[1,2)', 'v', 's')")
    source = database.source(**lists).open()
    record, = settle(source)
    assert record["key"] == {"id": 1, "r": "[1,2)"} and "id" not in record["value"]["after"]
    database.run("update t set v = 'w'; update t set id = 2; delete from t")
    records = source.take(6)
    assert [(r["key"]["id"], r["value"] and r["value"]["op"]) for r in records] == [
        (1, "u"), (1, "d"), (1, None), (2, "c"), (2, "d"), (2, None)]
    assert records[3]["value"]["after"]["v"] == "w" and "r" not in records[3]["value"]["after"]


@pytest.mark.parametrize("identity", ["default", "full"])
def test_a_large_key_that_did_not_change_comes_with_the_old_row(database, identity):
    large = "".join(hashlib.sha512(str(i).encode()).hexdigest() for i in range(20))[:2500]  # an index has room for it
    database.run(f"create table t (id text, part int, n int, primary key (id, part)); alter table t replica identity {identity};"
                 "alter table t alter id set storage external;")
    source = database.source().open()
    settle(source)
    database.run(f"insert into t values ('{large}', 1, 1); update t set n = 2; update t set part = 2; delete from t")
    records = source.take(7)
    assert [(r["key"], r["value"] and r["value"]["op"]) for r in records] == [
        ({"id": large, "part": part}, op) for part, op in
        [(1, "c"), (1, "u"), (1, "d"), (1, None), (2, "c"), (2, "d"), (2, None)]]
    assert records[1]["value"]["after"] == {"id": large, "part": 1, "n": 2} and not records[1].get("unsent")
    assert records[4]["value"]["after"] == {"id": large, "part": 2, "n": 2} and not records[4].get("unsent")


def test_a_delete_that_lacks_the_chosen_key_is_refused_and_no_other_row_is_deleted(database):
    database.run("create table t (id int primary key, b int not null); insert into t values (1, 7)")
    source = database.source(message_key_columns="public.t:b").open()
    assert keys(settle(source)) == [{"b": 7}]
    assert any('"b"' in line and "REPLICA IDENTITY" in line for line in source.diags)
    database.run("update t set b = 8")
    source.take(1)
    database.run("delete from t")
    database.run("insert into t values (2, 9)")
    with pytest.raises(Refused) as caught:
        source.take(1)
    assert caught.value.code == "WEIR_FATAL" and '"b"' in caught.value.message
    assert "REPLICA IDENTITY to FULL" in caught.value.message
    assert keys(source.records[1:]) == [{"b": 8}], "no delete of a row whose key is 0"
    database.run("alter table t replica identity full")
    source = database.restart(source)
    assert [(r["key"], r["value"] and r["value"]["op"]) for r in source.take(3)] == [
        ({"id": 1}, "d"), ({"id": 1}, None), ({"id": 2}, "c")], "it goes on without the setting"


# --- Publications that break no update -------------------------------------------------------------


def test_a_deferrable_primary_key_is_no_identity_and_updates_work(database):
    database.run("create table t (id int primary key deferrable, n int); insert into t values (1, 1)")
    source = database.source().open()
    settle(source)
    database.run("update t set n = 2; delete from t; insert into t values (2, 2)")
    assert ops(source.take(1)) == [("c", 2)]
    assert any("public.t has no replica identity" in line for line in source.diags)
    error = refused(database.source(publication_autocreate_mode="all_tables", publication_name="other",
                                    slot_name=database.name + "_b"))
    assert "public.t" in error.message


def test_a_table_that_inherits_from_a_captured_one_keeps_its_updates_working(database):
    database.run("create table parent (id int primary key, n int); create table child () inherits (parent);"
                 "insert into parent values (1, 1); insert into child values (2, 1)")
    source = database.source().open()
    assert [r["topic"] for r in settle(source)] == ["shop.public.child", "shop.public.parent"]
    database.run("update parent set n = 2; delete from child")
    record, = source.take(1)
    assert (record["topic"], record["key"]) == ("shop.public.parent", {"id": 1})
    database.run("create table late () inherits (parent); insert into late values (3, 1)")
    source = database.restart(source)
    database.run("update late set n = 3; insert into late values (4, 1)")
    record, = source.take(1)
    assert (record["topic"], record["value"]["after"]["id"]) == ("shop.public.late", 4)
