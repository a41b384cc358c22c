"""Avro schemas against Apache Avro for Java: the same questions, the same answers.

A seeded generator makes schemas and changes of them. Both sides say whether a text is a schema, what
its canonical, resolved, normalized and parsing forms and its fingerprints are, and what keeps a reader
from reading a writer's data: every incompatibility, with its place and its message, in its order.
Where we differ on purpose, a rule below says so; docs/internals/avro.md explains each.
"""
import collections
import json
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from avro_schemas import Maker, break_somewhere  # noqa: E402

BUILD = os.environ.get("WEIR_BUILD", "build/release")
JARS = os.path.join(ROOT, "build/deps/java/*")
PAIRS = 10000
SEEDS = [int(seed) for seed in os.environ.get("WEIR_SEEDS", "20260").split(",")]

CANONICAL, RESOLVED, FORM, CRC, SHA, NORMAL = range(1, 7)


def text_of(schema):
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-cp", JARS, "-d", classes,
                    os.path.join(ROOT, "tests/support/java/AvroOracle.java")],
                   check=True, capture_output=True)
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{classes}:{JARS}", "AvroOracle"]


OURS = [os.path.join(ROOT, BUILD, "tests/support/avro_oracle")]


def ask(program, questions):
    answer = subprocess.run(program, input="".join(f"{q}\n" for q in questions).encode(),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=200, check=True)
    lines = answer.stdout.decode().split("\n")
    assert len(lines) == len(questions) + 1, f"{len(lines)} answers to {len(questions)} questions"
    return [line.split("\t") for line in lines[:-1]]


# --- The rules: where the answers may differ ---------------------------------------------------------

def names_of(schema, space, found):
    """The full names of all types that a schema defines."""
    if isinstance(schema, list):
        for branch in schema:
            names_of(branch, space, found)
    elif isinstance(schema, dict):
        name = schema.get("name")
        if isinstance(name, str):
            own = schema.get("namespace", space)
            if "." in name:
                own = name.rpartition(".")[0]
            elif own:
                name = f"{own}.{name}"
            space = own
            found.add(name)
        for key in ("items", "values"):
            names_of(schema.get(key), space, found)
        for field in schema.get("fields", []):
            names_of(field.get("type"), space, found)


def shares_a_simple_name(question):
    """A type without a namespace, and one of the same name that has one."""
    found = set()
    for text in question.split("\t")[2:]:
        names_of(json.loads(text), None, found)
    return any("." in name and name.rpartition(".")[2] in found for name in found)


def without_defaults(text):
    def strip(members):
        return {k: v for k, v in members.items() if k != "default" or "symbols" in members}
    return text_of(json.loads(text, object_hook=strip))


def is_stricter(message):
    """We refuse; Java does not look."""
    return (re.search(r'/default": .*".* is not a value of', message)  # bytes, fixed, enum: any text
            or "duplicate object key" in message
            or "is not a name" in message                # parts of namespaces, aliases
            or "is not a namespace" in message
            or "not a string" in message)                # doc, namespace, default of an enum


def rule_of(question, theirs, ours):
    """Which rule lets the answers differ; None: none does."""
    if ours[0] == "-" and theirs[0] != "-":
        return "stricter" if is_stricter(ours[1]) else None
    if theirs[0] == "-" and ours[0] != "-":
        if "Schema fields not set yet" in theirs[1]:
            return "Java fails at a default of a type that is around it"
        return None
    if shares_a_simple_name(question):
        return "a simple name means the type in the namespace around it"
    if ours[0] == theirs[0] == "+" and ours[:NORMAL] == theirs[:NORMAL]:
        if question.rpartition("\t")[2].startswith('"'):
            return "normalizing leaves a reference's type alone in Java"
        if theirs[NORMAL].startswith("!"):
            return "normalizing fails in Java"
        if without_defaults(ours[NORMAL]) == without_defaults(theirs[NORMAL]):
            return "normalizing keeps defaults of later types in unions"
    return None


# --- The comparison ----------------------------------------------------------------------------------

