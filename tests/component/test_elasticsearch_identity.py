"""test_elasticsearch_identity.py - the log and the source that an index is written from, kept in its _meta."""
import json
import os

import pytest

import servers
from search_target import target  # noqa: F401, the fixture
from sinks import Refused


def test_an_index_of_another_log_is_refused_with_the_choices(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, offset=1000)
    sink.apply()
    assert target.mapping()["_meta"] == {"weir": {
        "log": "log-1", "version": "log offset", "topics": {target.topic: ""}}}
    other = target.open(log="log-2")
    target.upsert(other, 1, "new", 2, offset=0)
    with pytest.raises(Refused) as refused:
        other.put()
    message = refused.value.message
    assert refused.value.code == "WEIR_FATAL"
    for words in (target.topic, "log-1", "log-2", "delete the index", "route transform",
                  "data directory"):
        assert words in message, message
    assert target.documents() == {"1": ("old", 1)}


def test_each_choice_after_another_log_works(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, offset=1000)
    sink.apply()
    routed = target.open(log="log-2")  # another index
    target.upsert(routed, 1, "new", 2, offset=0, table=f"{target.topic}-v2")
    routed.apply()
    assert target.documents(f"{target.topic}-v2") == {"1": ("new", 2)}
    back = target.open()  # the data directory that it was written from
    target.upsert(back, 1, "newer", 3, offset=1001)
    back.apply()
    assert target.documents() == {"1": ("newer", 3)}
    target.node.request("DELETE", f"/{target.topic}")
    fresh = target.open(log="log-2")
    target.upsert(fresh, 1, "new", 2, offset=0)
    fresh.apply()
    assert target.documents() == {"1": ("new", 2)}


def test_a_topic_that_was_deleted_and_made_again_is_refused(target):
    sink = target.open()
    sink.command(f"topic {target.topic} first-id")
    target.upsert(sink, 1, "old", 1, offset=1000)
    sink.apply()
    again = target.open()
    again.command(f"topic {target.topic} second-id")
    target.upsert(again, 1, "new", 2, offset=0)
    with pytest.raises(Refused) as refused:
        again.put()
    for words in ("deleted and made again", "first-id", "second-id", "delete the index"):
        assert words in refused.value.message
    other = target.open()  # one more topic into the same index is none of that
    other.command(f"topic {target.topic}-more more-id")
    target.upsert(other, 2, "more", 2, topic=f"{target.topic}-more", table=target.topic)
    other.apply()
    assert target.mapping()["_meta"]["weir"]["topics"] == {target.topic: "first-id",
                                                          f"{target.topic}-more": "more-id"}


def test_what_others_keep_in_meta_stays(target):
    target.make_index(mappings={"_meta": {"owner": "search team"}})
    sink = target.open()
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.mapping()["_meta"]["owner"] == "search team"
    assert target.mapping()["_meta"]["weir"]["log"] == "log-1"


# --- The source -----------------------------------------------------------------------------------

HERE, THERE = "7391234567890123456/1", "7400000000000000001/1"


def meta_of(target):
    return target.mapping()["_meta"]["weir"]


def test_the_same_source_goes_on_after_a_restart(target):
    for turn in (1, 2):
        sink = target.open()
        target.upsert(sink, turn, "a", turn, position=100 * turn, source=HERE)
        sink.apply()
    assert meta_of(target) == {"log": "log-1", "version": "source position", "sources": [HERE],
                               "topics": {target.topic: ""}}
    assert target.documents() == {"1": ("a", 1), "2": ("a", 2)}


def assert_refused(put, theirs, ours):
    with pytest.raises(Refused) as refused:
        put()
    message = refused.value.message
    assert refused.value.code == "WEIR_FATAL"
    for words in (f'another source ("{theirs}", this is "{ours}")', "delete the index",
                  "route transform", "data directory and the database", "would look older",
                  f'index.adopt.from to "{theirs}"'):
        assert words in message, message
    return message


