"""test_postgres_cdc_pitfalls.py - where captures of PostgreSQL go wrong, and settings of Debezium's, one by one."""
import threading
import time

import pytest

import servers
from postgres_cdc import ORDERS, database, ops, refused  # noqa: F401
from test_rest import Server


def settle(source):
    """Until the snapshot is over; returns its records."""
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1])
    return source.records


# --- Positions and confirmation -------------------------------------------------------------------


def test_an_open_transaction_does_not_hold_the_slot_back(database):
    database.run(ORDERS)
    source = database.source().open()
    settle(source)
    other = database.server.connect(database.name)
    other.autocommit = False
    with other.cursor() as cursor:
        cursor.execute("insert into orders values (10, 'open')")
        database.run("insert into orders values (11, 'done')")
        assert ops(source.take(1)) == [("c", 11)]
        target = database.run("select pg_current_wal_lsn()")[0][0]
        source.poll_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"), timeout=10)
        source = database.restart(source)
        other.commit()
    other.close()
    assert ops(source.take(1)) == [("c", 10)], "it comes whole, although it began before the position"


@pytest.mark.measured
def test_what_is_durable_is_confirmed_within_a_second_also_when_nothing_captured_changes(database):
    database.run(ORDERS + "; create table other (id int)")
    source = database.source(table_include_list="public.orders").open()
    settle(source)
    for change in ("insert into orders values (4, 'four')", "insert into other values (1)"):
        database.run(change)
        target = database.run("select pg_current_wal_lsn()")[0][0]
        start = time.monotonic()
        source.poll_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"), timeout=10)
        assert time.monotonic() - start < 2, change


@pytest.mark.parametrize("phase", ["snapshot", "streaming"])
def test_a_connector_that_is_not_polled_is_not_given_up_by_the_server(database, phase):
    database.run(ORDERS + f"; alter database {database.name} set wal_sender_timeout = '1s'")
    source = database.source().open()  # status.update.interval.ms is more than the server waits
    if phase == "streaming":
        settle(source)
    else:
        source.poll_until(lambda: source.offsets)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        source.command("idle")
        time.sleep(0.05)  # the worker's own pace; nothing is waited for
    settle(source)
    database.run("insert into orders values (4, 'four')")
    source.poll_until(lambda: ops(source.records)[-1:] == [("c", 4)])
    assert ops(source.records) == [("r", 1), ("r", 2), ("r", 3), ("c", 4)]


def test_a_paused_connector_lets_go_of_the_slot_and_goes_on_where_it_was(database, weir, folder):
    database.run(ORDERS)
    server = Server(weir, folder)
    server.ask("PUT", "/connectors/shop/config", {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        **{name: str(value) for name, value in database.settings().items()}})
    servers.wait_until(lambda: database.slot("active"), "the stream", 30)
    server.ask("PUT", "/connectors/shop/pause")
    server.wait_state("shop", "PAUSED")
    servers.wait_until(lambda: database.slot("not active"), "the slot to be free", 30)
    before = database.slot()
    database.run("insert into orders values (4, 'four')")
    server.ask("PUT", "/connectors/shop/resume")
    servers.wait_until(lambda: database.slot("active") and database.slot() > before, "the rest", 30)
    target = database.run("select pg_current_wal_lsn()")[0][0]
    servers.wait_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"), "confirmation", 30)


# --- Relations ------------------------------------------------------------------------------------


def test_a_table_that_is_made_again_under_its_name_is_another(database):
    database.run(ORDERS)
    source = database.source().open()
    settle(source)
    database.run("drop table orders; create table orders (key text primary key, n int);"
                 "insert into orders values ('not published yet', 1)")
    source = database.restart(source)  # publishes it
    assert any("public.orders is new in the publication" in line for line in source.diags)
    database.run("insert into orders values ('a', 1)")
    record, = source.take(1)
    assert (record["key"], record["value"]["after"]) == ({"key": "a"}, {"key": "a", "n": 1})