def questions_of(seed, pairs):
    """Questions about schemas and about pairs; the pairs are at least so many that both sides parse."""
    maker, made = Maker(seed), []
    while pairs > 0:
        questions = []
        for _ in range(1000):
            questions.extend(make_questions(maker))
        answers = ask(OURS, questions)
        # what we refuse counts for little: some of it is asked, to see that Java refuses it too
        kept = [q for q, a in zip(questions, answers) if a[0] != "-" or maker.chance(6)]
        pairs -= sum(1 for a in answers if a[0] in "=!")
        made.extend(kept)
    return made


def make_questions(maker):
    references = [maker.schema()] if maker.chance(5) else []
    known = list(maker.known) if references else []
    first = maker.schema(known)
    second = maker.change(first) if not maker.chance(10) else maker.schema(known)
    head = "\t".join([str(len(references)), *map(text_of, references)])
    one, two = text_of(first), text_of(second)
    if maker.chance(2):
        yield f"S\t{head}\t{one}"
    yield f"C\t{head}\t{two}\t{one}"
    yield f"C\t{head}\t{one}\t{two}"
    if maker.chance(8):
        yield f"S\t0\t{break_somewhere(maker, one)}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_schemas_have_the_texts_and_the_incompatibilities_that_java_finds(java, seed):
    questions = questions_of(seed, PAIRS)
    used, wrong, count = collections.Counter(), [], collections.Counter()
    for question, theirs, ours in zip(questions, ask(java, questions), ask(OURS, questions)):
        if theirs[0] == ours[0] == "-":
            count["refused"] += 1
        elif theirs == ours:
            count["pairs" if question[0] == "C" else "schemas"] += 1
            count["incompatible"] += len(ours) > 1 and question[0] == "C"
        else:
            rule = rule_of(question, theirs, ours)
            used[rule] += 1
            if rule is None:
                wrong.append(f"{question}\n  java {theirs}\n  weir {ours}")
    print(dict(count), dict(used))
    assert not wrong, f"{len(wrong)} of {len(questions)} differ:\n" + "\n".join(wrong[:5])
    assert count["pairs"] >= PAIRS * 0.98 and count["schemas"] > PAIRS / 8
    assert count["incompatible"] > PAIRS / 4 and count["refused"] > 100


