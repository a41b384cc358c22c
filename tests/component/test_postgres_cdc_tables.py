"""test_postgres_cdc_tables.py - the postgres-cdc source and what others have set up: roles, publications, partitions."""
import pytest

from postgres_cdc import ORDERS, database, ops, refused  # noqa: F401


def settle(source):
    """Until the snapshot is over."""
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1])
    return source.records


# --- Settings of the role and the database ------------------------------------------------------

HOSTILE = {
    "datestyle": "'German, DMY'", "intervalstyle": "sql_standard", "bytea_output": "escape",
    "timezone": "'Asia/Kathmandu'", "extra_float_digits": "-15", "search_path": "evil, pg_catalog",
    "standard_conforming_strings": "off", "lc_monetary": "'C.UTF-8'", "lc_numeric": "'C.UTF-8'",
    "lc_time": "'C.UTF-8'", "quote_all_identifiers": "on", "default_transaction_read_only": "on",
    "client_encoding": "latin1", "statement_timeout": "1", "idle_session_timeout": "200",
    "lock_timeout": "1", "idle_in_transaction_session_timeout": "1", "xmlbinary": "hex",
}

VALUES = r"""
    create type mood as enum ('sad', 'o''k');
    create table v (id int primary key, ts timestamp, tz timestamptz, d date, ti time, tt timetz,
        iv interval, by bytea, f4 float4, f8 float8, n numeric(10, 2), mo money, u uuid, m mood,
        a_ts timestamp[], a_tz timestamptz[], a_by bytea[], a_f8 float8[], a_iv interval[], t text,
        back text default 'a\b', moody mood default 'sad', called timestamp default now());
    insert into v values (1, '2024-02-29 12:34:56.123456', '2024-02-29 12:34:56.5+02', '2024-02-29',
        '23:59:59.999999', '12:34:56+05:45', '1 year 2 mons -3 days 04:05:06.789', '\x00ff5c27', 1.1,
        0.1, -1234.5, -1234.56, '11223344-5566-7788-99aa-bbccddeeff00', 'o''k',
        '{2024-02-29 12:34:56}', '{2024-02-29 12:34:56+02}', array['\x5c00'::bytea],
        '{0.1,1.7976931348623157e308}', '{1 day -00:00:01}', U&'\00e9\20ac');
"""

EVIL = """
    create schema evil;
    create function evil.array_position(smallint[], smallint) returns int language sql as 'select 1/0';
    create function evil.current_setting(text) returns text language sql as $$ select 'x' $$;
    create function evil.pg_relation_size(oid) returns bigint language sql as 'select 1/0::bigint';
    create function evil.never(name, name) returns bool language sql as 'select false';
    create operator evil.= (leftarg = name, rightarg = name, function = evil.never);
"""


@pytest.mark.parametrize("extra", ["", "alter table v add x xml"], ids=["binary", "text"])
def test_settings_of_the_role_change_no_value(database, extra):
    database.run(VALUES + extra)
    calm = settle(database.source(table_include_list="public.v").open())[0]
    database.sources[0].kill()
    database.wait_inactive()
    database.run(f"select pg_drop_replication_slot('{database.name}')")
    database.run(EVIL + "create role hostile superuser login replication;" + "".join(
        f"alter role hostile set {name} = {value};" for name, value in HOSTILE.items()))
    try:
        source = database.source(table_include_list="public.v", database_user="hostile").open()
        snapshot = settle(source)[0]
        database.run("create table copy as table v; delete from v; insert into v select * from copy")
        stream = source.take(3)[2]
        for record in (snapshot, stream):
            assert record["value"]["after"] == calm["value"]["after"]
            assert record["value_schema"] == calm["value_schema"]
        after = stream["value"]["after"]
        assert (after["back"], after["t"], after["m"]) == ("a\\b", "\u00e9\u20ac", "o'k")
    finally:
        for source in database.sources:
            source.kill()
        database.run("drop owned by hostile; drop role hostile")


def test_an_idle_session_timeout_of_the_role_ends_nothing(database):
    database.run(ORDERS + "; create role sleepy superuser login replication;"
                 "alter role sleepy set idle_session_timeout = '100ms'")
    try:
        source = database.source(database_user="sleepy").open()
        settle(source)
        database.run("select pg_sleep(0.3)")
        database.run("create table late (id int primary key); insert into late values (1);"
                     "insert into orders values (4, 'four')")
        assert ops(source.take(1)) == [("c", 4)]
    finally:
        for source in database.sources:
            source.kill()
        database.run("drop owned by sleepy; drop role sleepy")


