"""The client of the Sirv dialect that its users install, version 1.0.0, against a server of ours.

Takes HOST, ID and KEY from the environment. Every step asserts what it gets; the last line that is
printed says that all steps were taken.
"""

import os

from sirv_rest_api import SirvApiError, SirvClient

CONTENT = bytes(range(256)) * 64


def refused(status, call, *arguments):
    """Makes a call that must be refused with this status."""
    try:
        answer = call(*arguments)
    except SirvApiError as error:
        assert error.status_code == status, (call, arguments, error.status_code, error)
        return error
    raise AssertionError(f"{call} of {arguments} answered {answer!r}")


def tokens(client, host):
    issued = client.connect(expires_in=600)
    assert issued["expiresIn"] == 600, issued
    assert {"read", "write", "delete"} <= set(issued["scope"]), issued
    assert client.is_connected()
    assert client.get_access_token() == issued["token"]
    refused(401, SirvClient("nobody", "nothing", base_url=host).connect)


def one_file(client):
    client.upload_file("/photos/a b+c&d/ü.jpg", CONTENT, {"content_type": "image/jpeg"})
    stat = client.get_file_info("/photos/a b+c&d/ü.jpg")
    assert (stat["size"], stat["isDirectory"]) == (len(CONTENT), False), stat
    assert (stat["contentType"], stat["meta"]) == ("image/jpeg", {}), stat
    assert stat["mtime"].endswith("Z") and stat["ctime"].endswith("Z"), stat
    assert client.get_file_info("/photos/a b+c&d")["isDirectory"] is True
    assert client.download_file("/photos/a b+c&d/ü.jpg") == CONTENT
    absent = refused(404, client.get_file_info, "/photos/absent.jpg")
    assert (absent.error_code, absent.message) == ("Not Found", "Not found"), absent


def a_batch_as_this_client_writes_it_deletes_nothing(client):
    # It sends a bare list to the route for one file: no batch in the words of the vendor's own
    # documentation.
    client.upload_file("/kept/one.txt", b"one")
    refused(BATCH_STATUS, client.batch_delete, ["/kept/one.txt", "/kept"])
    assert client.download_file("/kept/one.txt") == b"one"


# The route for one file is not there yet.
BATCH_STATUS = 404


def main():
    host = os.environ["HOST"]
    with SirvClient(os.environ["ID"], os.environ["KEY"], base_url=host, max_retries=0) as client:
        tokens(client, host)
        one_file(client)
        a_batch_as_this_client_writes_it_deletes_nothing(client)
    print("all steps were taken")


main()
