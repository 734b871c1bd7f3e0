"""Holds every example in the documents of the dialects against the schema beside it.

Takes the documents as arguments; prints how many examples were held, or what is wrong with one.
"""

import json
import sys

import jsonschema_rs

PREFIX = "#/components/schemas/"


def with_definitions(document, schema):
    """The schema by itself: its references point into a copy of the document's schemas."""
    text = json.dumps({"$defs": document["components"]["schemas"], "allOf": [schema]})
    return json.loads(text.replace(PREFIX, "#/$defs/"))


def resolved(document, part):
    """The part, or what it refers to."""
    if "$ref" not in part:
        return part
    _, *names = part["$ref"].split("/")
    for name in names:
        document = document[name]
    return document


def examples_of(document):
    """Every example with its schema and its place."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if "example" in parameter:
                    place = (method, path, parameter["name"])
                    yield place, parameter["schema"], parameter["example"]
            bodies = [("body", operation.get("requestBody", {}))]
            bodies += [(status, resolved(document, answer)) for status, answer in operation["responses"].items()]
            for name, body in bodies:
                for content in body.get("content", {}).values():
                    shown = [content["example"]] if "example" in content else []
                    shown += [example["value"] for example in content.get("examples", {}).values()]
                    for example in shown:
                        yield (method, path, name), content["schema"], example


def main():
    held = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        for place, schema, example in examples_of(document):
            schema = with_definitions(document, schema)
            validator = jsonschema_rs.validator_for(schema, validate_formats=True)
            for error in validator.iter_errors(example):
                sys.exit(f"{name}: {place}: {error.message}")
            held += 1
    assert held > 0, "no examples were found"
    print(f"{held} examples")


main()
