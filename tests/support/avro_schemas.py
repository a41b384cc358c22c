"""avro_schemas.py - random Avro schemas and random changes of them, for differential tests.

A Maker with a seed makes the same schemas each time. Most are legal; what is not is wrong in one
place. change() makes of a schema one that somebody might register next.
"""
import copy
import random

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NAMES = ["A", "B", "C", "Rec", "Node", "int", "array", "record", "x_1"]
SPACES = ["a", "b", "a.b", "com.example"]
FIELDS = ["f", "g", "h", "id", "name", "next"]
SYMBOLS = ["RED", "GREEN", "BLUE", "A", "_x"]
LOGICAL = [("int", {"logicalType": "date"}), ("int", {"logicalType": "time-millis"}),
           ("long", {"logicalType": "timestamp-micros"}), ("string", {"logicalType": "uuid"}),
           ("long", {"logicalType": "local-timestamp-millis"}),
           ("bytes", {"logicalType": "decimal", "precision": 9, "scale": 2}),
           ("bytes", {"precision": 4, "logicalType": "decimal"}),
           ("bytes", {"logicalType": "decimal", "precision": 4, "scale": 0}),
           ("bytes", {"logicalType": "decimal", "precision": 2, "scale": 4}),
           ("string", {"logicalType": "decimal", "precision": 2}),
           ("int", {"logicalType": "nothing"}), ("long", {"logicalType": 7})]
