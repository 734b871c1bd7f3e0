"""The vendor's sample: delete several uploads."""

import os

import requests

api_key = os.environ["KEY"]
upload_ids = os.environ["IDS"].split(",")

params = {"ids": upload_ids}
url = f"{os.environ['HOST']}/v1/uploads"
headers = {"Authorization": f"Bearer {api_key}"}

response = requests.delete(url, headers=headers, params=params)

if response.status_code == 200:
    result = response.json()
    print(f"Successfully deleted: {result['deleted']}")
    print(result["message"])
else:
    print("Request failed. Response code:", response.status_code)
    print(response.text)
