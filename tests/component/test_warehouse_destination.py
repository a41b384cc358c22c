"""test_warehouse_destination.py - what destinations do to a sink, and what it says about it."""
import pytest

import sinks
from sinks import Refused, record
from test_warehouse import KEY, ORDER, UPSERT, database, delete, start, upsert  # noqa: F401


def refused_by(sink, action="apply"):
    with pytest.raises(Refused) as refused:
        getattr(sink, action)()
    return refused.value.code, refused.value.message


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_null_for_a_column_that_must_have_a_value_is_rejected(start, database, mode):
    database[1]("create table orders (id bigint primary key, name text not null, amount int)")
    sink = start(insert_mode=mode, pk_mode="record_key").open("orders")
    upsert(sink, 1, None, 1)
    upsert(sink, 2, "b", 2)
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [0]
    assert '"name"' in sink.rejects[0][1] and "not-null" in sink.rejects[0][1]
    assert database[1]("select id from orders") == [(2,)]


def test_a_column_that_is_not_in_the_records_and_must_have_a_value_is_named(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount int, "
                "tax int not null)")
    sink = start().open("orders")
    upsert(sink, 1, "a", 1)
    code, message = refused_by(sink)
    assert code == "WEIR_CONFIG"
    assert '"tax"' in message and "give it a default or drop the constraint" in message


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_table_that_was_dropped_meanwhile_is_made_again_or_named(start, database, mode):
    for create in (True, False):
        database[1]("create table orders (id bigint primary key, name text, amount int)")
        sink = start(insert_mode=mode, pk_mode="record_key", auto_create=create,
                     connector=f"{mode}-{create}").open("orders")
        upsert(sink, 1, "a", 1)
        sink.apply()
        database[1]("drop table orders")
        upsert(sink, 2, "b", 2)
        if create:
            sink.apply()
            assert database[1]("select id from orders") == [(2,)]
            database[1]("drop table orders")
        else:
            code, message = refused_by(sink)  # tried again, and looked at again
            assert code == "WEIR_CONFIG"
            assert message == 'table "orders" does not exist: create it, or set auto.create=true'


