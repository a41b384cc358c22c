"""test_postgres_history.py - servers that are promoted or restored: positions mean something in one history only."""
import os
import shutil
import signal

import pytest

import servers
from sources import Refused, Source


class Cluster:
    """A server of the test's own, and connectors that capture its table notes."""

    def __init__(self, build):
        self.build, self.server, self.sources = build, servers.Postgres(), []
        self.server.psql("create table notes (id int primary key, note text)")

    def shut_down(self):
        self.server.process.send_signal(signal.SIGINT)  # fast, and cleanly
        self.server.process.wait(30)

    def promote(self):
        """Goes on as a standby that is promoted: in a new timeline, with the slots that were on the disk."""
        path = os.path.join(self.server.data, "standby.signal")
        with open(path, "w"):
            pass
        servers.give_away(path)
        self.server.start()
        self.server.psql("select pg_promote(true, 60)")

    def copy(self):
        shutil.copytree(self.server.data, self.server.data + ".copy")

    def restore(self):
        shutil.rmtree(self.server.data)
        os.rename(self.server.data + ".copy", self.server.data)
        for folder, names, files in os.walk(self.server.data):
            servers.give_away(folder)
            for name in files:
                servers.give_away(os.path.join(folder, name))

    def open(self, offset=None, **more):
        settings = {"database.hostname": "127.0.0.1", "database.port": self.server.port,
                    "database.user": "postgres", "database.dbname": "postgres",
                    "topic.prefix": "shop", "slot.name": "history"}
        settings.update({name.replace("_", "."): value for name, value in more.items()})
        source = Source(self.build, "postgres-cdc", settings, offset)
        self.sources.append(source)
        return source.open()

    def insert(self, id):
        self.server.psql(f"insert into notes values ({id}, 'note')")

    def identity(self, timeline):
        system = self.server.psql("select system_identifier from pg_control_system()").strip()
        return f"{system}/{timeline}"


@pytest.fixture
def cluster(build):
    one = Cluster(build)
    yield one
    for source in one.sources:
        source.kill()
    one.server.stop()


def sources_of(records):
    return {one["headers"]["weir.source"] for one in records}


def test_a_promoted_standby_goes_on_under_the_same_identity(cluster):
    cluster.insert(1)
    source = cluster.open()
    source.take(1)
    source.poll_until(lambda: "snapshot" not in source.offset[1])
    cluster.insert(2)
    source.take(1)
    first = cluster.identity(1)
    assert sources_of(source.records) == {first}
    highest = max(int(one["headers"]["weir.position"]) for one in source.records)
    for timeline in (2, 3):
        offset = source.offset
        source.kill()
        cluster.shut_down()
        cluster.promote()
        cluster.insert(timeline + 1)
        source = cluster.open(offset)
        source.take(1)
        assert any(f"promoted to timeline {timeline}" in one for one in source.diags)
        assert sources_of(source.records) == {first}
        position = int(source.records[0]["headers"]["weir.position"])
        assert position > highest
        highest = position
    again = source.offset
    source.kill()
    cluster.server.psql("select pg_drop_replication_slot('history')")
    source = cluster.open()  # whoever begins anew does not know what was captured before
    source.take(4)
    assert sources_of(source.records) == {cluster.identity(3)}
    assert again[1]["origin"] == 1


def test_a_server_restored_without_what_was_captured_is_refused(cluster):
    cluster.insert(1)
    source = cluster.open()
    source.take(1)
    source.poll_until(lambda: "snapshot" not in source.offset[1])
    source.kill()
    cluster.shut_down()
    cluster.copy()
    cluster.server.start()
    source = cluster.open(source.offset)
    cluster.insert(2)
    source.take(1)
    source.kill()
    cluster.shut_down()
    cluster.restore()
    cluster.promote()
    for id in range(10, 30):  # so that its WAL is longer than what was captured
        cluster.insert(id)
    with pytest.raises(Refused) as refused:
        cluster.open(source.offset)
    assert refused.value.code == "WEIR_FATAL"
    for words in ("failed over or restored without all of it", "timeline is 2",
                  "delete the connector's offsets", "indices of Elasticsearch"):
        assert words in refused.value.message
    assert sources_of(cluster.open().take(21)) == {cluster.identity(2)}  # another one


def test_a_snapshot_alone_names_its_source_too(cluster):
    cluster.insert(1)
    cluster.server.psql("create role reader login; grant select on notes to reader")
    source = cluster.open(snapshot_mode="initial_only", database_user="reader")
    source.poll_until(lambda: source.ended)
    assert sources_of(source.records) == {cluster.identity(1)}