QUESTIONS = [
    # the number is written as Java writes it, the text as Jackson escapes it
    'S\t0\t{"type":"int","p":[1e3,1E-7,0.5,-0.0,123456789.125,1e21],"q":"\\u0001\\u2028/\\/"}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"f","type":"float","default":"1.5"}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"f","type":"double","default":"-Infinity"}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"f","type":["int","double"],"default":"NaN"}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"f","type":["null","int"],"default":1}]}',
    # a definition may come again, if it is the same
    'S\t0\t[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":1}},'
    '{"name":"b","type":{"type":"fixed","name":"F","size":1}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":1}},'
    '{"name":"b","type":{"type":"fixed","name":"F","size":2}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]}',
    # references: by full name, in the namespace, one on another; what is inside one is written out
    'S\t1\t{"type":"enum","name":"a.E","symbols":["X"]}\t"a.E"',
    'S\t2\t{"type":"enum","name":"a.E","symbols":["X"]}\t{"type":"record","name":"a.R","fields":[{"name":'
    '"e","type":"E"}]}\t{"type":"array","items":["a.R","a.E"]}',
    'S\t1\t{"type":"record","name":"a.R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":'
    '["X"]}}]}\t{"type":"record","name":"b.S","fields":[{"name":"r","type":"a.R"},{"name":"e","type":"a.E"}]}',
    'S\t1\t{"type":"record","name":"a.R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":'
    '["X"]}}]}\t{"type":"record","name":"a.S","fields":[{"name":"e","type":{"type":"enum","name":"E",'
    '"symbols":["X"]}},{"name":"r","type":"R"}]}',
    'S\t1\t{"type":"enum","name":"a.E","symbols":["X"]}\t{"type":"enum","name":"a.E","symbols":["Y"]}',
    # a name in front of its definition, which is written where the name stood
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"S"},{"name":"b","type":{"type":"fixed","name":'
    '"S","size":2}},{"name":"c","type":"S"}]}',
    'S\t0\t{"type":"record","name":"n.R","fields":[{"name":"a","type":["null","S"],"default":null},{"name":"b",'
    '"type":{"type":"record","name":"S","fields":[{"name":"r","type":["null","R","T"]},{"name":"t","type":{"type":'
    '"enum","name":"T","symbols":["A"]}}]}}]}',
    'S\t0\t{"type":"record","name":"n.R","fields":[{"name":"a","type":{"type":"map","values":"m.S"}},{"name":"b",'
    '"type":{"type":"record","name":"S","namespace":"m","fields":[]}}]}',
    'S\t0\t{"type":"record","name":"n.R","fields":[{"name":"a","type":"S"},{"name":"b","type":{"type":"fixed",'
    '"name":"S","namespace":"","size":2}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"S","default":{}},{"name":"b","type":{"type":'
    '"record","name":"S","fields":[]}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"S","default":"A"},{"name":"b","type":{"type":'
    '"enum","name":"S","symbols":["A"]}}]}',
    'S\t0\t["S",{"type":"fixed","name":"S","size":2}]',
    'S\t0\t[{"type":"array","items":"S"},{"type":"fixed","name":"S","size":2}]',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":["S","S"]},{"name":"b","type":{"type":"fixed",'
    '"name":"S","size":2}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"S","p":1}},{"name":"b","type":{"type":'
    '"fixed","name":"S","size":2}}]}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"S"}]}',
    'S\t0\t"S"',
    'S\t1\t{"type":"record","name":"R","fields":[{"name":"a","type":"S"},{"name":"b","type":{"type":"fixed",'
    '"name":"S","size":2}}]}\t{"type":"array","items":"R"}',
    'C\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"S"},{"name":"b","type":{"type":"fixed","name":'
    '"S","size":2}}]}\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"S","size":3}},'
    '{"name":"b","type":"S"}]}',
    # names that the language has
    'S\t0\t{"type":"record","name":"a.int","fields":[{"name":"f","type":["null","a.int"]}]}',
    'S\t0\t{"type":"record","name":"int","fields":[]}',
    'S\t0\t{"type":"record","name":"array","fields":[{"name":"f","type":["null","array"]}]}',
    'S\t0\t{"type":"array","name":"x","items":"int","size":3}',
    'S\t0\t{"type":"error","name":"E","fields":[]}',
    'S\t0\t{"type":"record","name":"R","doc":null,"namespace":null,"fields":[]}',
    'S\t0\t{"type":"enum","name":"E","symbols":["A"],"default":null}',
    'S\t0\t[]',
    'S\t0\t{"type":"map","values":[]}',
    'S\t0\t["int","int"]',
    'S\t0\t["int",["string"]]',
    'S\t0\t{"type":["int"]}',
    'S\t0\t{"type":{"type":"int"}}',
    'S\t0\t{"type":"fixed","name":"F","size":-1}',
    'S\t0\t{"type":"fixed","name":"F","size":1.0}',
    'S\t0\t{"type":"fixed","name":"F","size":0}',
    'S\t0\t{"type":"record","name":"R","fields":[{"name":"f","type":"int","order":"IGNORE"}]}',
    # the missing symbols are sorted; a field that two fields may be read into stops the comparison
    'C\t0\t{"type":"enum","name":"E","symbols":["A"]}\t{"type":"enum","name":"E","symbols":["Z","C","A","B"]}',
    'C\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"int","aliases":["b"]}]}\t{"type":"record",'
    '"name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}',
    # each "int" has a place of its own, a named type has one
    'C\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}\t{"type":'
    '"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"X","fields":[]}},{"name":"b",'
    '"type":"X"}]}',
    'C\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"X","size":1}},{"name":'
    '"b","type":"X"}]}\t{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"X",'
    '"size":2}},{"name":"b","type":"X"}]}',
    # what a try in a union finds has places that begin there
    'C\t0\t{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"fixed","name":"X","size":1}]},'
    '{"name":"b","type":"X"}]}\t{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"fixed",'
    '"name":"X","size":2}]},{"name":"b","type":"X"}]}',
    'C\t0\t["int","string"]\t["long","bytes",{"type":"enum","name":"E","symbols":["A"]}]',
    'C\t0\t"double"\t["int","long","string"]',
]


def test_what_is_easily_wrong_is_as_in_java(java):
    for question, theirs, ours in zip(QUESTIONS, ask(java, QUESTIONS), ask(OURS, QUESTIONS)):
        if theirs[0] == "-":
            assert ours[0] == "-", f"{question}: {theirs} {ours}"
        else:
            assert theirs == ours or rule_of(question, theirs, ours), f"{question}: {theirs} {ours}"