def test_a_read_only_database_is_named_with_the_remedy(start, database, postgres):
    name = database[0].rpartition("/")[2]
    sink = start(auto_create=True).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    sink.close()
    database[1](f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(Refused) as refused:
        start(auto_create=True, epoch=2).open("orders")
    assert "read-only" in refused.value.message
    assert "standby" in refused.value.message and "default_transaction_read_only" in refused.value.message


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_full_disk_passes_and_nothing_is_there_twice(start, database, mode):
    """The server's word for it, by a trigger: what it does to a transaction is the same."""
    database[1]("create table orders (id bigint primary key, name text, amount int)")
    database[1]("create function full_disk() returns trigger language plpgsql as "
                "$$begin raise disk_full using message = 'no space left on device'; end$$")
    database[1]("create trigger full_disk before insert on orders for each row when (new.id = 3) "
                "execute function full_disk()")
    sink = start(insert_mode=mode, pk_mode="record_key").open("orders")
    for id in range(5):
        upsert(sink, id, "x", id)
    code, message = refused_by(sink)
    assert code == "WEIR_RETRY"
    assert "no space left" in message and "free space on the destination" in message
    assert database[1]("select count(*) from orders") == [(0,)]
    database[1]("drop trigger full_disk on orders")
    sink.restart()
    sink.apply()
    assert database[1]("select id from orders order by id") == [(id,) for id in range(5)]
    assert sink.rejects == []


def test_a_column_that_the_field_cannot_be_cast_to_says_what_can_be_done(start, database):
    database[1]("create table orders (id bigint primary key, name text, amount bytea)")
    sink = start().open("orders")
    upsert(sink, 1, "a", 1)
    code, message = refused_by(sink)
    assert code == "WEIR_FATAL"
    assert "integer" in message and "bytea" in message and "fields.whitelist" in message


def test_keys_of_one_spelling_in_the_destination_do_not_stop_the_others(start, database):
    """Two keys that differ for us and not for the table: the second is rejected, or replaces the first."""
    database[1]("create extension if not exists citext")
    database[1]("create table people (name citext primary key, age int)")
    person = record("P", name="string", age="int")
    sink = start(insert_mode="upsert", pk_mode="record_key", pk_fields="name").open("people")
    for name, age in (("Ann", 1), ("ann", 2), ("Bob", 3)):
        sink.add("people", record("PK", name="string"), {"name": name}, person,
                 {"name": name, "age": age})
    sink.apply()
    assert database[1]("select name::text, age from people order by name") == [("Ann", 2), ("Bob", 3)]
    assert sink.rejects == []


def test_a_key_whose_type_changes_goes_on_where_the_table_takes_it(start, database):
    sink = start(**UPSERT).open("orders")
    upsert(sink, 1, "a", 1)
    sink.apply()
    narrow = record("Key", id="int")
    row = record("Order", id="int", name=["null", "string"], amount=["null", "int"])
    sink.add("orders", narrow, {"id": 1}, row, {"id": 1, "name": "b", "amount": 2})
    text = record("Key", id="string")
    row = record("Order", id="string", name=["null", "string"], amount=["null", "int"])
    sink.add("orders", text, {"id": "7"}, row, {"id": "7", "name": "c", "amount": 3})
    sink.add("orders", text, {"id": "no number"}, row,
             {"id": "no number", "name": "d", "amount": 4})
    sink.apply()
    assert database[1]("select * from orders order by id") == [(1, "b", 2), (7, "c", 3)]
    assert [offset for offset, _ in sink.rejects] == [3]
    assert "bigint" in sink.rejects[0][1]


def test_more_columns_than_a_table_can_have_are_refused_before_it_is_made(start, database):
    wide = record("W", **{f"f{i}": "int" for i in range(1601)})
    sink = start(auto_create=True).open("wide")
    sink.add("wide", None, None, wide, {f"f{i}": i for i in range(1601)})
    code, message = refused_by(sink)
    assert code == "WEIR_CONFIG" and "too many columns" in message and "fields.whitelist" in message
    assert database[1]("select to_regclass('wide')") == [(None,)]


def test_a_name_that_postgresql_would_cut_is_refused(start, database):
    long = "n" * 64
    sink = start(auto_create=True, auto_evolve=True).open(long)
    sink.add(long, None, None, record("L", id="int"), {"id": 1})
    code, message = refused_by(sink)
    assert code == "WEIR_CONFIG" and long in message and "63 bytes" in message
    other = start(auto_create=True, connector="other").open("t")
    other.add("t", None, None, record("L", **{long: "int"}), {long: 1})
    code, message = refused_by(other)
    assert code == "WEIR_CONFIG" and long in message and "63 bytes" in message


def test_names_in_mixed_case_meet_their_columns_quoted_or_not(start, database):
    mixed = record("M", Id="long", OrderDate="string")
    sink = start(auto_create=True, pk_mode="record_value", pk_fields="Id", insert_mode="upsert").open("Orders")
    for day in ("mon", "tue"):
        sink.add("Orders", None, None, mixed, {"Id": 1, "OrderDate": day})
        sink.apply()
    assert database[1]('select "Id", "OrderDate" from "Orders"') == [(1, "tue")]
    folded = start(connector="folded", auto_create=True, quote_sql_identifiers="never",
                   pk_mode="record_value", pk_fields="Id", insert_mode="upsert").open("People")
    person = record("P", Id="long", FirstName="string")
    for name in ("ann", "bob"):
        folded.add("People", None, None, person, {"Id": 1, "FirstName": name})
        folded.apply()
    assert database[1]("select id, firstname from people") == [(1, "bob")]