def test_changed_modifiers_keys_and_identities_hold_from_their_first_change(database):
    database.run("create table t (id int primary key, n numeric(6, 2), v varchar(3), x text not null);"
                 "insert into t values (1, 1.5, 'a', 'x')")
    source = database.source().open()
    settle(source)
    field = {f["name"]: f for f in source.records[0]["value_schema"]["fields"][0]["type"][1]["fields"]}
    assert field["n"]["type"][1]["scale"] == 2
    database.run("alter table t alter n type numeric(8, 3), alter v type varchar(50);"
                 "update t set v = 'longer'")
    record, = source.take(1)
    field = {f["name"]: f for f in record["value_schema"]["fields"][0]["type"][1]["fields"]}
    assert field["n"]["type"][1]["scale"] == 3
    database.run("alter table t drop constraint t_pkey; alter table t add primary key (x, id);"
                 "update t set v = 'again'")
    assert source.take(1)[0]["key"] == {"x": "x", "id": 1}
    database.run("alter table t replica identity full; update t set v = 'full'")
    assert source.take(1)[0]["value"]["before"]["v"] == "again"
    database.run("alter table t replica identity default; update t set v = 'default'")
    assert source.take(1)[0]["value"]["before"] is None


def test_a_change_of_a_table_waits_until_the_catalog_shows_it(database):
    """A commit is streamed once it is on the disk, a little before others see it: until a standby has it, here."""
    database.run(ORDERS + "; set synchronous_commit = local")
    source = database.source().open()
    settle(source)
    other = database.server.connect(database.name)
    waiting = "from pg_stat_activity where wait_event = 'SyncRep'"
    has_waited = threading.Event()

    def probe_and_change():  # the setting takes effect some time behind the reload: with a commit that waits
        with other.cursor() as cursor:
            while not has_waited.is_set():
                cursor.execute("create table probe(); drop table probe")
            cursor.execute("alter table orders add extra text not null default 'x'; "
                           "insert into orders values (4, 'four', null, 'y')")

    change = threading.Thread(target=probe_and_change)
    database.run("alter system set synchronous_standby_names = 'nobody'")
    try:
        database.run("select pg_reload_conf()")
        change.start()
        servers.wait_until(lambda: database.run(f"select 1 {waiting}"), "a commit to wait")
        has_waited.set()
        database.run(f"select pg_cancel_backend(pid) {waiting}")
        servers.wait_until(lambda: database.run(f"select 1 {waiting} and query ~ 'extra'"), "the change to wait")
        for _ in range(3):
            source.poll()
        assert len(source.records) == 3
    finally:
        database.run("alter system reset synchronous_standby_names")
        database.run("select pg_reload_conf()")
        has_waited.set()
        change.join()
        other.close()
    record, = source.take(1)
    field, = [f for f in record["value_schema"]["fields"][0]["type"][1]["fields"] if f["name"] == "extra"]
    assert field["type"] == {"type": "string", "connect.default": "x"} and record["value"]["after"]["extra"] == "y"


def test_null_from_before_a_column_became_not_null_stays_null(database):
    database.run("create table t (id int primary key, x int, y text)")
    source = database.source().open()
    settle(source)
    database.run("insert into t values (1)")
    database.run("update t set x = 5, y = 'y'")
    database.run("alter table t alter x set not null, alter y set not null")
    database.run("insert into t values (2, 7, 'z')")
    assert [r["value"]["after"] for r in source.take(3)] == [
        {"id": 1, "x": None, "y": None}, {"id": 1, "x": 5, "y": "y"}, {"id": 2, "x": 7, "y": "z"}]
    types = [[f["type"] for f in r["value_schema"]["fields"][0]["type"][1]["fields"]] for r in source.records]
    # the second is told anew when the server knows of the ALTER by then
    assert types[0] == ["int", ["null", "int"], ["null", "string"]] and types[2] == ["int", "int", "string"]


def test_a_type_that_is_read_as_text_may_be_gone(database):
    database.run(ORDERS + "; alter table orders add r int4range")
    source = database.source().open()
    settle(source)
    source.kill()
    database.wait_inactive()
    database.run("insert into orders values (4, 'four', null, '[1,3)')")
    database.run("alter table orders drop column r; insert into orders values (5, 'five')")
    source = database.source(source.offset).open()
    assert [r["value"]["after"] for r in source.take(2)] == [
        {"id": 4, "name": "four", "note": None, "r": "[1,3)"}, {"id": 5, "name": "five", "note": None}]


