"""The check of a Prefect server of the user's, before a run sends anything to a vendor."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pydantic import ValidationError

from tasks.errors import NotConfigured
from tasks.providers.url_policy import redact_url, redact_urls

_TIMEOUT_SECONDS = 15
_UNAUTHORIZED = (401, 403)


def check_server(url: str) -> None:
    """Check that the server of Prefect's settings answers, accepts this client, and fits it.

    Args:
        url: The value of `PREFECT_API_URL`, for messages.

    Raises:
        NotConfigured: The server cannot be used.
    """
    server = f"the Prefect server {redact_url(url)}"
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": _TIMEOUT_SECONDS}, sync_client=True) as client,
        ):
            # Unlike the health check, this needs the right credentials and a working database.
            client.read_flows(limit=1)
            client.raise_for_api_version_mismatch()
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in _UNAUTHORIZED:
            msg = (
                f"{server} rejects the credentials (status {status}): "
                "set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
            )
            raise NotConfigured(msg) from error
        reason = f"status {status}" if status else describe_error(error)
        msg = f"{server} can't be used ({reason}): start it, or change or unset PREFECT_API_URL"
        raise NotConfigured(msg) from error


def describe_error(error: Exception) -> str:
    """Return an error of Prefect or httpx as one line, without secrets in URLs and settings."""
    if isinstance(error, ValidationError):
        details = error.errors(include_input=False, include_url=False)
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in details)
    text = " ".join(redact_urls(str(error)).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
