"""Access: keys and sessions are read, written and never deleted; the description touches nothing."""

from tests.unit.stacks.promises import GET, PUT, UPDATE, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "access_keys": {
            "Access": {GET, PUT, UPDATE, "dynamodb:Scan", "dynamodb:ConditionCheckItem"},
            "Key": WRITE_KEY,
        },
        "access_session": {"Access": {GET, PUT, UPDATE}, "Key": WRITE_KEY},
        "access_describe": {},
    },
    routes=frozenset(
        {
            "GET /v1/keys",
            "POST /v1/keys",
            "DELETE /v1/keys/{key_id}",
            "GET /v1/session",
            "POST /v1/session",
            "DELETE /v1/session",
            "GET /v1/session/oidc",
            "GET /v1/session/oidc/callback",
            "GET /",
            "GET /openapi.json",
            "$default",
        },
    ),
)
