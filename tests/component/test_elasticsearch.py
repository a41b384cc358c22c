"""test_elasticsearch.py - the elasticsearch sink against a real Elasticsearch, under the hand of a test."""
import decimal
import json

import pytest

import sinks
from search_target import KEY, ORDER, front, target  # noqa: F401, the fixtures
from sinks import Refused, record


# --- Documents ------------------------------------------------------------------------------------

def test_a_document_is_indexed_replaced_and_deleted_by_its_key(target):
    sink = target.open()
    for id in range(4):
        target.upsert(sink, id, "first", id)
    sink.apply()
    assert target.documents() == {str(id): ("first", id) for id in range(4)}
    target.upsert(sink, 1, "second", 11)
    target.delete(sink, 2)
    target.delete(sink, 3)
    target.upsert(sink, 3, "again", 33)
    target.upsert(sink, 9, "short", 9)
    target.delete(sink, 9)
    sink.apply()
    assert target.documents() == {"0": ("first", 0), "1": ("second", 11), "3": ("again", 33)}


def test_a_key_that_changes_moves_its_document(target):
    sink = target.open()
    target.upsert(sink, 1, "a", 1, position=100)
    sink.apply()
    target.delete(sink, 1, position=200)
    target.upsert(sink, 2, "a", 1, position=200)
    sink.apply()
    assert target.documents() == {"2": ("a", 1)}


def move(target, sink, old, new, amount, position):
    """A change of a row's key that does not send its text."""
    target.delete(sink, old, position=position)
    target.upsert(sink, new, "placeholder", amount, position=position, unsent=[1])


def test_a_key_that_changes_takes_along_what_was_not_sent(target):
    sink = target.open()
    target.upsert(sink, 1, "one", 1, position=100)
    target.upsert(sink, 5, "five", 5, position=110)
    sink.apply()
    move(target, sink, 1, 2, 20, 200)
    move(target, sink, 2, 3, 30, 210)  # and on, in the same batch
    target.upsert(sink, 1, "another", 7, position=220)  # the old key is used again
    move(target, sink, 5, -1, 5, 230)  # two rows change places by way of a third key
    move(target, sink, 1, 5, 7, 240)
    move(target, sink, -1, 1, 5, 250)
    sink.apply()
    assert target.documents() == {"3": ("one", 30), "1": ("five", 5), "5": ("another", 7)}
    assert sink.rejects == []


def test_a_key_that_changes_between_two_batches_takes_along_what_was_not_sent(target):
    sink = target.open()
    target.upsert(sink, 1, "one", 1, position=100)
    sink.apply()
    target.delete(sink, 1, position=200)
    sink.put()
    sink.command("clear")
    target.upsert(sink, 2, "placeholder", 2, position=200, unsent=[1])
    sink.put()
    sink.flush()
    assert target.documents() == {"2": ("one", 2)}


@pytest.mark.parametrize("between", ["a record", "a batch", "a window"])
def test_between_the_halves_of_a_changed_key_may_be_records_of_other_topics(target, between):
    """The log's reader takes turns with topics, wherever it is in each of them."""
    other = f"{target.topic}-other"
    sink = target.open()
    target.upsert(sink, 1, "one", 1, position=100)
    for id in range(300):
        target.upsert(sink, id, "text", 0, topic=other, position=100 + id)
    sink.apply()
    target.delete(sink, 1, position=1000)
    for id in range(300 if between == "a window" else 1):
        target.upsert(sink, id, "placeholder", 7, topic=other, position=500 + id, unsent=[1])
    if between == "a batch":
        sink.put()
        sink.command("clear")
        target.upsert(sink, 0, "placeholder", 7, topic=other, position=600, unsent=[1])
    target.upsert(sink, 2, "placeholder", 20, position=1000, unsent=[1])
    sink.apply()
    assert sink.rejects == []
    assert target.documents() == {"2": ("one", 20)}
    assert target.documents(other)["0"] == ("text", 7)


