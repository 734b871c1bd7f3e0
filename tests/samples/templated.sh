#!/bin/sh
# The vendor's PHP sample asks in this form: http_build_query writes `ids[0]=...&ids[1]=...`, with
# the brackets encoded, over HTTP/1.0 in old versions.
exec curl -sS --http1.0 -w '\n%{http_code}\n' -X DELETE \
  "$HOST/v1/uploads?ids%5B0%5D=$ID_0&ids%5B1%5D=$ID_1" -H "Authorization: Bearer $KEY"
