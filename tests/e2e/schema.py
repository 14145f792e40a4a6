"""Compares a document with its schema in the venue's own description of its API."""

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_TYPES: dict[str, type] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "object": dict,
    "string": str,
}


def faults(value: Any, schema: Schema, schemas: dict[str, Schema], where: str = "$") -> Iterator[str]:
    """Say what does not conform; it knows the words of JSON Schema that the description uses, and no others."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        options = [list(faults(value, option, schemas, where)) for option in schema["anyOf"]]
        yield from [] if [] in options else options[0]
    elif "enum" in schema:
        if value not in schema["enum"]:
            yield f"{where} is {value!r}, not one of {schema['enum']}"
    elif type(value) is not _TYPES[schema["type"]]:
        yield f"{where} is {value!r}, not of type {schema['type']}"
    elif isinstance(value, dict):
        yield from _member_faults(value, schema, schemas, where)
    elif isinstance(value, list):
        items = schema.get("prefixItems") or [schema["items"]] * len(value)
        for number, (item, its_schema) in enumerate(zip(value, items, strict=True)):
            yield from faults(item, its_schema, schemas, f"{where}[{number}]")
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{where} is {value!r}, not {schema['pattern']}"
    elif isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{where} is {value}, below {schema['minimum']}"


def _member_faults(value: dict[str, Any], schema: Schema, schemas: dict[str, Schema], where: str) -> Iterator[str]:
    known = schema["properties"]
    for name in schema["required"]:
        if name not in value:
            yield f"{where}.{name} is missing"
    for name, member in value.items():
        if name in known:
            yield from faults(member, known[name], schemas, f"{where}.{name}")
        else:
            yield f"{where}.{name} is not described"
