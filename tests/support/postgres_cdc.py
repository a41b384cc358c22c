"""postgres_cdc.py - databases whose changes the postgres-cdc source captures under the hand of a test."""
import itertools

import pytest

import servers
from sources import Refused, Source

counter = itertools.count()


class Database:
    """A database of the test's own, and connectors that capture it."""

    def __init__(self, build, server):
        self.build, self.server = build, server
        self.name = f"cdc_{next(counter)}"
        server.create_database(self.name)
        self.connection = server.connect(self.name)
        self.sources = []

    def run(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

    def settings(self, **more):
        settings = {
            "database.hostname": "127.0.0.1", "database.port": self.server.port,
            "database.user": "postgres", "database.dbname": self.name, "topic.prefix": "shop",
            "slot.name": self.name,
        }
        settings.update({name.replace("_", "."): value for name, value in more.items()})
        return settings

    def source(self, offset=None, **more):
        self.sources.append(Source(self.build, "postgres-cdc", self.settings(**more), offset))
        return self.sources[-1]

    def slot(self, what="confirmed_flush_lsn"):
        rows = self.run(f"select {what} from pg_replication_slots where slot_name = '{self.name}'")
        return rows[0][0] if rows else None

    def wait_inactive(self):
        servers.wait_until(lambda: not self.slot("active"), "the slot to become inactive")

    def restart(self, source, **more):
        """As after kill -9: what stood behind the last checkpoint is forgotten."""
        offset = source.offset
        source.kill()
        self.wait_inactive()
        return self.source(offset, **more).open()


@pytest.fixture
def database(build, postgres):
    one = Database(build, postgres)
    yield one
    for source in one.sources:
        source.close()
    one.connection.close()


ORDERS = """create table orders (id int primary key, name text not null, note text);
            insert into orders select i, 'name ' || i, 'note' from generate_series(1, 3) i"""


def ops(records):
    return [(None if r["tombstone"] else r["value"]["op"], r["key"] and r["key"].get("id"))
            for r in records]


def refused(source):
    with pytest.raises(Refused) as caught:
        source.open()
        for _ in range(50):
            source.poll()
    return caught.value
