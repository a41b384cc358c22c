"""sinks.py - a sink under the hand of a test: the driver's protocol, and Avro from Python's values."""
import json
import os
import struct
import subprocess


class Refused(Exception):
    """A callback failed: code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(schema, value):
    """Avro binary. A union takes the first branch that is not null; None its null."""
    if isinstance(schema, list):
        if value is None:
            return varint(schema.index("null"))
        branch = next(i for i, one in enumerate(schema) if one != "null")
        return varint(branch) + encode(schema[branch], value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return encode(kind, value)
    if kind == "null":
        return b""
    if kind == "boolean":
        return b"\1" if value else b"\0"
    if kind in ("int", "long"):
        return varint(value)
    if kind == "float":
        return struct.pack("<f", value)
    if kind == "double":
        return struct.pack("<d", value)
    if kind in ("bytes", "string"):
        data = value.encode() if isinstance(value, str) else value
        return varint(len(data)) + data
    if kind == "fixed":
        return value
    if kind == "enum":
        return varint(schema["symbols"].index(value))
    if kind == "array":
        items = b"".join(encode(schema["items"], one) for one in value)
        return (varint(len(value)) + items if value else b"") + b"\0"
    if kind == "map":
        items = b"".join(encode("string", k) + encode(schema["values"], v)
                         for k, v in value.items())
        return (varint(len(value)) + items if value else b"") + b"\0"
    assert kind == "record", kind
    return b"".join(encode(field["type"], value[field["name"]]) for field in schema["fields"])


def record(name, /, **fields):
    return {"type": "record", "name": name,
            "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


def unscaled(value, scale):
    """A decimal.Decimal as the bytes of its unscaled integer."""
    number = int(value.scaleb(scale))
    return number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True)


class Sink:
    """One task of a sink, and the records that wait for its next put."""

    def __init__(self, build, plugin, /, **settings):
        self.process = subprocess.Popen(
            [os.path.join(build, "tests/support/sink_driver"),
             os.path.join(build, "connectors", plugin + ".so")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.rejects, self.diags, self.schemas, self.offsets = [], [], {}, {}
        self.waiting = []  # (topic, partition, offset, command) since the last flush
        for name, value in settings.items():
            self.set(name, value)

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            assert line, f"the driver ended at: {text[:200]}"
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ok":
                return rest
            if word == "reject":
                offset, _, reason = rest.partition(" ")
                self.rejects.append((int(offset), reason))
            elif word == "diag":
                self.diags.append(rest)
            else:
                code, _, message = rest.partition(" ")
                raise Refused(code, message)

    def set(self, name, value):
        if isinstance(value, bool):
            value = str(value).lower()
        self.command(f"set {name.replace('_', '.')} {str(value).encode().hex() or '-'}")

    def task(self, connector="test", number=0, log="log-1", epoch=1):
        self.identity = [connector, number, log, epoch]
        self.command(f"task {connector} {number} {log} {epoch}")
        return self

    def open(self, *topics, partition=0):
        """Opens, and takes partition 0 of the topics; their identities are their names."""
        self.command("open")
        for topic in topics:
            self.command(f"topic {topic} id-of-{topic}")
            self.assigned(topic, partition)
        return self

    def assigned(self, topic, partition=0):
        resume = int(self.command(f"assigned {topic} {partition}"))
        self.offsets[topic, partition] = max(resume, 0)
        return resume

    def schema(self, schema):
        text = json.dumps(schema)
        if text not in self.schemas:
            self.schemas[text] = f"s{len(self.schemas)}"
            self.command(f"schema {self.schemas[text]} {text.encode().hex()}")
        return self.schemas[text]

    def add(self, topic, key_schema=None, key=None, value_schema=None, value=None, partition=0,
            offset=None, unsent=(), table=None, position=None, source=None, restart=None):
        if offset is None:
            offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + 1
        words = ["record", topic, str(partition), str(offset)]
        for schema, content in ((key_schema, key), (value_schema, value)):
            words.append(self.schema(schema) if schema else "-")
            if content is None:
                words.append("-")
            elif schema:
                words.append(encode(schema, content).hex())
            else:
                words.append(content.hex())
        words.append(",".join(map(str, unsent)) or "-")
        # As a change from a database has them.
        headers = {"weir.position": position, "weir.source": source, "weir.restart": restart}
        words.append(table or "-")
        words += [f"{name}={value}" for name, value in headers.items() if value is not None]
        self.waiting.append((topic, partition, offset, " ".join(words)))
        self.command(" ".join(words))

    def put(self):
        self.command("put")

    def flush(self, offsets=None):
        offsets = self.offsets if offsets is None else offsets
        self.command("flush " + " ".join(f"{t} {p} {o}" for (t, p), o in offsets.items()))

    def restart(self):
        """What a worker does after WEIR_RETRY from flush: closes, opens, reads on from what is durable."""
        self.command("close")
        self.command("clear")
        self.identity[3] += 1
        self.command("task " + " ".join(map(str, self.identity)))
        self.command("open")
        ends = dict(self.offsets)
        resume = {place: self.assigned(*place) for place in ends}
        self.offsets = ends
        for topic, partition, offset, command in self.waiting:
            if offset >= resume[topic, partition]:
                self.command(command)

    def apply(self):
        """put and flush, and once more after a restart when flush asks for it."""
        try:
            self.put()
            self.flush()
        except Refused as refused:
            if refused.code != "WEIR_RETRY":
                raise
            self.restart()
            self.put()
            self.flush()
        self.command("clear")
        self.waiting = []

    def close(self):
        """Ends it as a worker would, if it still runs."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait()
