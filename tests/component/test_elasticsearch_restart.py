"""test_elasticsearch_restart.py - a snapshot that begins again leaves no document of its first attempt."""
import os

import pytest

import servers
from search_target import KEY, target  # noqa: F401, the fixture
from sinks import Refused
from slow_link import SlowLink


def restart(target, sink, topic=None, table=None, **more):
    """What unwrap makes of the truncate event: neither key nor value."""
    sink.add(topic or target.topic, table=table, restart="true", **more)


def ids(target, *offsets, topic=None):
    return {f"{topic or target.topic}+0+{offset}" for offset in offsets}


def test_documents_with_their_place_as_id_are_deleted_and_no_others(target):
    other = f"{target.topic}-other"
    sink = target.open(key_ignore=True)
    for id in range(4):
        target.upsert(sink, id, "first", id)
        target.upsert(sink, id, "other", id, topic=other, table=target.topic)
    sink.apply()
    target.upsert(sink, 4, "first, in the same batch", 4)  # offset 4
    restart(target, sink, position=100)  # offset 5
    for id in range(3):
        target.upsert(sink, id, "second", id)
    sink.apply()
    found = target.documents()
    assert set(found) == ids(target, 6, 7, 8) | ids(target, 0, 1, 2, 3, topic=other)
    assert {name for name, _ in found.values()} == {"second", "other"}
    again = target.open(key_ignore=True)  # the same comes again after a crash
    for id in (2, 3, 4):
        target.upsert(again, id, "first", id, offset=id)
    restart(target, again, position=100, offset=5)
    target.upsert(again, 0, "second", 0, offset=6)
    again.apply()
    assert target.documents() == found and sink.rejects == again.rejects == []
    assert any("was emptied of 5 documents" in one for one in sink.diags)


def test_documents_with_a_key_are_deleted_and_read_again_at_the_same_position(target):
    """A table whose deletes are not published: what was deleted meanwhile would never be."""
    sink = target.open()
    for id in range(4):
        target.upsert(sink, id, "first", id, position=100, source="s/1")
    sink.apply()
    restart(target, sink, position=100, source="s/1")
    for id in (1, 3):
        target.upsert(sink, id, "second", id, position=100, source="s/1")
    sink.apply()
    assert target.documents() == {"1": ("second", 1), "3": ("second", 3)}
    target.upsert(sink, 1, "streamed", 1, position=200, source="s/1")
    sink.apply()
    again = target.open()
    restart(target, again, position=100, source="s/1", offset=4)
    for offset, id in ((5, 1), (6, 3)):
        target.upsert(again, id, "second", id, position=100, source="s/1", offset=offset)
    again.apply()
    assert target.documents() == {"1": ("streamed", 1), "3": ("second", 3)}


def test_rows_of_other_topics_under_their_keys_are_not_deleted(target):
    other = f"{target.topic}-other"
    sink = target.open()
    target.upsert(sink, 1, "a", 1, position=100)
    target.upsert(sink, 2, "b", 2, position=100, topic=other, table=target.topic)
    sink.apply()
    restart(target, sink, position=100)
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_FATAL"
    for words in (target.topic, "other topics are written to it", "route transform"):
        assert words in refused.value.message
    third = target.open()  # one that nothing was delivered of has nothing to be deleted
    restart(target, third, topic=f"{target.topic}-third", table=target.topic, position=100)
    third.apply()
    assert target.documents() == {"1": ("a", 1), "2": ("b", 2)}


def test_a_first_snapshot_that_begins_so_makes_its_index_as_any_other(target):
    sink = target.open()
    restart(target, sink, position=100)
    sink.add(target.topic, KEY, {"id": 1}, KEY, {"id": 1}, position=100)
    sink.apply()
    assert target.documents() == {"1": (None, None)}
    assert target.mapping()["properties"] == {"id": {"type": "long"}}  # of the rows


def test_an_index_of_another_source_is_not_emptied(target):
    sink = target.open()
    target.upsert(sink, 1, "a", 1, position=100, source="s/1")
    sink.apply()
    other = target.open()
    restart(target, other, position=500, source="t/1")
    with pytest.raises(Refused, match="another source"):
        other.put()
    assert target.documents() == {"1": ("a", 1)}


def test_a_snapshot_that_was_killed_is_in_its_index_once(target, postgres, weir, folder):
    """Ids are places in the log: without emptying, each row that was read twice would be there twice."""
    postgres.create_database(target.topic)
    postgres.psql("create table notes (n int primary key, note text); insert into notes "
                  "select n, repeat('x', 30) from generate_series(1, 25000) n", target.topic)
    link = SlowLink(postgres.port, 500_000)
    path = os.path.join(folder, "notes.yaml")
    with open(path, "w") as file:
        file.write(f"""
name: notes
source:
  connector: postgres-cdc
  config: {{database.hostname: 127.0.0.1, database.port: {link.port}, database.user: postgres,
           database.dbname: {target.topic}, topic.prefix: shop, snapshot.mode: initial_only}}
sinks:
  - name: search
    connector: elasticsearch
    topics: ["shop.public.notes"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: '.*', replacement: '{target.topic}'}}}}]
    config: {{connection.url: "{target.node.url}", key.ignore: true}}
""")
    arguments = ["run", path, "--data", os.path.join(folder, "data")]
    run = weir(arguments)
    servers.wait_until(lambda: target.count() > 0, "the first documents")
    run.kill()
    assert target.count() < 25000
    postgres.psql("delete from notes where n % 3 = 0; insert into notes values (0, 'new')",
                  target.topic)
    link.rate = None
    run = weir(arguments)
    assert run.wait() == 0, run.output
    link.stop()
    assert "was emptied of" in run.output  # more than one page of them
    rows = postgres.psql("select n from notes order by n", target.topic).split()
    found = target.node.documents(target.topic).values()
    assert sorted(one["n"] for one in found) == [int(row) for row in rows]
