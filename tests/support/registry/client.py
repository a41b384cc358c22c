# client.py - confluent-kafka's registry client and serializers against a registry: `client.py URL SUBJECT`, with
# records of other clients on standard input (one a line, hexadecimal). Prints what it wrote and read as JSON.
import json
import sys

from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel, Schema, SchemaReference, SchemaRegistryClient, ServerConfig)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

ORDER = {"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"}, {"name": "item", "type": "string"},
    {"name": "price", "type": ["null", "double"], "default": None}]}


def refused(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except SchemaRegistryError as error:
        return error.error_code
    return None


def administer(client):
    """Every call of the client's once, in a subject of its own."""
    first, other = Schema(json.dumps(ORDER), "AVRO"), Schema('"string"', "AVRO")
    number = client.register_schema("admin", first)
    assert client.get_schema(number).schema_type == "AVRO"
    assert client.lookup_schema("admin", first).version == 1
    assert client.get_latest_version("admin").schema_id == number
    assert client.get_version("admin", 1).schema_id == number
    assert client.get_versions("admin") == [1] and "admin" in client.get_subjects()
    assert client.test_compatibility("admin", first) is True
    assert client.test_compatibility("admin", other) is False
    assert refused(client.register_schema, "admin", other) == 409
    client.set_compatibility("admin", "NONE")
    assert client.get_compatibility("admin") == "NONE"
    client.set_config("admin", ServerConfig(compatibility=ConfigCompatibilityLevel.FULL))
    assert client.get_config("admin").compatibility_level == "FULL"
    reference = Schema(json.dumps({**ORDER, "name": "Box", "fields": [{"name": "o", "type": "shop.Order"}]}), "AVRO",
                       [SchemaReference("shop.Order", "admin", 1)])
    box = client.register_schema("box", reference)
    assert client.get_schema(box).references[0].subject == "admin"
    assert refused(client.delete_version, "admin", 1) == 42206
    client.delete_subject("box")
    client.delete_subject("box", permanent=True)
    assert client.delete_version("admin", 1) == 1
    assert refused(client.get_version, "admin", 1) == 40401
    return "all"


def json_round_trip(client):
    schema = '{"title":"A","type":"object","properties":{"a":{"type":"string"}}}'
    context = SerializationContext("json-topic", MessageField.VALUE)
    text = JSONSerializer(schema, client)({"a": "x"}, context)
    assert JSONDeserializer(schema, schema_registry_client=client)(text, context) == {"a": "x"}


def main(url, subject):
    client = SchemaRegistryClient({"url": url})
    context = SerializationContext(subject.removesuffix("-value"), MessageField.VALUE)
    wire = AvroSerializer(client, json.dumps(ORDER))({"id": 5, "item": "from python", "price": None}, context)
    lines = sys.stdin.read().split()
    calls = administer(client) if not lines else None
    json_round_trip(client)
    read = [AvroDeserializer(SchemaRegistryClient({"url": url}))(bytes.fromhex(line), context) for line in lines]
    print(json.dumps({"ids": [int.from_bytes(wire[1:5], "big")], "wire": wire.hex(), "read": read, "calls": calls}))


main(sys.argv[1], sys.argv[2])
