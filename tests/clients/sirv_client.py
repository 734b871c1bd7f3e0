"""The client of the Sirv dialect that its users install, version 1.0.0, against a server of ours.

Takes HOST, ID and KEY from the environment. Every step asserts what it gets; the last line that is
printed says that all steps were taken.
"""

import os

from sirv_rest_api import SirvApiError, SirvClient

CONTENT = bytes(range(256)) * 64
# Entries of one page of a folder.
PAGE = 100


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
    refused(400, client.batch_delete, ["/kept/one.txt", "/kept"])
    assert client.download_file("/kept/one.txt") == b"one"


def names(client, folder):
    return [item["filename"] for item in client.iterate_folder_contents(folder)]


def folders(client):
    client.create_folder("/tree/empty")
    assert client.get_file_info("/tree/empty")["isDirectory"] is True
    refused(409, client.create_folder, "/tree/empty")
    for number in range(PAGE + 5):
        client.upload_file(f"/tree/many/{number:03}.txt", b"x")
    page = client.read_folder_contents("/tree/many")
    assert len(page["contents"]) == PAGE and page["continuation"], page
    assert names(client, "/tree/many") == [f"{number:03}.txt" for number in range(PAGE + 5)]
    shown = client.read_folder_contents("/tree")
    assert "continuation" not in shown, shown
    assert [item["isDirectory"] for item in shown["contents"]] == [True, True], shown
    refused(404, client.read_folder_contents, "/nowhere")


def moves(client):
    client.upload_file("/moves/one.txt", b"one")
    client.copy_file("/moves/one.txt", "/moves/two words.txt")
    refused(409, client.copy_file, "/moves/one.txt", "/moves/two words.txt")
    client.rename_file("/moves/one.txt", "/moves/three.txt")
    refused(404, client.get_file_info, "/moves/one.txt")
    assert client.download_file("/moves/three.txt") == b"one"
    client.rename_file("/moves", "/moved")
    assert names(client, "/moved") == ["three.txt", "two words.txt"]


def deletes(client):
    refused(409, client.delete_file, "/moved")
    client.delete_file("/moved/three.txt")
    client.delete_file("/moved/two words.txt")
    refused(404, client.delete_file, "/moved/three.txt")
    client.delete_file("/moved")
    refused(404, client.get_file_info, "/moved")


def account(client):
    before = client.get_storage_info()
    client.upload_file("/measured.bin", CONTENT)
    after = client.get_storage_info()
    assert after["used"] - before["used"] == len(CONTENT), (before, after)
    assert after["files"] - before["files"] == 1, (before, after)
    assert after["plan"] >= after["used"], after
    limits = client.get_account_limits()
    for kind, limit in limits.items():
        assert limit["count"] + limit["remaining"] == limit["limit"], (kind, limit)
    assert limits["rest:post:files:batch:delete"]["limit"] == 10, limits
    assert client.get_account_info()["alias"], "the account has a name"


def main():
    host = os.environ["HOST"]
    with SirvClient(os.environ["ID"], os.environ["KEY"], base_url=host, max_retries=0) as client:
        tokens(client, host)
        one_file(client)
        a_batch_as_this_client_writes_it_deletes_nothing(client)
        folders(client)
        moves(client)
        deletes(client)
        account(client)
    print("all steps were taken")


main()
