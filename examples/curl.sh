#!/bin/sh
# A push with nothing but curl:
#
#   examples/curl.sh https://push.example.org/p/… "Hello"
#
# What is pushed comes to the app as it is. The gateway encrypts it to the device, but has seen it: Web Push libraries encrypt it to the
# app before, and most apps take nothing else.
set -eu
exec curl --silent --show-error --fail-with-body \
  --header 'TTL: 3600' \
  --header 'Urgency: high' \
  --header 'Content-Type: application/octet-stream' \
  --data-binary "$2" \
  --write-out '%{http_code}\n' \
  "$1"
