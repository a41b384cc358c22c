"""test_postgres_cdc_large.py - the postgres-cdc source with very large values, tables and transactions."""
import os

import pytest

from postgres_cdc import database, refused  # noqa: F401
from sources import Refused

MIB = 1 << 20


def memory(source, what):
    """A figure of /proc/PID/status in MiB."""
    with open(f"/proc/{source.process.pid}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith(what + ":"))


def forget_peak(source):
    """VmHWM counts from here."""
    with open(f"/proc/{source.process.pid}/clear_refs", "w") as file:
        file.write("5")


def settle(source):
    source.poll_until(lambda: source.offsets and "snapshot" not in source.offset[1])


LARGE = """create table a_large (id int primary key, t text, b bytea, note text);
    alter table a_large alter t set storage external, alter b set storage external;
    create table b_small (id int primary key); insert into b_small select generate_series(1, 3);
    insert into a_large values (1, repeat('x', {size}), null, 'snapshot')"""


@pytest.mark.measured
def test_the_memory_of_a_very_large_value_comes_back(database, build):
    size = int(os.environ.get("WEIR_LARGE_MIB", "64")) * MIB
    database.run(LARGE.format(size=size))
    source = database.source(binary_handling_mode="base64").open()
    source.command("quiet 1")
    before = memory(source, "VmRSS")
    settle(source)
    after_snapshot = memory(source, "VmRSS")
    database.run(f"insert into a_large values (2, repeat('x', {size}), null, 'stream');"
                 f"insert into a_large values (3, null, decode(repeat('00', {size // 2}), 'hex'), 'stream')")
    target = database.run("select pg_current_wal_lsn()")[0][0]
    source.poll_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"))
    source.command("quiet 0")
    database.run("insert into b_small values (4)")
    assert [r["key"]["id"] for r in source.take(1)] == [4], "it goes on behind the new connection"
    after_stream, peak = memory(source, "VmRSS"), memory(source, "VmHWM")
    print(f"{size // MIB} MiB: before {before}, after snapshot {after_snapshot}, after stream "
          f"{after_stream}, peak {peak} MiB")
    assert after_snapshot - before < 24 and after_stream - before < 24
    assert peak - before < 6 * size // MIB


def test_very_large_values_are_whole(database):
    database.run(LARGE.format(size=20 * MIB))
    source = database.source(snapshot_max_threads="2").open()
    settle(source)
    database.run(f"insert into a_large values (2, repeat('y', {20 * MIB}), decode(repeat('00', 100), 'hex'), '');"
                 "insert into b_small values (4)")
    records = source.take(2)
    assert [len(r["value"]["after"]["t"]) for r in source.records if "t" in r["value"]["after"]] == \
        [20 * MIB, 20 * MIB]
    assert records[0]["value"]["after"]["t"] == "y" * (20 * MIB)
    assert [r["key"]["id"] for r in source.records] == [1, 1, 2, 3, 2, 4]
    assert not any(r["headers"]["weir.position"] == "0" for r in records)
    # behind each large transaction the connection is another, and nothing is lost or comes twice
    for i in range(5, 10):
        database.run(f"insert into a_large values ({i}, repeat('z', {9 * MIB})); insert into b_small values ({i})")
    assert [r["key"]["id"] for r in source.take(10)] == [i // 2 for i in range(10, 20)]


# It compresses well: little on the disk, and more than 1 GB in a message: in a stream as text, because of
# the column that has no binary form, in a snapshot together.
HUGE = """create table huge (id int primary key, a bytea, b bytea, x xml, note text);
    create table one (b bytea compression lz4); insert into one values (repeat('x', 540000000)::bytea)"""


def test_a_row_that_the_server_cannot_send_names_table_column_and_remedy(database):
    database.run(HUGE)
    source = database.source(table_include_list="public.huge").open()
    settle(source)
    database.run("insert into huge select 1, b, b, null, 'n' from one")
    with pytest.raises(Refused) as caught:
        source.poll_until(lambda: False)
    error = caught.value
    for part in ("larger than 1 GB", "public.huge", "column list", "dbz_publication", "drop the slot"):
        assert part in error.message, part
    assert error.code == "WEIR_FATAL"
    source.kill()
    database.wait_inactive()
    database.run(f"select pg_drop_replication_slot('{database.name}')")
    error = refused(database.source(table_include_list="public.huge"))
    assert error.code == "WEIR_FATAL" and "public.huge" in error.message
    assert '"a"' in error.message or '"b"' in error.message
    assert "column.exclude.list" in error.message and "larger than the server can send" in error.message
    # and the remedy works
    database.sources[-1].kill()
    database.wait_inactive()
    database.run(f"select pg_drop_replication_slot('{database.name}');"
                 "alter publication dbz_publication set table huge (id, note)")
    source = database.source(table_include_list="public.huge",
                             column_exclude_list="public.huge.(a|b|x)").open()
    settle(source)
    database.run("update huge set note = 'm'")
    assert [r["value"]["after"] for r in source.take(1)] == [{"id": 1, "note": "m"}]


@pytest.mark.measured
def test_a_large_transaction_takes_little_memory(database):
    database.run("create table many (id int primary key, filler text)")
    source = database.source(snapshot_mode="no_data").open()
    settle(source)
    source.command("quiet 1")
    database.run("insert into many values (0, 'x')")
    source.poll_until(lambda: database.slot("confirmed_flush_lsn >= pg_current_wal_lsn()"))
    forget_peak(source)
    before = memory(source, "VmHWM")
    count = int(os.environ.get("WEIR_LARGE_ROWS", "200000"))
    database.run(f"insert into many select i, repeat('x', 100) from generate_series(1, {count}) i")
    target = database.run("select pg_current_wal_lsn()")[0][0]
    source.poll_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"), timeout=120)
    grown = memory(source, "VmHWM") - before
    print(f"{count} rows in one transaction: {grown} MiB more")
    assert grown < 16


def test_wide_rows_become_durable_in_parts(database):
    """Whoever commits them has all of a part in memory."""
    wide = "select i, repeat('x', 1 << 20) from generate_series({}, {}) i"
    database.run("create table wide (id int primary key, body text);"
                 "alter table wide alter body set storage external;"
                 f"insert into wide {wide.format(1, 24)}")
    source = database.source().open()
    open_counts = []

    def is_whole(count):
        open_counts.append(source.open_count)
        return len(source.records) >= count and source.open_count == 0

    source.poll_until(lambda: is_whole(24))
    settle(source)
    database.run(f"insert into wide {wide.format(25, 48)}")  # in one transaction
    source.poll_until(lambda: is_whole(48))
    assert [r["key"]["id"] for r in source.records] == list(range(1, 49))
    assert max(open_counts) <= 17, "16 MiB, and the row that exceeds them"
