"""An app server in Python: pushes what it reads as JSON lines with pywebpush, and prints each answer as a line.

In:  {"subscription": {...}, "data": base64, "coding": "aes128gcm", "ttl": 60, "headers": {...},
      "vapid": base64url or null, "draft": true for the draft form of VAPID, "sub": "mailto:..."}
Out: {"status": 201, "headers": {...}, "body": "..."}
"""

import base64
import json
import sys

from py_vapid import Vapid01, Vapid02
from pywebpush import WebPushException, webpush

for line in sys.stdin:
    push = json.loads(line)
    signing = {}
    if push["vapid"] is not None:
        kind = Vapid01 if push["draft"] else Vapid02
        signing = {
            "vapid_private_key": kind.from_string(push["vapid"]),
            "vapid_claims": {"sub": push["sub"]},
        }
    try:
        response = webpush(
            push["subscription"],
            data=base64.b64decode(push["data"]),
            content_encoding=push["coding"],
            ttl=push["ttl"],
            headers=push["headers"],
            timeout=30,
            **signing,
        )
    except WebPushException as error:
        response = error.response
    answer = {
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": response.text,
    }
    print(json.dumps(answer), flush=True)
