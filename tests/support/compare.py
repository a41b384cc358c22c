"""compare.py - are two tables the same? Counts, and an order-independent checksum outside both databases.

Each value is written in one canonical text form for its type, so that two databases that print it
differently still agree; a row's digest is SHA-256 of its values, a table's is the sum of its rows'.
"""
import datetime
import decimal
import hashlib
import json


def canonical(value, is_json=False):
    if value is None:
        return "\\N"
    if is_json:
        parsed = json.loads(value) if isinstance(value, str) else value
        return "j" + json.dumps(parsed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return "n" + format(value.normalize(), "f") if value.is_finite() else f"n{value}"
    if isinstance(value, int):
        return f"n{value}"
    if isinstance(value, float):
        return f"f{value!r}"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return "t" + value.isoformat(timespec="microseconds")
    if isinstance(value, (datetime.date, datetime.time)):
        return "t" + value.isoformat()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, (bytes, memoryview)):
        return "x" + bytes(value).hex()
    return "s" + str(value)


def _timestamp(text):
    return datetime.datetime.fromisoformat(text.strip().replace(" ", "T"))


def _microseconds(text):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(microseconds=int(text))


# From the text that a database prints to a value of Python, by what the column holds.
PARSERS = {
    "integer": int, "text": str, "boolean": lambda text: text in ("true", "t", "1"),
    "decimal": decimal.Decimal, "float": float, "json": str, "list": json.loads,
    "date": datetime.date.fromisoformat, "timestamp": _timestamp, "timestamptz": _microseconds,
}


def typed(row, kinds):
    """A row of texts and None as values of their kinds."""
    return tuple(None if text is None else PARSERS[kind](text) for text, kind in zip(row, kinds))


def table_digest(rows, json_columns=()):
    """(row count, checksum) of an iterable of rows; json_columns are places in the row."""
    count, total = 0, 0
    json_columns = set(json_columns)
    for row in rows:
        text = "\x1f".join(canonical(value, index in json_columns)
                           for index, value in enumerate(row))
        total += int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
        count += 1
    return count, total % (1 << 128)
