"""Where AWS is and who we are there: the standard variables of AWS's tools, as Lambda sets them.

This module reads the environment itself, as boto3 does, so that no handler passes it on
(docs/adr/0012-small-aws-client.md). Where the environment has no credentials or region, as in a developer's shell with
a profile, botocore is asked for them.
"""

import os
from typing import Any

from opsloop.adapters.aws_http import Endpoint
from opsloop.adapters.aws_sigv4 import Credentials


class NotConfiguredError(Exception):
    """No credentials, region or usable endpoint; the message says which variable would help."""


def credentials() -> Credentials:
    """Return the credentials to sign with now. Lambda's are constant; botocore renews those of a profile or role."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN", ""))
    found = _botocore_session().get_credentials()
    if found is None:
        raise NotConfiguredError("no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def region() -> str:
    """Return the region that this process works in."""
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        found = _botocore_session().get_config_variable("region")
    if not found:
        raise NotConfiguredError("no AWS region; set AWS_REGION")
    return str(found)


def endpoint(service: str, *, host_prefix: str = "") -> Endpoint:
    """Return where ``service`` (its name in host names, such as ``dynamodb``) answers.

    ``host_prefix`` (a bucket's name and a dot) is put before AWS's own names, and left out where
    ``AWS_ENDPOINT_URL_<SERVICE>`` or ``AWS_ENDPOINT_URL`` says that something else plays the service.
    """
    url = overridden(service)
    if url:
        return _parsed(url)
    place = region()
    suffix = "amazonaws.com.cn" if place.startswith("cn-") else "amazonaws.com"
    return Endpoint(True, f"{host_prefix}{service}.{place}.{suffix}", 443)


def overridden(service: str) -> str:
    """Return the URL that the environment gives for ``service``, or ""."""
    named = {
        "events": "EVENTBRIDGE",
        "email": "SES",
        "monitoring": "CLOUDWATCH",
        "secretsmanager": "SECRETS_MANAGER",
    }
    variable = named.get(service, service.upper())
    return os.environ.get(f"AWS_ENDPOINT_URL_{variable}") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _parsed(url: str) -> Endpoint:
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    host, _, port = authority.partition(":")
    is_tls = scheme == "https"
    if scheme not in ("http", "https") or not host or (port and not port.isdigit()):
        raise NotConfiguredError(f"AWS_ENDPOINT_URL={url!r} is not http(s)://host[:port]")
    return Endpoint(is_tls, host, int(port) if port else (443 if is_tls else 80))


def _botocore_session() -> Any:
    global _session
    if _session is None:
        import botocore.session  # 100 ms that a function on Lambda never pays

        _session = botocore.session.Session()
    return _session


_session: Any = None