VALUES = [None, True, 0, -7, 3 * 10 ** 9, 1.5, 0.001, 1e7, 12345678.5, 1e-5, 1e300, -0.0, "text",
          "quote\" \\ / \b\u0001\u001f\u007f\u20ac\U0001f600", [], {}, [1, [2.0, "x"]],
          {"z": 1, "a": {"k": [None]}, "m": "n"}]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.known = []    # full names of types that are whole, or around
        self.inside = []   # of those that are around

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def pick(self, items):
        return self.random.choice(items)

    # --- types ---------------------------------------------------------------------------------

    def schema(self, known=()):
        self.known = list(known)
        self.inside = []
        if self.chance(12):
            return self.type(2, None)
        return self.record(3, None)

    def type(self, depth, space):
        if self.known and self.chance(5):
            return self.reference(space)
        if depth <= 0:
            return self.primitive()
        kind = self.random.randrange(14)
        if kind < 5:
            return self.primitive()
        if kind < 7:
            return self.union(depth, space)
        if kind < 9:
            return self.record(depth - 1, space)
        if kind == 9:
            return self.enum(space)
        if kind == 10:
            return self.fixed(space)
        if kind == 11:
            return self.extras({"type": "array", "items": self.type(depth - 1, space)})
        if kind == 12:
            return self.extras({"type": "map", "values": self.type(depth - 1, space)})
        name, properties = self.pick(LOGICAL)
        return self.extras({"type": name, **properties})

    def primitive(self):
        name = self.pick(PRIMITIVES)
        if self.chance(8):
            return self.extras({"type": name})
        return name

    def reference(self, space):
        name = self.pick(self.known)
        if self.chance(2) and name.rpartition(".")[0] == (space or ""):
            name = name.rpartition(".")[2]
        return name

    def union(self, depth, space):
        if self.chance(3):
            branch = self.type(depth - 1, space)
            while isinstance(branch, list):
                branch = self.type(depth - 1, space)
            return ["null", branch] if self.chance(2) else [branch, "null"]
        branches = self.random.sample(PRIMITIVES, self.random.randrange(1, 5))
        for _ in range(self.random.randrange(3)):
            branches.insert(self.random.randrange(len(branches) + 1), self.type(depth - 1, space))
        return branches

    def named(self, type_name, space, members):
        """The attributes of a named type, its full name, and the namespace for what is in it."""
        name = f"{self.pick(NAMES)}{self.random.randrange(60)}" if not self.chance(12) else \
            self.pick(NAMES)
        members.update({"type": type_name, "name": name})
        kind = self.random.randrange(10)
        if kind == 0:
            members["namespace"] = ""
            own = None
        elif kind < 4:
            own = members["namespace"] = self.pick(SPACES)
        elif kind == 4:
            own = self.pick(SPACES)
            members["name"] = f"{own}.{name}"
        else:
            own = space
        if self.chance(5):
            members["doc"] = self.pick(["", "what it is", "caf\u00e9 \"q\""])
        if self.chance(4):
            members["aliases"] = [self.alias() for _ in range(self.random.randrange(3))]
        return own, (f"{own}." if own else "") + name

    def alias(self):
        name = f"{self.pick(NAMES)}{self.random.randrange(6)}"
        return name if self.chance(2) else f"{self.pick(SPACES)}.{name}"

    def record(self, depth, space):
        members = {}
        own, full = self.named("record" if not self.chance(15) else "error", space, members)
        self.known.append(full)
        self.inside.append(full)
        names = self.random.sample(FIELDS, self.random.randrange(len(FIELDS)))
        members["fields"] = [self.field(name, depth, own) for name in names]
        self.inside.pop()
        return self.extras(members)

    def field(self, name, depth, space):
        field = {"name": name, "type": self.type(depth, space)}
        if self.inside and self.chance(8):
            field["type"] = ["null", self.pick(self.inside)]
        if self.chance(2):
            value = self.default(field["type"])
            if value is not self:
                field["default"] = value
        if self.chance(6):
            field["aliases"] = self.random.sample(FIELDS, self.random.randrange(1, 3))
        if self.chance(8):
            field["doc"] = self.pick(["", "a field"])
        if self.chance(8):
            field["order"] = self.pick(["ascending", "descending", "ignore"])
        return self.extras(field)

    def enum(self, space):
        members = {}
        _, full = self.named("enum", space, members)
        self.known.append(full)
        members["symbols"] = self.random.sample(SYMBOLS, self.random.randrange(1, len(SYMBOLS) + 1))
        if self.chance(3):
            members["default"] = self.pick(members["symbols"])
        return self.extras(members)

    def fixed(self, space):
        members = {}
        _, full = self.named("fixed", space, members)
        self.known.append(full)
        members["size"] = self.random.randrange(1, 20)
        if self.chance(3):
            members.update({"logicalType": "decimal", "precision": self.random.randrange(1, 30)})
        return self.extras(members)

    def extras(self, members):
        """Properties now and then, and the attributes in any order."""
        if self.chance(8):
            members[self.pick(["connect.name", "z", "a b", "logicalType2"])] = self.pick(VALUES)
        if self.chance(3):
            keys = list(members)
            self.random.shuffle(keys)
            members = {key: members[key] for key in keys}
        return members

    # --- defaults ------------------------------------------------------------------------------

    def default(self, schema):
        """A value of the type; self where there is none to be had."""
        if isinstance(schema, list):
            return self.default(schema[0] if not self.chance(8) else self.pick(schema)) if schema else self
        name = schema["type"] if isinstance(schema, dict) else schema
        simple = {"null": [None], "boolean": [True, False], "int": [0, -1, 2147483647],
                  "long": [0, 2 ** 33, -2 ** 63], "float": [1, 1.5, 0.1, 1e10, 3.4e38],
                  "double": [0, -2.5, 1e-4, 1e21, 123456789.125, 4], "bytes": ["", "\u00ff\u0000a"],
                  "string": ["", "x\n\u20ac", "null"]}
        if name in simple:
            return self.pick(simple[name])
        if not isinstance(schema, dict):
            return self
        if name == "array":
            items = [self.default(schema["items"]) for _ in range(self.random.randrange(3))]
            return self if self in items else items
        if name == "map":
            value = self.default(schema["values"])
            return {} if value is self else {"k": value, "b": value}
        if name == "enum":
            return self.pick(schema["symbols"])
        if name == "fixed":
            return "x" * schema["size"]
        if name in ("record", "error"):
            members = {f["name"]: self.default(f["type"]) for f in schema["fields"]}
            return self if self in members.values() else members
        return self

    # --- changes -------------------------------------------------------------------------------

    def change(self, schema):
        """A copy with one to three changes, legal or not."""
        changed = copy.deepcopy(schema)
        for _ in range(self.random.randrange(1, 4)):
            places = [([changed], 0)]
            collect(changed, places)
            holder, key = self.pick(places)
            holder[key] = self.changed(holder[key])
            if holder[key] is None:
                holder[key] = "null"
            changed = places[0][0][0]
        return changed

    def changed(self, schema):
        if isinstance(schema, str):
            return self.pick([self.primitive(), ["null", schema], schema, self.enum(None),
                              {"type": schema, "p": 1}])
        if isinstance(schema, list):
            return self.changed_union(schema)
        kind = schema.get("type")
        if kind in ("record", "error") and not self.chance(4):
            return self.changed_record(schema)
        if kind == "enum" and not self.chance(3):
            return self.changed_enum(schema)
        if kind == "fixed" and self.chance(2):
            schema["size"] = self.pick([4, 8, 16])
            return schema
        if "name" in schema and self.chance(2):
            return self.renamed(schema)
        return self.pick([schema, ["null", schema], self.extras(schema), self.primitive()])

    def changed_union(self, schema):
        kind = self.random.randrange(4)
        if kind == 0 and len(schema) > 1:
            schema.pop(self.random.randrange(len(schema)))
        elif kind == 1:
            schema.insert(self.random.randrange(len(schema) + 1), self.primitive())
        elif kind == 2:
            self.random.shuffle(schema)
        elif schema:
            return self.pick(schema)
        return schema

    def renamed(self, schema):
        kind = self.random.randrange(4)
        if kind == 0:
            schema["name"] = f"{self.pick(NAMES)}{self.random.randrange(6)}"
        elif kind == 1:
            schema["namespace"] = self.pick(SPACES)
        elif kind == 2:
            schema["aliases"] = [schema["name"], self.alias()]
        else:
            schema["aliases"] = [schema["name"].rpartition(".")[2]]
            schema["name"] = f"{self.pick(NAMES)}{self.random.randrange(6)}"
        return schema

    def changed_record(self, schema):
        fields, kind = schema["fields"], self.random.randrange(9)
        if kind == 0 and fields:
            fields.pop(self.random.randrange(len(fields)))
        elif kind == 1:
            name = self.pick(FIELDS)
            if not self.chance(8):
                name += str(self.random.randrange(9))
            fields.insert(self.random.randrange(len(fields) + 1), self.field(name, 1, None))
        elif kind == 2 and fields:
            field = self.pick(fields)
            field["aliases"] = [field["name"], self.pick(FIELDS)][self.random.randrange(2):]
            field["name"] += self.pick(["", "2"])
        elif kind == 3 and fields:
            self.pick(fields)["default"] = self.pick(VALUES + [0, "RED", {}])
        elif kind == 4 and fields:
            self.pick(fields).pop("default", None)
        elif kind == 5:
            self.random.shuffle(fields)
        elif kind == 6 and fields:
            field = self.pick(fields)
            field["type"] = self.type(1, None)
            field.pop("default", None)
        elif kind == 7 and fields:
            self.pick(fields)["name"] = self.pick(FIELDS)
        else:
            return self.renamed(schema)
        return schema

    def changed_enum(self, schema):
        kind = self.random.randrange(4)
        if kind == 0 and len(schema["symbols"]) > 1:
            schema["symbols"].pop()
        elif kind == 1:
            schema["symbols"].append(self.pick(["NEW", "Z", "RED"]))
        elif kind == 2:
            schema["default"] = self.pick(SYMBOLS)
        else:
            self.random.shuffle(schema["symbols"])
        return schema


def collect(schema, places):
    """Every place where a type stands, as a container and a key."""
    if isinstance(schema, list):
        for index, branch in enumerate(schema):
            places.append((schema, index))
            collect(branch, places)
    elif isinstance(schema, dict):
        for key in ("items", "values"):
            if key in schema:
                places.append((schema, key))
                collect(schema[key], places)
        for field in schema.get("fields", []):
            places.append((field, "type"))
            collect(field["type"], places)


def break_somewhere(maker, text):
    """A text that is hardly a schema any more: one small piece of it is replaced."""
    pieces = ['"record"', '"name"', '"type"', '"fields"', "[", "]", "{", "}", ":", ",", '"a"', "1"]
    found = [piece for piece in pieces if piece in text]
    piece = maker.pick(found) if found else ""
    at = text.find(piece, maker.random.randrange(len(text)))
    if at < 0:
        at = text.find(piece)
    wrong = maker.pick(['"1a"', "null", '"a..b"', "7", '"x"', "", "[]", "{}", '""'])
    return text[:at] + wrong + text[at + len(piece):]
