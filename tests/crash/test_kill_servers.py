"""test_kill_servers.py - kill -9 of the servers that weir reads and writes, under load: nothing is lost, and
nothing has to be done by hand when they are back."""
import random
import time

import pytest

import servers
from world import Changes, World

SNAPSHOT_BYTES = 7_500_000  # about what the rows of a World take on the wire


@pytest.fixture
def warehouse_server():
    """A destination of its own, so that it dies alone."""
    server = servers.Postgres()
    yield server
    server.stop()


def kill_and_start(server, rng):
    time.sleep(rng.uniform(0.1, 0.6))  # the moment of death
    server.kill()
    time.sleep(rng.uniform(0.0, 0.3))  # for so long it is away
    server.start()


def test_kills_of_source_and_destinations_lose_nothing(
        postgres, warehouse_server, elasticsearch, folder, build, weir):
    world = World(postgres, folder, build, weir, "servers", warehouse_server, elasticsearch)
    changes, rng = Changes(postgres, world.source, 4, pause=0.005), random.Random(14)
    changes.start()
    world.link.rate = SNAPSHOT_BYTES / 2
    one = world.start()
    servers.wait_until(lambda: "snapshot" in one.output, "the snapshot to begin", 30, 0.005)
    kill_and_start(postgres, rng)
    assert not world.snapshot_is_done(one)
    world.link.rate = None
    servers.wait_until(lambda: world.snapshot_is_done(one), "the snapshot after the server's end", 60)
    for server in (warehouse_server, postgres, elasticsearch, warehouse_server, elasticsearch, postgres):
        kill_and_start(server, rng)
    changes.stop()
    world.finish(one)
    assert world.differences() == []
