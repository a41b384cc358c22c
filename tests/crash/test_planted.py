"""test_planted.py - the crash test can fail: a program that acknowledges before it commits is found out."""
import os
import random

import pytest

import servers
from world import ROOT, Changes, World, kill_while_streaming

KILLS = 20


@pytest.fixture(scope="session")
def build():
    """Instead of the program under test: the one that can be made to err (runtime/base/plant.h)."""
    return os.path.join(ROOT, "build/planted")


def test_planted_acknowledgement_before_the_commit_is_found(postgres, folder, build, weir):
    """The scenario of test_kill.py, with a program that tells the source too early."""
    world = World(postgres, folder, build, weir, "planted", rows=100)
    one = world.start()
    servers.wait_until(lambda: world.snapshot_is_done(one), "the snapshot", 60)
    changes = Changes(world.postgres, world.source, 3, pause=0.01)
    changes.start()
    one.kill()
    lost = kill_while_streaming(world, changes, random.Random(13), KILLS, 1.5,
                                {"WEIR_PLANT": "acked_before_commit"})
    changes.stop()
    assert lost, f"{KILLS} kills of a program that acknowledges too early, and nothing is missing"
    # The program itself does not go on as if nothing had happened, either.
    one = world.start()
    servers.wait_until(lambda: "changes are missing" in one.output, "the source to notice", 30)
