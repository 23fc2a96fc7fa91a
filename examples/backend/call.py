"""A backend in Python: pushes one asp-call job, follows the call on its channel, and hangs up after a while.

Needs the package redis, and an agent (`npm start` with a FreeSWITCH, or `npm run demo`).

    PUBSUB_REDIS_URL=redis://127.0.0.1:6379 python3 examples/backend/call.py <caller> <callee>
"""

import json
import os
import sys
import threading
import time
import uuid

import redis

if len(sys.argv) != 3:
    sys.exit("usage: call.py <caller> <callee>")
caller, callee = sys.argv[1:]
talk_seconds = float(os.environ.get("TALK_MS", "5000")) / 1000

connection = redis.Redis.from_url(os.environ.get("PUBSUB_REDIS_URL", "redis://127.0.0.1:6379"))
dial_id = str(uuid.uuid4())

# Subscribe first: a channel keeps nothing, and the first event may come within milliseconds.
channel = connection.pubsub(ignore_subscribe_messages=True)
channel.subscribe(dial_id)
while not channel.subscribed:
    channel.get_message(timeout=1)

connection.rpush(
    "talkiq-asp.calls",
    json.dumps(
        {
            "type": "asp-call",
            "dial_id": dial_id,
            "org_id": "example-org",
            "user_id": "example-user",
            "call_provider": "example",
            "caller_number": caller,
            "callee_number": callee,
            "caller_id_lega": callee,
            "caller_id_legb": caller,
            # A job that waited longer than JOB_MAX_AGE is not dialled: nobody wants an old call.
            "queued_at": time.time(),
        }
    ),
)


def hang_up():
    connection.publish(dial_id, json.dumps({"type": "hangup", "command_id": str(uuid.uuid4())}))


sides = {"0"}
for raw in channel.listen():
    message = json.loads(raw["data"])
    kind = message["type"]
    # Our own control message comes back on the channel too.
    if kind == "hangup":
        continue
    print(json.dumps(message), flush=True)
    if kind == "answer-event":
        sides.add(message["side"])
        if message["side"] == "1":
            threading.Timer(talk_seconds, hang_up).start()
    elif kind == "hangup-event":
        sides.discard(message["side"])
    # A failure that names no event is the job's: the call will not be made.
    if not sides or (kind == "failure" and "event" not in message):
        break