def test_a_type_that_is_read_as_text_may_come_in_the_middle_of_a_transaction(database):
    database.run(ORDERS)
    source = database.source().open()
    settle(source)
    database.run("insert into orders values (4, 'four'); alter table orders add x xml;"
                 "insert into orders values (5, 'five', null, '<a/>'); update orders set x = '<b/>' where id = 4")
    assert [(r["value"]["op"], r["key"]["id"], r["value"]["after"].get("x")) for r in source.take(3)] == [
        ("c", 4, None), ("c", 5, "<a/>"), ("u", 4, "<b/>")]


def test_replica_identity_nothing_gives_inserts_only_and_updates_work(database):
    database.run(ORDERS + "; alter table orders replica identity nothing")
    source = database.source().open()
    settle(source)
    database.run("update orders set note = 'x'; delete from orders where id = 1;"
                 "insert into orders values (4, 'four')")
    assert ops(source.take(1)) == [("c", 4)]
    assert any("public.orders has no replica identity" in line for line in source.diags)


# --- Values ---------------------------------------------------------------------------------------

EXTREMES = r"""
    create table extremes (id int primary key, d date, ts timestamp, tz timestamptz, n numeric, f8 float8,
        j json, jb jsonb, a int[], e text[], iv interval, t text);
    insert into extremes (id, ts, tz) values (1, '294247-01-10 04:00:54.775807', '294276-12-31 23:59:59.999999+00');
    insert into extremes (id, n) values (2, ('9' || repeat('0', 131071))::numeric);
    insert into extremes (id, n) values (3, ('0.' || repeat('0', 16382) || '1')::numeric);
    insert into extremes (id, j, t) values (4, '{"a": "\u0000", "a":  1}', '');
    insert into extremes (id, a, e) values (5, '[-2:0]={7,8,9}', '{"","NULL",NULL,"a,b","{","\\","\""}');
    insert into extremes (id, d) values (6, '5874897-12-31'), (7, '4713-01-01 BC');
    insert into extremes (id, f8) values (8, 'Infinity'), (9, 4.9e-324), (10, '-0');
    insert into extremes (id, iv) values (11, '178000000 years'), (12, '-178000000 years -1 day');
"""


def test_extreme_values_are_the_same_in_binary_in_text_and_in_the_snapshot(database):
    database.run(EXTREMES)
    source = database.source(table_include_list="public.extremes", interval_handling_mode="string").open()
    snapshot = [r["value"]["after"] for r in settle(source)]
    again = "truncate extremes; insert into extremes select * from copy order by id"
    database.run("create table copy as table extremes;" + again)
    assert [r["value"]["after"] for r in source.take(12)] == snapshot
    database.run("alter table extremes add x xml; alter table copy add x xml;")
    source = database.restart(source, table_include_list="public.extremes", interval_handling_mode="string")
    database.run(again)
    for record, row in zip(source.take(12), snapshot):
        record["value"]["after"].pop("x")
        assert record["value"]["after"] == row
    assert snapshot[0]["ts"] == 2 ** 63 - 1 and snapshot[0]["tz"] == "+294276-12-31T23:59:59.999999Z"
    assert snapshot[2]["n"]["scale"] == 16383
    assert snapshot[3]["j"] == '{"a": "\\u0000", "a":  1}'
    assert snapshot[4]["a"] == [7, 8, 9]
    assert snapshot[4]["e"] == ["", "NULL", None, "a,b", "{", "\\", '"']


def test_a_timestamp_past_what_microseconds_can_say_names_the_remedy(database):
    database.run("create table far (id int primary key, ts timestamp); insert into far values (1, '294276-12-31 23:59:59')")
    error = refused(database.source())
    assert error.code == "WEIR_FATAL" and '"ts" of public.far' in error.message
    assert "time.precision.mode to connect" in error.message
    record, = settle(database.source(time_precision_mode="connect").open())
    assert record["value"]["after"]["ts"] == 9224318015999000


