#!/bin/sh
# A PBX in curl: wakes the phones of one account, and says what the PBX should do next.
#
#   HOOKSWITCH=http://127.0.0.1:8080 PBX_TOKEN=... ./wake.sh <account> <caller's number> <caller's name> <call id>
#
# Prints "ring" (exit 0) or "refuse: <reason>" (exit 1). Ctrl-C is the caller who hangs up: the phones are told.
# Needs curl.
set -u
account=$1 number=$2 name=$3 call_id=$4
hookswitch=${HOOKSWITCH:-http://127.0.0.1:8080}

post() { # <path> <curl arguments>: one request, with the token where there is one
  path=$1
  shift
  curl --silent --show-error ${PBX_TOKEN:+--header "Authorization: Bearer $PBX_TOKEN"} "$@" "$hookswitch$path"
}

hang_up() {
  post /api/call-ended/ --max-time 3 --output /dev/null \
    --data-urlencode "call_id=$call_id" --data reason=caller_hangup
  echo 'the caller has hung up'
  exit 130
}

# The answer goes to a file, so that the shell can wait for curl and hear of a hang-up at the same time.
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
trap hang_up INT TERM

# The time limit is above APP_PUSH_ROUNDTRIP_WAIT (4 s): a shorter one would end the wake.
post /api/incoming-call/ --max-time 6 --output "$answer" --write-out '%header{x-hookswitch-reason}' \
  --data-urlencode "sip_user_id=$account" --data-urlencode "phonenumber=$number" \
  --data-urlencode "caller_id=$name" --data-urlencode "call_id=$call_id" > "$answer.reason" &
wait $!
reason=$(cat "$answer.reason")
rm -f "$answer.reason"

# Refuse on NAK alone. Without an answer a phone that happens to be registered can still ring.
if grep -q '^status=NAK' "$answer"; then
  echo "refuse: $reason"
  exit 1
fi
echo ring