def test_a_deletion_at_the_end_of_a_batch_is_not_forgotten(target):
    sink = target.open()
    for id in (1, 2):
        target.upsert(sink, id, "a", id, position=100)
    sink.apply()
    target.delete(sink, 1, position=200)
    sink.put()
    sink.command("clear")
    target.upsert(sink, 3, "c", 3, position=210)
    target.delete(sink, 2, position=220)
    sink.put()
    sink.flush()
    assert target.documents() == {"3": ("c", 3)}


def test_a_key_that_changed_is_no_trouble_when_it_comes_again(target):
    sink = target.open()
    target.upsert(sink, 1, "one", 1, position=100, offset=0)
    move(target, sink, 1, 2, 20, 200)
    sink.apply()
    for first in (0, 1, 2):  # where the log is read again from
        again = target.open()
        if first == 0:
            target.upsert(again, 1, "one", 1, position=100, offset=0)
        if first <= 1:
            target.delete(again, 1, position=200, offset=1)
        target.upsert(again, 2, "placeholder", 20, position=200, unsent=[1], offset=2)
        again.apply()
        assert target.documents() == {"2": ("one", 20)}, first
        assert again.rejects == []


def test_an_older_version_changes_nothing_and_is_no_error(target):
    sink = target.open()
    target.upsert(sink, 1, "new", 2, position=500)
    sink.apply()
    target.upsert(sink, 1, "old", 1, position=400)
    target.delete(sink, 1, position=450)
    sink.apply()
    assert target.documents() == {"1": ("new", 2)}
    assert sink.rejects == [] and sink.diags == []


def test_the_same_batch_again_changes_nothing(target):
    def batch(sink):
        target.upsert(sink, 1, "a", 1, offset=0)
        target.upsert(sink, 2, "b", 2, offset=1)
        target.delete(sink, 2, offset=2)
        target.upsert(sink, 1, "c", 3, offset=3)
        sink.apply()

    sink = target.open()
    batch(sink)
    before = target.documents()
    batch(sink)
    again = target.open()  # as after a crash before the offsets were committed
    batch(again)
    assert target.documents() == before == {"1": ("c", 3)}
    assert sink.rejects == again.rejects == []


def test_fields_that_were_not_sent_keep_their_values(target):
    sink = target.open()
    target.upsert(sink, 1, "long text", 1)
    sink.apply()
    target.upsert(sink, 1, "placeholder", 2, unsent=[1])
    target.upsert(sink, 2, "other", 5)  # in the same batch as the change that lacks its text
    target.upsert(sink, 2, "placeholder", 6, unsent=[1])
    target.upsert(sink, 2, "placeholder", 7, unsent=[1])
    sink.apply()
    assert target.documents() == {"1": ("long text", 2), "2": ("other", 7)}