def test_xml_is_the_same_in_snapshot_and_stream(database):
    database.run("""create table x (id int primary key, d xml);
                    insert into x values (1, '<?xml version="1.0" encoding="UTF-8"?><a/>')""")
    source = database.source().open()
    row, = settle(source)
    database.run("update x set d = d")
    assert source.take(1)[0]["value"]["after"]["d"] == row["value"]["after"]["d"] == "<a/>"


# --- Large values that were not sent --------------------------------------------------------------

BIG = """create table big (id int primary key, t text, x tsvector, n int not null default 0, must text not null);
         alter table big alter t set storage external, alter x set storage external, alter must set storage external;
         insert into big select i, repeat('x', 9000) || i,
             (select to_tsvector(string_agg('w' || w, ' ')) from generate_series(1, 1500) w), 0, repeat('m', 9000) || i
             from generate_series(1, 4) i"""


def test_a_row_whose_key_changes_is_complete_although_large_values_were_not_sent(database):
    database.run(BIG)
    source = database.source().open()
    rows = {r["key"]["id"]: r["value"]["after"] for r in settle(source)}
    database.run("update big set id = 10 where id = 1; "
                 "begin; update big set id = -2 where id = 2; update big set id = 2 where id = 3; "
                 "update big set n = 5 where id = -2; update big set id = 3 where id = -2; commit; "
                 "update big set id = 11 where id = 4; delete from big where id = 11")
    source.poll_until(lambda: (ops(source.records)[-1:] == [(None, 11)]) and source.open_count == 0)
    assert all("unsent" not in r or "after.t" not in r["unsent"] for r in source.records
               if not r["tombstone"] and r["value"]["op"] == "c")
    table = {}
    for record in source.records:  # as a sink applies them
        key = record["key"]["id"]
        if record["tombstone"] or record["value"]["op"] == "d":
            table.pop(key, None)
            continue
        after = record["value"]["after"]
        lacks = [name.removeprefix("after.") for name in record.get("unsent", [])]
        assert not lacks or key in table, "a partial change of a row that is not there"
        table[key] = {**after, **{name: table[key][name] for name in lacks}}
    assert table == {10: {**rows[1], "id": 10}, 2: {**rows[3], "id": 2}, 3: {**rows[2], "id": 3, "n": 5}}


def test_changes_that_a_later_snapshot_has_seen_come_again_whole(database):
    database.run(BIG)
    source = database.source().open()
    source.poll_until(lambda: source.offsets)  # the slot is made, no table is read
    database.run("update big set n = 1; delete from big where id = 1; update big set t = 'short' where id = 2")
    source = database.restart(source)
    source.poll_until(lambda: ops(source.records)[-1:] == [("u", 2)] and source.open_count == 0)
    assert ("d", 1) in ops(source.records)
    assert not any(r.get("unsent") for r in source.records)
    texts = [(r["key"]["id"], r["value"]["after"]["t"]) for r in source.records
             if not r["tombstone"] and r["value"]["op"] == "u"]
    assert [(key, text and text[:5]) for key, text in texts] == [
        (1, "__deb"), (2, "short"), (3, "xxxxx"), (4, "xxxxx"), (2, "short")], "of a row that is gone nothing is left"


# --- Settings -------------------------------------------------------------------------------------


def test_another_plugin_is_replaced_with_a_warning(database):
    database.run(ORDERS)
    source = database.source(plugin_name="wal2json").open()
    assert len(settle(source)) == 3
    assert any('plugin.name "wal2json" is replaced by pgoutput' in line for line in source.diags)


def test_chosen_key_columns_replace_the_primary_key_and_serve_tables_without_one(database):
    database.run("create table a (id int primary key, b int not null, c text);"
                 "create table n (x int, y text); alter table n replica identity full; insert into a values (1, 2, 'c');"
                 "alter table a replica identity full")
    source = database.source(message_key_columns="public.a:c,b;(.*).n:y").open()
    assert settle(source)[0]["key"] == {"c": "c", "b": 2}
    database.run("update a set id = 7; update a set b = 3; insert into n values (1, 'k'); delete from n")
    records = source.take(7)
    assert [(r["key"], r["value"] and r["value"]["op"]) for r in records] == [
        ({"c": "c", "b": 2}, "u"), ({"c": "c", "b": 2}, "d"), ({"c": "c", "b": 2}, None),
        ({"c": "c", "b": 3}, "c"), ({"y": "k"}, "c"), ({"y": "k"}, "d"), ({"y": "k"}, None)]