def test_a_policy_that_would_hide_rows_is_an_error(database):
    database.run(ORDERS + "; alter table orders enable row level security;"
                 "create role hidden login replication; grant select on orders to hidden;"
                 "create policy few on orders to hidden using (id = 1);"
                 "create publication dbz_publication for table orders;"
                 "create publication dbz_publication_inserts")
    try:
        error = refused(database.source(database_user="hidden"))
        assert error.code == "WEIR_FATAL" and "public.orders" in error.message
        assert "row-level security" in error.message and "BYPASSRLS" in error.message
    finally:
        for source in database.sources:
            source.kill()
        database.run("drop owned by hidden; drop role hidden")


# --- Publications of somebody else --------------------------------------------------------------

PARTS = """create table parts (id int, at date, name text, secret text, primary key (id, at));
    insert into parts select i, '2026-01-01', 'n' || i, 's' from generate_series(1, 6) i;"""


def test_a_row_filter_holds_for_the_snapshot_and_turns_updates_into_inserts_and_deletes(database):
    database.run(PARTS + "alter table parts replica identity full; create publication dbz_publication "
                 "for table parts where (id > 2 and name <> 'n6')")
    source = database.source(publication_autocreate_mode="disabled").open()
    assert [r["key"]["id"] for r in settle(source)] == [3, 4, 5]
    database.run("update parts set name = 'n6' where id = 3; update parts set name = 'x' where id = 6;"
                 "update parts set name = 'y' where id = 1; update parts set name = 'z' where id = 4")
    assert ops(source.take(4)) == [("d", 3), (None, 3), ("c", 6), ("u", 4)]


def test_row_filters_of_two_publications_are_alternatives_and_none_wins(database):
    database.run(PARTS + "create publication dbz_publication for table parts where (id < 2);"
                 "create publication dbz_publication_inserts for table parts where (id > 5)")
    source = database.source(publication_autocreate_mode="disabled").open()
    assert [r["key"]["id"] for r in settle(source)] == [1, 6]
    source.kill()
    database.wait_inactive()
    database.run(f"select pg_drop_replication_slot('{database.name}');"
                 "alter publication dbz_publication_inserts set table parts")
    assert len(settle(database.source(publication_autocreate_mode="disabled").open())) == 6


def test_a_row_filter_holds_for_every_range(database):
    database.run("create table t (id int primary key, keep bool); insert into t select i, i % 3 = 0 "
                 "from generate_series(1, 6000) i; analyze t; alter table t replica identity full;"
                 "create publication dbz_publication for table t where (keep or id < 5)")
    source = database.source(publication_autocreate_mode="disabled", snapshot_chunk_size=1000).open()
    assert len(settle(source)) == 2000 + 3  # 1, 2 and 4 are not kept


def test_a_list_of_columns_is_the_same_in_snapshot_and_stream(database):
    database.run(PARTS + "create publication dbz_publication for table parts (at, id, name)")
    source = database.source(publication_autocreate_mode="disabled").open()
    snapshot = settle(source)
    database.run("insert into parts values (7, '2026-01-01', 'n7', 's')")
    stream, = source.take(1)
    assert list(stream["value"]["after"]) == ["id", "at", "name"]
    assert snapshot[0]["value_schema"] == stream["value_schema"]
    assert snapshot[0]["key_schema"] == stream["key_schema"]


def test_a_table_in_no_publication_is_named(database):
    database.run(ORDERS + "; create table other (id int primary key);"
                 "create publication dbz_publication for table orders with (publish = 'insert, update')")
    source = database.source(publication_autocreate_mode="disabled").open()
    assert any("public.other" in line and "no publication" in line for line in source.diags)
    assert not any("public.orders" in line for line in source.diags)
    assert any("pubdelete" in line for line in source.diags)
    assert not any("pubupdate" in line for line in source.diags)


# --- Partitioned tables ---------------------------------------------------------------------------