def test_a_completed_document_keeps_every_digit_and_every_byte(target):
    """What is taken from the document that is there does not go through a number or a text of ours."""
    wide = {"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 20}
    row = record("Row", id="long", big=["null", wide], text=["null", "string"], n="int",
                 small=["null", "double"])
    big = decimal.Decimal("-1234567890123456789012345678901234567890.12345678901234567890")
    with decimal.localcontext(decimal.Context(prec=100)):
        value = {"id": 1, "big": sinks.unscaled(big, 20), "text": 'ü"\\\n\u2028\U0001f600\0', "n": 1,
                 "small": 5e-324}
    sink = target.open()
    sink.add(target.topic, KEY, {"id": 1}, row, value)
    sink.apply()
    before = target.node.documents(target.topic)["1"]
    assert before["big"] == big and before["text"] == value["text"]
    lacking = {"id": 1, "big": None, "text": "__debezium_unavailable_value", "n": 2, "small": None}
    sink.add(target.topic, KEY, {"id": 1}, row, lacking, unsent=[1, 2, 4])
    sink.apply()
    assert target.node.documents(target.topic)["1"] == {**before, "n": 2}


def test_documents_are_read_once_for_many_changes_that_lack_fields(target, front):
    sink = target.open(url=front.url)
    for id in range(600):
        target.upsert(sink, id, f"text {id}", 0)
    sink.apply()
    for turn in (1, 2):
        for id in range(600):
            target.upsert(sink, id, "placeholder", turn, unsent=[1])
    sink.apply()
    assert len(front.paths("_mget")) <= 5
    assert target.documents() == {str(id): (f"text {id}", 2) for id in range(600)}


def test_a_deletion_before_a_change_that_lacks_fields_is_seen(target):
    sink = target.open()
    target.upsert(sink, 1, "long text", 1)
    sink.apply()
    target.delete(sink, 1)
    target.upsert(sink, 1, "placeholder", 2, unsent=[1])
    sink.apply()
    assert [offset for offset, _ in sink.rejects] == [2]
    assert target.documents() == {}


def test_a_change_that_lacks_fields_of_a_document_that_is_not_there_is_rejected(target):
    sink = target.open()
    target.upsert(sink, 1, "placeholder", 1, unsent=[1], position=100)
    target.upsert(sink, 2, "b", 2, position=110)
    sink.apply()
    (offset, reason), = sink.rejects
    assert offset == 0 and "no document to take the fields from" in reason and '"1"' in reason
    assert target.documents() == {"2": ("b", 2)}
    target.upsert(sink, 1, "whole", 3, position=120)  # is no trouble afterwards
    sink.apply()
    assert target.documents() == {"1": ("whole", 3), "2": ("b", 2)}


def test_a_replayed_change_that_lacks_fields_of_a_deleted_document_is_no_error(target):
    sink = target.open()
    target.upsert(sink, 1, "long text", 1, position=100)
    target.upsert(sink, 1, "placeholder", 2, unsent=[1], position=110)
    target.delete(sink, 1, position=120)
    sink.apply()
    again = target.open()  # read again from behind the first record, as after a crash
    target.upsert(again, 1, "placeholder", 2, unsent=[1], position=110, offset=1)
    again.apply()
    assert again.rejects == [] and target.documents() == {}
    target.delete(again, 1, position=120, offset=2)
    again.apply()
    assert again.rejects == [] and target.documents() == {}


def test_a_replayed_change_that_lacks_fields_does_not_undo_a_newer_one(target):
    sink = target.open()
    target.upsert(sink, 1, "first", 1)
    target.upsert(sink, 1, "placeholder", 2, unsent=[1])
    target.upsert(sink, 1, "second", 3)
    sink.apply()
    again = target.open()
    target.upsert(again, 1, "placeholder", 2, unsent=[1], offset=1)
    again.apply()
    assert target.documents() == {"1": ("second", 3)}
    target.upsert(again, 1, "second", 3, offset=2)
    target.upsert(again, 1, "placeholder", 4, offset=3, unsent=[1])
    again.apply()
    assert target.documents() == {"1": ("second", 4)} and again.rejects == []


def test_without_a_key_a_change_that_lacks_fields_is_written_without_them(target):
    sink = target.open(key_ignore=True)
    target.upsert(sink, 1, "placeholder", 2, unsent=[1])
    sink.apply()
    assert target.node.documents(target.topic) == {f"{target.topic}+0+0": {"id": 1, "amount": 2}}


def test_a_field_inside_of_a_field_that_was_not_sent_is_rejected_with_the_remedy(target):
    envelope = record("Envelope", after=record("Row", id="long", text="string"), op="string")
    sink = target.open()
    sink.add(target.topic, KEY, {"id": 1}, envelope,
             {"after": {"id": 1, "text": "placeholder"}, "op": "u"}, unsent=[2])
    sink.apply()
    (_, reason), = sink.rejects
    assert "after.text" in reason and "unwrap" in reason
    assert target.documents() == {}


def test_an_upsert_keeps_the_fields_that_a_record_does_not_have(target):
    sink = target.open(write_method="upsert")
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    narrow = record("Narrow", id="long", amount="int", extra="string")
    sink.add(target.topic, KEY, {"id": 1}, narrow, {"id": 1, "amount": 2, "extra": "new"})
    sink.add(target.topic, KEY, {"id": 2}, narrow, {"id": 2, "amount": 5, "extra": "alone"})
    sink.apply()
    target.upsert(sink, 1, None, 3)  # null is a value
    sink.apply()
    assert target.node.documents(target.topic) == {
        "1": {"id": 1, "name": None, "amount": 3, "extra": "new"},
        "2": {"id": 2, "amount": 5, "extra": "alone"}}


def test_a_number_that_json_has_not_is_rejected(target):
    sink = target.open()
    measure = record("Measure", id="long", value=["null", "double"],
                     list={"type": "array", "items": "float"})
    for id, value, items in ((1, float("nan"), []), (2, None, [float("-inf")]), (3, 1.5, [2.5])):
        sink.add(target.topic, KEY, {"id": id}, measure, {"id": id, "value": value, "list": items})
    sink.apply()
    assert [(offset, reason) for offset, reason in sink.rejects] == [
        (0, 'field "value": NaN is no number that Elasticsearch can store'),
        (1, 'field "list": -Infinity is no number that Elasticsearch can store')]
    assert list(target.documents()) == ["3"]


def test_numbers_are_numbers_at_any_depth(target):
    price = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    part = record("Part", price=price, tags={"type": "map", "values": ["null", "double"]})
    row = record("Row", id="long", prices={"type": "array", "items": ["null", price]},
                 parts={"type": "array", "items": part}, raw={"type": "fixed", "name": "F", "size": 2},
                 kinds={"type": "array", "items": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
                 flags={"type": "map", "values": "boolean"}, any=["null", "int", "string"])

    def cents(text):
        return sinks.unscaled(decimal.Decimal(text), 2)

    sink = target.open()
    sink.add(target.topic, KEY, {"id": 1}, row, {
        "id": 1, "prices": [cents("1.10"), None, cents("-0.05"), cents("0")],
        "parts": [{"price": cents("-100"), "tags": {"a": 1.5, "b": None}}], "raw": b"\xff\0",
        "kinds": ["B", "A"], "flags": {"x": True, "y": False}, "any": 7})
    sink.apply()
    assert sink.rejects == []
    found = target.node.documents(target.topic)["1"]
    assert found == {
        "id": 1, "prices": [decimal.Decimal("1.10"), None, decimal.Decimal("-0.05"), 0],
        "parts": [{"price": -100, "tags": {"a": decimal.Decimal("1.5"), "b": None}}],
        "raw": "/wA=", "kinds": ["B", "A"], "flags": {"x": True, "y": False},
        "any": {"int": 7, "string": None}}
    mapping = target.mapping()["properties"]
    assert mapping["prices"]["type"] == "double"
    assert mapping["parts"]["properties"]["price"]["type"] == "double"


def test_each_topic_has_an_index_and_a_route_names_it(target):
    sink = target.open()
    first, second = f"{target.topic}-a", f"{target.topic}-b"
    target.upsert(sink, 1, "a", 1, topic=first)
    target.upsert(sink, 1, "b", 2, topic=second)
    target.upsert(sink, 1, "c", 3, topic=f"{target.topic}-raw", table=f"{target.topic}-Routed")
    sink.apply()
    assert target.documents(first) == {"1": ("a", 1)}
    assert target.documents(second) == {"1": ("b", 2)}
    assert target.documents(f"{target.topic}-routed") == {"1": ("c", 3)}  # lower case


@pytest.mark.parametrize("topic, reason", [
    ("_private", "begins with one of"), ("-x", "begins with one of"), ("+x", "begins with one of"),
    (".x", "begins with one of"), ("a:b", "it has a ':'"), ("a#b", "it has a '#'"),
    ("a*b", "it has a '*'"), ("x" * 256, "longer than 255 bytes"),
])
def test_a_topic_that_cannot_name_an_index_is_refused_with_the_remedy(target, topic, reason):
    sink = target.open()
    target.upsert(sink, 1, "a", 1, topic=topic)
    with pytest.raises(Refused) as refused:
        sink.put()
    assert refused.value.code == "WEIR_CONFIG"
    assert reason in refused.value.message and "route transform" in refused.value.message


def test_an_alias_of_one_index_is_written_one_of_several_refused(target):
    def alias(name):
        target.node.request("PUT", f"/{name}", json.dumps({"aliases": {target.topic: {
            "is_write_index": name.endswith("2")}}}))

    alias(f"{target.topic}-000001")
    target.node.request("POST", "/_aliases", json.dumps({"actions": [{"add": {
        "index": f"{target.topic}-000001", "alias": target.topic, "is_write_index": True}}]}))
    sink = target.open()
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.documents() == {"1": ("a", 1)} and sink.rejects == []
    alias_of_two = [{"add": {"index": f"{target.topic}-000001", "alias": target.topic,
                             "is_write_index": False}}]
    target.node.request("POST", "/_aliases", json.dumps({"actions": alias_of_two}))
    alias(f"{target.topic}-000002")
    again = target.open()
    target.upsert(again, 1, "b", 2, offset=1)
    with pytest.raises(Refused) as refused:
        again.put()
    assert refused.value.code == "WEIR_FATAL"
    assert "alias of 2 indices" in refused.value.message and "rollover" in refused.value.message


def test_a_key_of_several_fields_makes_an_id_of_all(target):
    key = record("Two", order="long", line="int")
    sink = target.open()
    for order, line in ((1, 23), (12, 3)):
        sink.add(target.topic, key, {"order": order, "line": line}, ORDER,
                 {"id": order, "name": None, "amount": line})
    sink.apply()
    assert target.documents() == {"[1,23]": (None, 23), "[12,3]": (None, 3)}


def test_an_id_with_any_character_is_one_document(target):
    sink = target.open()
    key = record("Text", code="string")
    for id, name in (('a/b "c" ?&#%ü', "first"), ('a/b "c" ?&#%ü', "second")):
        sink.add(target.topic, key, {"code": id}, ORDER, {"id": 1, "name": name, "amount": 1})
    sink.add(target.topic, key, {"code": 'a/b "c" ?&#%ü'}, ORDER,
             {"id": 1, "name": "", "amount": 2}, unsent=[1])
    sink.apply()
    assert target.documents() == {'a/b "c" ?&#%ü': ("second", 2)}


# --- Records that cannot be written ---------------------------------------------------------------

def number_index(target):
    """An index whose mapping takes no text as amount; it is empty, so the sink may have it."""
    target.make_index(mappings={"properties": {"name": {"type": "integer"}}})


def test_a_refused_document_is_reported_and_the_rest_is_written(target):
    number_index(target)
    sink = target.open()
    target.upsert(sink, 1, "17", 1)
    target.upsert(sink, 2, "no number", 2)
    target.upsert(sink, 3, "18", 3)
    sink.apply()
    assert target.documents() == {"1": ("17", 1), "3": ("18", 3)}
    (offset, reason), = sink.rejects
    assert offset == 1
    for word in ("document_parsing_exception", target.topic, "'2'", "[name]"):
        assert word in reason, reason


def test_a_refused_document_fails_the_task_when_no_error_is_tolerated(target):
    number_index(target)
    sink = target.open()
    sink.command("tolerate 0")
    target.upsert(sink, 2, "no number", 2)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_FATAL" and "no number" in refused.value.message


@pytest.mark.parametrize("behavior, rejects, diags", [("ignore", 0, 0), ("warn", 0, 1),
                                                      ("fail", 1, 0)])
def test_what_a_refused_document_does_is_a_setting(target, behavior, rejects, diags):
    number_index(target)
    sink = target.open(behavior_on_malformed_documents=behavior)
    target.upsert(sink, 2, "no number", 2)
    target.upsert(sink, 3, "3", 3)
    sink.apply()
    assert (len(sink.rejects), len(sink.diags)) == (rejects, diags)
    assert target.documents() == {"3": ("3", 3)}


def test_a_text_that_is_not_utf8_is_rejected(target):
    sink = target.open()
    target.upsert(sink, 1, b"\xff", 1)
    target.upsert(sink, 2, "\x00\x1f\u2028\U0010ffff", 2)
    sink.apply()
    assert sink.rejects == [(0, 'field "name": a text that is not UTF-8 cannot be in a document')]
    assert target.documents() == {"2": ("\x00\x1f\u2028\U0010ffff", 2)}


def test_a_value_that_is_no_record_is_rejected_or_dropped(target):
    sink = target.open()
    sink.add(target.topic, KEY, {"id": 1}, "string", "plain text")
    target.upsert(sink, 2, "a", 1)
    sink.apply()
    assert target.documents() == {"2": ("a", 1)}
    assert [offset for offset, _ in sink.rejects] == [0]
    dropping = target.open(drop_invalid_message=True)
    dropping.add(target.topic, KEY, {"id": 1}, "string", "plain text", offset=5)
    dropping.apply()
    assert dropping.rejects == [] and "dropped" in dropping.diags[0]


def test_a_record_without_a_key_is_rejected_with_the_remedy(target):
    sink = target.open()
    sink.add(target.topic, None, None, ORDER, {"id": 1, "name": "a", "amount": 1})
    sink.add(target.topic, "string", "x" * 513, ORDER, {"id": 1, "name": "a", "amount": 1})
    sink.add(target.topic, None, b"\xff\xfe", ORDER, {"id": 1, "name": "a", "amount": 1})
    sink.add(target.topic, record("Key", id=["null", "long"]), {"id": None}, ORDER,
             {"id": 1, "name": "a", "amount": 1})
    sink.apply()
    for (_, reason), words in zip(sink.rejects, ("key.ignore", "513 bytes", "UTF-8", "null")):
        assert words in reason
    assert len(sink.rejects) == 4


# --- Settings -------------------------------------------------------------------------------------

def test_an_id_can_be_the_place_in_the_log(target):
    sink = target.open(key_ignore=True)
    target.upsert(sink, 1, "a", 1)
    target.upsert(sink, 1, "b", 2, position=77)  # the id is new for each record: no position
    target.delete(sink, 1)  # there is nothing to delete by
    sink.apply()
    assert target.documents() == {f"{target.topic}+0+0": ("a", 1), f"{target.topic}+0+1": ("b", 2)}


def test_keys_are_ignored_for_single_topics(target):
    sink = target.open(topic_key_ignore=f"other,{target.topic}")
    target.upsert(sink, 1, "a", 1)
    target.upsert(sink, 1, "b", 2, topic=f"{target.topic}-keyed")
    sink.apply()
    assert list(target.documents()) == [f"{target.topic}+0+0"]
    assert list(target.documents(f"{target.topic}-keyed")) == ["1"]


def test_an_index_gets_the_mapping_of_the_schema_unless_that_is_ignored(target):
    schema = record("All", id="long", price={"type": "bytes", "logicalType": "decimal",
                                             "precision": 9, "scale": 2},
                    at={"type": "long", "logicalType": "timestamp-millis"},
                    raw=["null", "bytes"], tags={"type": "array", "items": "string"},
                    kind={"type": "enum", "name": "Kind", "symbols": ["A", "B"]},
                    part=["null", record("Part", flag="boolean", size="double")])
    value = {"id": 1, "price": sinks.unscaled(decimal.Decimal("1.50"), 2), "at": 1700000000000,
             "raw": b"\0\1", "tags": ["x", "y"], "kind": "B", "part": {"flag": True, "size": 2.5}}
    sink = target.open(topic_schema_ignore=f"{target.topic}-free")
    for topic in (target.topic, f"{target.topic}-free"):
        sink.add(topic, KEY, {"id": 1}, schema, value)
    sink.apply()
    types = {name: one.get("type") for name, one in target.mapping()["properties"].items()}
    assert types == {"id": "long", "price": "double", "at": "date", "raw": "binary",
                     "tags": "text", "kind": "keyword", "part": None}
    parts = target.mapping()["properties"]["part"]["properties"]
    assert parts["flag"]["type"] == "boolean" and parts["size"]["type"] == "double"
    free = target.node.request("GET", f"/{target.topic}-free/_mapping")[f"{target.topic}-free"]
    assert free["mappings"]["properties"]["at"]["type"] == "long"  # what Elasticsearch guessed
    document = target.node.documents(target.topic)["1"]
    assert document == {"id": 1, "price": decimal.Decimal("1.50"), "at": 1700000000000,
                        "raw": "AAE=", "tags": ["x", "y"], "kind": "B",
                        "part": {"flag": True, "size": decimal.Decimal("2.5")}}


def test_a_text_that_looks_like_a_date_is_a_text(target):
    """Whatever came first, and also in a field that the table got later."""
    sink = target.open()
    target.delete(sink, 9)
    target.upsert(sink, 1, "2024-01-31", 1)
    target.upsert(sink, 2, "no date", 2)
    wider = record("Order", id="long", name=["null", "string"], amount=["null", "int"], note="string")
    for id, note in ((3, "2024-01-31"), (4, "no date")):
        sink.add(target.topic, KEY, {"id": id}, wider,
                 {"id": id, "name": None, "amount": id, "note": note})
    sink.apply()
    assert sink.rejects == [] and len(target.documents()) == 4
    types = {name: one["type"] for name, one in target.mapping()["properties"].items()}
    assert types == {"id": "long", "name": "text", "amount": "integer", "note": "text"}


@pytest.mark.parametrize("behavior, there, rejects", [("delete", {}, 0),
                                                      ("ignore", {"1": ("a", 1)}, 0),
                                                      ("fail", {"1": ("a", 1)}, 1)])
def test_what_a_record_without_a_value_does_is_a_setting(target, behavior, there, rejects):
    sink = target.open(behavior_on_null_values=behavior)
    target.upsert(sink, 1, "a", 1)
    target.delete(sink, 1)
    sink.apply()
    assert target.documents() == there
    assert len(sink.rejects) == rejects


@pytest.mark.parametrize("name, value, remedy", [
    ("data.stream.type", "logs", "data streams are not supported"),
    ("data.stream.dataset", "shop", "data streams are not supported"),
    ("data.stream.timestamp.field", "at", "data streams are not supported"),
    ("external.resource.usage", "DATASTREAM", "route transform"),
    ("compact.map.entries", "false", "as objects"),
    ("use.autogenerated.ids", "true", "second document"),
    ("external.version.header", "v", "position in its source"),
    ("topic.to.external.resource.mapping", "a:b", "route transform"),
    ("elastic.security.protocol", "SSL", "https://"),
    ("kerberos.keytab.path", "/x", "Kerberos"),
    ("proxy.username", "u", "proxy with authentication"),
    ("connection.url", "ftp://127.0.0.1:9200", "http:// or https://"),
    ("connection.url", "http://u:wr0ng@127.0.0.1:9200", "connection.password"),
    ("bulk.size.bytes", "1000", "at least 1024"),
    ("topic.index.map", "a:b", "route transform"),
    ("write.method", "merge", "insert"),
    ("batch.size", "0", "batch.size"),
])
def test_a_setting_that_cannot_work_is_refused_with_the_reason(target, name, value, remedy):
    if name == "connection.url":
        sink = target.sink(url=value)
    else:
        sink = target.sink()
        sink.set(name, value)
    with pytest.raises(Refused) as refused:
        sink.command("open")
    assert refused.value.code == "WEIR_CONFIG"
    assert name in refused.value.message and remedy in refused.value.message
    assert "wr0ng" not in refused.value.message


def test_the_confluent_sinks_defaults_of_what_is_not_supported_are_accepted(target):
    sink = target.open(data_stream_type="NONE", external_resource_usage="DISABLED",
                       use_autogenerated_ids=False, compact_map_entries=True,
                       elastic_security_protocol="PLAINTEXT", elastic_https_ssl_protocol="TLSv1.3")
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.documents() == {"1": ("a", 1)}


def test_user_and_api_key_exclude_each_other(target):
    with pytest.raises(Refused) as refused:
        target.open(connection_username="u", connection_api_key="k")
    assert "give one of them" in refused.value.message


@pytest.mark.parametrize("name", ["type.name", "auto.create.indices.at.start", "max.buffered.records", "flush.timeout.ms",
                                  "flush.synchronously", "max.connection.idle.time.ms",
                                  "log.sensitive.data", "linger.ms"])
def test_a_setting_of_the_replaced_connector_without_effect_is_accepted(target, name):
    sink = target.sink()
    sink.set(name, "1000")
    sink.command("open")
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.documents() == {"1": ("a", 1)}


def test_bodies_are_compressed_unless_that_is_switched_off(target, front):
    for compression, encoding in ((True, "gzip"), (False, None)):
        sink = target.open(url=front.url, connection_compression=compression)
        target.upsert(sink, 1, "a", 1)
        sink.apply()
        assert "/_bulk" in front.requests[-1][1]
        assert front.headers[-1].get("Content-Encoding") == encoding
