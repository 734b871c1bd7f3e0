#!/bin/sh
# The vendor's sample: delete the outputs of a command.
exec curl -sS -w '\n%{http_code}\n' -X DELETE "$HOST/api/v1/commands/$COMMAND/files" \
  -H "X-API-KEY: $KEY"
