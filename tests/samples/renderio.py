"""The vendor's sample: delete the outputs of a command."""

import os

import requests

command_id = os.environ["COMMAND"]

response = requests.delete(
    f"{os.environ['HOST']}/api/v1/commands/{command_id}/files",
    headers={
        "X-API-KEY": os.environ["KEY"],
    },
)

data = response.json()
print(f"Deleted: {data['deleted']}, Files removed: {data['files_deleted']}")
