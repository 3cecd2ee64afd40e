#!/bin/sh
# Sends a message over REST, and prints the response as JSON.
#   JETON_API_KEY=jt-.. chat.sh [MESSAGE]
set -eu
: "${JETON_API_KEY:?an API key with the scope WRITE}"
url=${JETON_URL:-http://127.0.0.1:8000}
message=${1:-What is the capital of France?}

# The idempotency key belongs to the message, not to the attempt: a retry returns the first answer, charged once.
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

curl --silent --show-error --fail-with-body --retry 3 "$url/api/chat/" \
    --header "Authorization: Bearer $JETON_API_KEY" \
    --header "Idempotency-Key: $key" \
    --data-urlencode "message=$message"
echo