def test_another_source_is_refused_with_the_choices_and_nothing_is_written(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, position=1_000_000, source=HERE)
    sink.apply()
    other = target.open()
    target.upsert(other, 1, "new", 2, position=500, source=THERE)
    target.upsert(other, 2, "new", 2, position=501, source=THERE)
    assert target.topic in assert_refused(other.put, HERE, THERE)
    assert target.documents() == {"1": ("old", 1)}
    assert meta_of(target)["sources"] == [HERE]


def test_another_source_in_the_middle_of_a_topic_is_refused_where_it_begins(target):
    """The connector began anew on another database, into the same topic of the log."""
    sink = target.open()
    target.upsert(sink, 1, "old", 1, position=1_000_000, source=HERE)
    target.upsert(sink, 2, "old", 2, position=1_000_001, source=HERE)
    target.upsert(sink, 1, "new", 1, position=500, source=THERE)
    assert_refused(sink.put, HERE, THERE)
    again = target.open()  # as the worker restarts it, from what was committed
    target.upsert(again, 2, "old", 2, position=1_000_001, source=HERE, offset=1)
    again.apply()
    target.upsert(again, 1, "new", 1, position=500, source=THERE, offset=2)
    assert_refused(again.put, HERE, THERE)
    assert target.documents()["2"] == ("old", 2) and target.documents().get("1", ("old", 1))[0] == "old"


def test_positions_of_an_unnamed_source_are_another_sources(target):
    sink = target.open()
    target.upsert(sink, 1, "a", 1, position=100)
    sink.apply()
    assert meta_of(target)["sources"] == [""]
    other = target.open()
    target.upsert(other, 1, "b", 2, position=200, source=HERE)
    assert_refused(other.put, "", HERE)


def test_an_index_is_adopted_from_the_source_that_is_named(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, position=1000, source=HERE)
    target.upsert(sink, 2, "old", 2, position=1001, source=HERE)
    sink.apply()
    wrong = target.open(index_adopt_from="somebody")
    target.upsert(wrong, 1, "new", 10, position=2000, source=THERE)
    assert_refused(wrong.put, HERE, THERE)
    adopting = target.open(index_adopt_from=f"somebody,{HERE}")
    target.upsert(adopting, 2, "old", 2, position=1001, source=HERE, offset=1)  # comes again
    target.upsert(adopting, 1, "new", 10, position=2000, source=THERE)
    adopting.apply()
    assert meta_of(target)["sources"] == [HERE, THERE]
    assert target.documents() == {"1": ("new", 10), "2": ("old", 2)}
    after = target.open()  # the setting has done its work
    target.upsert(after, 1, "newer", 11, position=2001, source=THERE)
    after.apply()
    assert target.documents()["1"] == ("newer", 11)


def test_an_index_with_positions_can_be_adopted_from_another_log(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, position=1000, source=HERE)
    sink.apply()
    other = target.open(log="log-2")
    target.upsert(other, 1, "new", 2, position=1001, source=HERE)
    with pytest.raises(Refused, match='another log.*index.adopt.from to "log-1"'):
        other.put()
    other = target.open(log="log-2", index_adopt_from="log-1")
    target.upsert(other, 1, "new", 2, position=1001, source=HERE)
    other.apply()
    assert target.documents() == {"1": ("new", 2)}
    assert (meta_of(target)["log"], meta_of(target)["sources"]) == ("log-2", [HERE])
    back = target.open()  # and is not written from both
    target.upsert(back, 1, "lost", 3, position=1002, source=HERE)
    with pytest.raises(Refused, match="another log"):
        back.put()


def test_an_index_with_offsets_cannot_be_adopted(target):
    sink = target.open()
    target.upsert(sink, 1, "old", 1, offset=1000)
    sink.apply()
    other = target.open(log="log-2", index_adopt_from="log-1")
    target.upsert(other, 1, "new", 2, offset=0)
    with pytest.raises(Refused, match="another log") as refused:
        other.put()
    assert "index.adopt.from" not in refused.value.message


