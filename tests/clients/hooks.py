"""What schemathesis does not know by itself of the documents."""

import os

import schemathesis


# Bytes of an upload in pieces, as the protocol of resumable uploads calls them.
@schemathesis.serializer("application/offset+octet-stream")
def pieces(ctx, value):
    if isinstance(value, bytes):
        return value
    return str(value).encode()


# The id of an upload is the end of its address, which no link can say.
@schemathesis.hook
def before_load_schema(ctx, raw_schema):
    uploads = raw_schema["paths"].get("/delenda/v1/uploads")
    if uploads:
        place = {"id": "$response.header.Location#regex:/uploads/([^?]+)"}
        calls = ["head_uploads_id", "patch_uploads_id", "delete_uploads_id"]
        links = {call: {"operationId": call, "parameters": place} for call in calls}
        uploads["post"]["responses"]["201"]["links"] = links


# What is made up as nonsense for a parameter is often sent as nothing at all, and an empty value is as
# an absent one. A header that nobody knows makes no request worse.
@schemathesis.hook
def filter_case(ctx, case):
    is_said = all(says_something(value) for value in (case.query or {}).values())
    return is_said and "x-schemathesis-unknown-property" not in (case.headers or {})


def says_something(value):
    if isinstance(value, dict):
        return any(says_something(member) for member in value.values())
    if isinstance(value, list):
        return any(says_something(item) for item in value)
    return value is not None and value != ""


# A cursor is a text of the server's own: none that is made up is one.
@schemathesis.hook
def map_query(ctx, query):
    return {name: query[name] for name in query if name != "cursor"} if query else query


# Real clients send `[]` for a body that may be left out, and it is taken as none.
@schemathesis.hook
def filter_body(ctx, body):
    return body != []


# `102.0` is an integer to JSON Schema, and none to the server: nobody writes one so. And nobody writes
# hundreds of digits out.
@schemathesis.hook
def map_body(ctx, body):
    return written(body)


def written(value):
    if isinstance(value, dict):
        return {name: written(member) for name, member in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**64:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**64:
        return float(value)
    return value


# Whoever revokes or rotates the key that it asks with is nobody afterwards: another one is there for that.
@schemathesis.hook
def before_call(ctx, case, kwargs):
    is_of_keys = case.operation.path.startswith("/delenda/v1/keys/{id}")
    if is_of_keys and case.path_parameters.get("id") == os.environ["OWN_KEY"]:
        case.path_parameters["id"] = os.environ["EXPENDABLE_KEY"]
