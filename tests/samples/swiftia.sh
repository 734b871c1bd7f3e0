#!/bin/sh
# The vendor's sample: delete one file. Without KEY the header is left out, as in the sample.
if [ -n "$KEY" ]; then
  exec curl -sS -w '\n%{http_code}\n' -X DELETE "$HOST/api/uploads/files/$FILE" \
    -H "Authorization: Bearer $KEY"
fi
exec curl -sS -w '\n%{http_code}\n' -X DELETE "$HOST/api/uploads/files/$FILE"