def test_a_key_column_that_does_not_exist_is_named(database):
    database.run(ORDERS)
    error = refused(database.source(message_key_columns="public.orders:nme"))
    assert error.code == "WEIR_CONFIG" and '"nme"' in error.message


@pytest.mark.parametrize("skipped, kept", [("c", "ud"), ("u", "cd"), ("d", "cu"), ("c, u ,d", "")])
def test_skipped_operations_give_no_event(database, skipped, kept):
    database.run(ORDERS)
    source = database.source(skipped_operations=skipped, tombstones_on_delete="false").open()
    settle(source)
    database.run("insert into orders values (4, 'four'); update orders set note = 'x' where id = 4;"
                 "delete from orders where id = 4; update orders set id = 9 where id = 3")
    source.take(len(kept) + 2)
    # a key's change keeps its two events, or the old row would stay for ever
    assert [r["value"]["op"] for r in source.records[3:]] == list(kept) + ["d", "c"]


def test_columns_and_schemas_are_chosen_by_their_lists(database):
    database.run(ORDERS + "; create schema inner_x; create table inner_x.t (id int primary key, b int, secret int);"
                 "insert into inner_x.t values (1, 2, 3)")
    source = database.source(schema_include_list="inner_.*", column_include_list=".*[.](id|b)").open()
    record, = settle(source)
    assert record["topic"] == "shop.inner_x.t" and record["value"]["after"] == {"id": 1, "b": 2}
    database.run("update inner_x.t set secret = 4")
    assert source.take(1)[0]["value"]["after"] == {"id": 1, "b": 2}


def test_names_of_topics_and_placeholders_can_be_chosen(database):
    database.run("create table big (id int primary key, t text, n int); alter table big alter t set storage external;"
                 "insert into big values (1, repeat('x', 9000), 0)")
    source = database.source(topic_delimiter="_", unavailable_value_placeholder="gone",
                             heartbeat_interval_ms=50, topic_heartbeat_prefix="beat").open()
    settle(source)
    assert source.records[0]["topic"] == "shop_public_big"
    database.run("update big set n = 1")
    source.poll_until(lambda: any(r["topic"] == "beat_shop" for r in source.records))
    source.poll_until(lambda: any(r["topic"] == "shop_public_big" and r["value"]["op"] == "u" for r in source.records))
    update = next(r for r in source.records if r["topic"] == "shop_public_big" and r["value"]["op"] == "u")
    assert update["value"]["after"]["t"] == "gone" and update["unsent"] == ["after.t"]


def test_a_statement_can_be_run_with_each_heartbeat(database):
    database.run(ORDERS + "; create table beats (id serial primary key)")
    source = database.source(heartbeat_interval_ms=50, heartbeat_action_query="insert into beats default values").open()
    source.poll_until(lambda: any(r["topic"] == "shop.public.beats" for r in source.records))
    database.run("drop table beats")
    source.poll_until(lambda: any("heartbeat.action.query failed" in line for line in source.diags))


def test_names_can_be_adjusted_to_avro(database):
    database.run('create table "Odd Name" ("Key Id" int primary key, "1st" int); insert into "Odd Name" values (1, 2)')
    source = database.source(topic_prefix="my-shop", schema_name_adjustment_mode="avro",
                             field_name_adjustment_mode="avro").open()
    record, = settle(source)
    assert (record["key"], record["value"]["after"]) == ({"Key_Id": 1}, {"Key_Id": 1, "_1st": 2})
    assert record["value_schema"]["connect.name"] == "my_shop.public.Odd_Name.Envelope"
    assert record["topic"] == "my-shop.public.Odd_Name"


def test_no_data_starts_behind_what_is_there(database):
    database.run(ORDERS)
    source = database.source(snapshot_mode="no_data").open()
    settle(source)
    database.run("insert into orders values (4, 'four')")
    assert ops(source.take(1)) == [("c", 4)] and len(source.records) == 1
    assert source.records[0]["value"]["source"]["snapshot"] == "false"
