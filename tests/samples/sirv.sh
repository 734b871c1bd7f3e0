#!/bin/sh
# The vendor's samples: submit a batch, then ask for its progress. A GET with a content type and
# no body is part of the sample.
if [ -n "$JOB" ]; then
  exec curl -sS -w '\n%{http_code}\n' --request GET \
    --url "$HOST/v2/files/batch/delete?id=$JOB" \
    --header "Authorization: Bearer $TOKEN" \
    --header 'Content-Type: application/json'
fi
exec curl -sS -w '\n%{http_code}\n' --request POST \
  --url "$HOST/v2/files/batch/delete" \
  --header "Authorization: Bearer $TOKEN" \
  --header 'Content-Type: application/json' \
  --data '{
    "filenames": ["/Example_folder", "/my-file.jpg", "/Here is a/Sub-Folder"]
}'
