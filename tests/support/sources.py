"""sources.py - a source under the hand of a test: the driver's protocol."""
import json
import os
import subprocess
import time


class Refused(Exception):
    """A callback failed: code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Source:
    """One task of a source. What it delivered since the start is in records and offsets."""

    def __init__(self, build, plugin, settings, offset=None):
        self.process = subprocess.Popen(
            [os.path.join(build, "tests/support/source_driver"),
             os.path.join(build, "connectors", plugin + ".so")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.records, self.offsets, self.diags, self.schemas = [], [], [], []
        self.ended = False
        self.open_count = 0  # records behind the last checkpoint
        self.batch_count = 0
        for name, value in settings.items():
            self.command(f"set {name} {str(value).encode().hex()}")
        if offset:
            partition, place = (json.dumps(part, separators=(",", ":")) for part in offset)
            self.command(f"offset {partition.encode().hex()} {place.encode().hex()}")

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            assert line, f"the driver ended at: {text[:200]}"
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ok":
                return rest
            if word == "record":
                self.records.append(json.loads(rest))
                for part in ("key_schema", "value_schema"):
                    if part in self.records[-1]:
                        self.records[-1][part] = self.schemas[self.records[-1][part]]
                self.open_count += 1
                self.batch_count += 1
            elif word == "schema":
                self.schemas.append(json.loads(rest))
            elif word == "offset":
                self.offsets.append(json.loads(rest))
                self.open_count = self.batch_count - self.offsets[-1]["records"]
            elif word == "diag":
                self.diags.append(rest)
            else:
                code, _, message = rest.partition(" ")
                raise Refused(code, message)

    def open(self):
        self.command("open")
        return self

    def poll(self, milliseconds=100):
        self.batch_count = 0
        self.ended = self.command(f"poll {milliseconds}") == "end"
        return self.records

    def poll_until(self, condition, ack=True, timeout=30):
        """Polls, and acknowledges what is at a checkpoint, until the condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, (
                f"in vain, with {len(self.records)} records: {self.records[-3:]} {self.diags[-3:]}")
            self.poll()
            if ack:
                self.command("ack")

    def take(self, count, ack=True):
        """The next records, of which there are no more than this, and the checkpoint behind them."""
        start = len(self.records)
        self.poll_until(lambda: len(self.records) >= start + count and self.open_count == 0, ack)
        assert len(self.records) == start + count, self.records[start:]
        return self.records[start:]

    @property
    def offset(self):
        """Where the last checkpoint resumes: (partition, offset)."""
        return self.offsets[-1]["partition"], self.offsets[-1]["offset"]

    def close(self):
        """Ends it as a worker would, if it still runs."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
            assert self.process.wait(20) in (0, -9)
            self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
