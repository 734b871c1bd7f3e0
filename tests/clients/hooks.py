"""What schemathesis does not know by itself of the documents."""

import schemathesis


# Bytes of an upload in pieces, as the protocol of resumable uploads calls them.
@schemathesis.serializer("application/offset+octet-stream")
def pieces(ctx, value):
    if isinstance(value, bytes):
        return value
    return str(value).encode()