def test_offsets_and_positions_are_not_mixed_in_an_index(target):
    sink = target.open()
    target.upsert(sink, 1, "a", 1, position=10_000, source=HERE)
    sink.apply()
    target.upsert(sink, 1, "b", 2)  # its version would be 1
    sink.apply()
    assert "versions by source position" in sink.rejects[0][1]
    other = target.open()  # nor after a restart
    target.upsert(other, 1, "b", 2)
    with pytest.raises(Refused, match="rule for versions"):
        other.put()
    assert target.documents() == {"1": ("a", 1)}
    offsets = f"{target.topic}-offsets"
    sink = target.open()
    target.upsert(sink, 1, "a", 1, topic=offsets)
    sink.apply()
    target.upsert(sink, 1, "b", 2, topic=offsets, position=5, source=HERE)
    sink.apply()
    assert "versions by log offset" in sink.rejects[0][1]
    assert target.documents(offsets) == {"1": ("a", 1)}


def test_an_index_with_documents_of_another_program_is_refused_an_empty_one_is_taken(target):
    target.make_index()
    sink = target.open()
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.documents() == {"1": ("a", 1)}
    foreign = f"{target.topic}-foreign"
    target.node.request("POST", f"/{foreign}/_doc/x?refresh=true", '{"a": 1}')
    target.upsert(sink, 1, "a", 1, topic=foreign)
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_FATAL" and foreign in refused.value.message


def test_a_template_shapes_the_index_that_is_made(target):
    target.node.request("PUT", f"/_index_template/{target.topic}", json.dumps({
        "index_patterns": [f"{target.topic}*"],
        "template": {"settings": {"index.gc_deletes": "1h"},
                     "mappings": {"properties": {"extra": {"type": "keyword"},
                                                 "name": {"type": "keyword"}}}}}))
    sink = target.open()
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    types = {name: one["type"] for name, one in target.mapping()["properties"].items()}
    assert types == {"extra": "keyword", "name": "keyword", "id": "long", "amount": "integer"}
    assert target.mapping()["_meta"]["weir"]["log"] == "log-1"
    settings = target.node.request("GET", f"/{target.topic}/_settings")
    assert settings[target.topic]["settings"]["index"]["gc_deletes"] == "1h"


# --- Two databases --------------------------------------------------------------------------------

def pipeline(folder, name, server, node, index):
    """A pipeline from the table notes of a server's own database into an index."""
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(f"""
name: {name}
source:
  connector: postgres-cdc
  config: {{database.hostname: 127.0.0.1, database.port: {server.port}, database.user: postgres,
           database.dbname: {index}, topic.prefix: {name}, slot.name: {index}}}
sinks:
  - name: search
    connector: elasticsearch
    topics: ["{name}.public.notes"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: '.*', replacement: '{index}'}}}}]
    config: {{connection.url: "{node.url}", errors.restart.max: 0}}
""")
    return ["run", path, "--data", os.path.join(folder, "data")]


def test_the_index_of_one_database_is_not_written_from_another(
        target, postgres, elasticsearch, weir, folder):
    other = servers.Postgres()
    try:
        for server, note in ((postgres, "first"), (other, "second")):
            server.create_database(target.topic)
            server.psql("create table notes (id int primary key, note text);"
                        f"insert into notes values (1, '{note}')", target.topic)
        system = postgres.psql("select system_identifier from pg_control_system()").strip()
        their = other.psql("select system_identifier from pg_control_system()").strip()
        for id in (1, 2):  # the same source goes on
            run = weir(pipeline(folder, "one", postgres, elasticsearch, target.topic))
            servers.wait_until(lambda: target.count() == id, "the document")
            assert run.stop() == 0, run.output
            postgres.psql(f"insert into notes values ({id + 1}, 'first')", target.topic)
        run = weir(pipeline(folder, "two", other, elasticsearch, target.topic))
        assert run.wait() == 1
        for words in (f'another source ("{system}/1", this is "{their}/1")', "delete the index",
                      "route transform", "index.adopt.from"):
            assert words in run.output, run.output
        assert target.node.documents(target.topic) == {
            str(id): {"id": id, "note": "first"} for id in (1, 2)}
        assert meta_of(target)["sources"] == [f"{system}/1"]
    finally:
        other.stop()
