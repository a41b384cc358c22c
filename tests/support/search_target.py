"""search_target.py - indices of a test's own in a real Elasticsearch, and sinks that write to them.

A test module takes its fixtures: `from search_target import target, front`.
"""
import itertools
import json

import pytest

import sinks
from http_front import Front
from sinks import record

counter = itertools.count()
KEY = record("Key", id="long")
ORDER = record("Order", id="long", name=["null", "string"], amount=["null", "int"])


class Target:
    """Indices of the test's own, and sinks that write to them."""

    def __init__(self, build, node):
        self.build, self.node, self.sinks = build, node, []
        self.topic = f"orders{next(counter)}"

    def sink(self, log="log-1", url=None, **settings):
        sink = sinks.Sink(self.build, "elasticsearch", connection_url=url or self.node.url,
                          **settings)
        self.sinks.append(sink)
        return sink.task(log=log)

    def open(self, **more):
        sink = self.sink(**more)
        sink.command("open")
        return sink

    def upsert(self, sink, id, name, amount, topic=None, **more):
        sink.add(topic or self.topic, KEY, {"id": id}, ORDER,
                 {"id": id, "name": name, "amount": amount}, **more)

    def delete(self, sink, id, **more):
        sink.add(self.topic, KEY, {"id": id}, **more)

    def documents(self, index=None):
        """By id: (name, amount)."""
        found = self.node.documents(index or self.topic)
        return {id: (one.get("name"), one.get("amount")) for id, one in found.items()}

    def count(self):
        """Documents in the index, which need not be there yet."""
        try:
            return len(self.node.documents(self.topic))
        except OSError:
            return 0

    def mapping(self):
        return self.node.request("GET", f"/{self.topic}/_mapping")[self.topic]["mappings"]

    def make_index(self, **body):
        self.node.request("PUT", f"/{self.topic}", json.dumps(body))

    def stop(self):
        for sink in self.sinks:
            sink.close()


@pytest.fixture
def target(build, elasticsearch):
    one = Target(build, elasticsearch)
    yield one
    one.stop()


@pytest.fixture
def front(elasticsearch):
    one = Front(elasticsearch.port)
    yield one
    one.stop()
