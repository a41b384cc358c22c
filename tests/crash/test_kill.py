"""test_kill.py - kill -9 of weir at random moments: afterwards every sink, and the log, equal the source.

The source is changed all the time: inserts, updates, deletes, and keys that change, also while the snapshot
runs.
"""
import random
import time

import pytest

import servers
from world import Changes, World, kill_while_streaming

SNAPSHOT_BYTES = 7_500_000  # about what the rows of a World take on the wire


@pytest.fixture
def world(postgres, elasticsearch, folder, build, weir):
    def make(name):
        return World(postgres, folder, build, weir, name, search=elasticsearch)

    return make


def test_kills_during_the_snapshot_lose_nothing_and_keep_no_deleted_row(world):
    one = world("snap")
    changes = Changes(one.postgres, one.source, 1)
    changes.start()
    one.link.rate = SNAPSHOT_BYTES / 6  # what is read before all kills have hit is less than the whole
    rng = random.Random(11)
    for killed in range(12):
        weir = one.start()
        servers.wait_until(lambda: "snapshot" in weir.output, "the snapshot to begin", 30, 0.005)
        time.sleep(rng.uniform(0.0, 0.4))  # the moment of death
        assert weir.process.poll() is None, weir.output[-3000:]
        assert not one.snapshot_is_done(weir), f"after {killed} kills the snapshot was complete"
        weir.kill()
    one.link.rate = None
    weir = one.start()
    servers.wait_until(lambda: one.snapshot_is_done(weir), "the snapshot", 60)
    changes.stop()
    one.finish(weir)
    assert one.differences() == []


def test_kills_while_streaming_under_load_lose_nothing(world):
    one = world("stream")
    changes = Changes(one.postgres, one.source, 2)
    weir = one.start()
    servers.wait_until(lambda: one.snapshot_is_done(weir), "the snapshot", 60)
    # A snapshot that is not durable everywhere begins again: no kill would hit a source or sink that streams.
    servers.wait_until(one.is_caught_up, "every sink to have the snapshot", 120, 0.05)
    changes.start()
    servers.wait_until(lambda: one.has_number(0), "the first change", 60, 0.05)
    weir.kill()
    rng = random.Random(12)
    assert kill_while_streaming(one, changes, rng, 10, 0.6) == []
    assert kill_while_streaming(one, changes, rng, 5, 0.1) == []  # within 100 ms of a start
    weir = one.start()
    changes.stop()
    one.finish(weir)
    assert one.differences() == []