TREE = """create table tree (id int, name text, primary key (id)) partition by range (id);
    create table low partition of tree for values from (0) to (100);
    create table high partition of tree for values from (100) to (1000) partition by range (id);
    create table high_1 partition of high for values from (100) to (500);
    create table high_2 partition of high for values from (500) to (1000);
    insert into tree select i * 100, 'n' from generate_series(0, 6) i;"""
MORE = "insert into tree values (7, 'new'), (107, 'new'), (507, 'new'); update tree set id = 508 where id = 107"


def places(records):
    return [(r["topic"].rpartition(".")[2], r["value"] and r["value"]["op"], r["key"]["id"])
            for r in records]


def test_partitions_come_under_their_own_names(database):
    database.run(TREE)
    source = database.source().open()
    assert {place[0] for place in places(settle(source))} == {"low", "high_1", "high_2"}
    assert len(source.records) == 7
    database.run(MORE)
    assert places(source.take(6)) == [
        ("low", "c", 7), ("high_1", "c", 107), ("high_2", "c", 507), ("high_1", "d", 107),
        ("high_1", None, 107), ("high_2", "c", 508)]


def test_a_partition_that_is_made_later_is_captured_from_its_beginning(database):
    database.run(TREE)
    source = database.source().open()
    settle(source)
    database.run("create table late partition of tree for values from (1000) to (2000);"
                 "insert into tree values (1000, 'first'); update tree set name = 'x' where id = 1000")
    assert places(source.take(2)) == [("late", "c", 1000), ("late", "u", 1000)]
    source = database.restart(source)
    database.run("insert into tree values (1001, 'second')")
    assert places(source.take(1)) == [("late", "c", 1001)]
    assert not any("new in the publication" in line for line in source.diags)


def test_partitions_come_under_the_name_of_their_table_and_once(database):
    database.run(TREE)
    source = database.source(publish_via_partition_root="true").open()
    assert sorted(places(settle(source))) == sorted(("tree", "r", i * 100) for i in range(7))
    database.run(MORE)
    records = source.take(6)
    assert places(records) == [("tree", "c", 7), ("tree", "c", 107), ("tree", "c", 507),
                               ("tree", "d", 107), ("tree", None, 107), ("tree", "c", 508)]
    assert source.records[0]["value_schema"] == records[0]["value_schema"]


@pytest.mark.parametrize("root, names, topics", [
    ("true", "public.tree", {"tree"}),
    ("true", "public.high_1", {"high_1"}),
    ("true", "public.high,public.high_2,public.low", {"high", "low"}),
    ("false", "public.tree,public.high_2", {"high_2"}),
    ("false", "public.tree", set()),
])
def test_lists_may_name_a_partitioned_table_or_a_partition(database, root, names, topics):
    database.run(TREE)
    source = database.source(publish_via_partition_root=root, table_include_list=names).open()
    settle(source)
    assert {place[0] for place in places(source.records)} == topics
    database.run(MORE + "; create table done (id int primary key)")
    expected = {"high_1": 3, "tree": 6, "high": 3, "low": 1, "high_2": 2}
    count = sum(expected[topic] for topic in topics) + (2 if topics == {"high", "low"} else 0)
    if count:
        assert {place[0] for place in places(source.take(count))} == topics
    warned = any("public.tree is partitioned" in line for line in source.diags)
    assert warned == (not topics)


def test_a_publication_decides_under_which_name_partitions_come(database):
    database.run(TREE + "create publication dbz_publication for table tree "
                 "with (publish_via_partition_root = true)")
    source = database.source(publication_autocreate_mode="disabled").open()
    assert {place[0] for place in places(settle(source))} == {"tree"}
    assert any("publish_via_partition_root = true" in line for line in source.diags)
    database.run("insert into tree values (8, 'x')")
    assert places(source.take(1)) == [("tree", "c", 8)]


def test_a_partition_without_identity_keeps_the_updates_of_its_table_working(database):
    database.run("create table tree (id int) partition by range (id);"
                 "create table low partition of tree for values from (0) to (100);"
                 "create table high partition of tree for values from (100) to (200);"
                 "alter table tree replica identity full; alter table low replica identity full;"
                 "insert into tree values (1), (101)")
    source = database.source(publish_via_partition_root="true").open()
    settle(source)
    assert any("public.tree has no replica identity" in line for line in source.diags)
    database.run("update tree set id = id + 1; insert into tree values (5)")
    record, = source.take(1)
    assert record["value"]["after"] == {"id": 5}
