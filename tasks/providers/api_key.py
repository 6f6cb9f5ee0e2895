"""The API key of one provider: read at each request, checked, and kept out of errors."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TypeVar

from pydantic import SecretStr

from tasks.errors import NotConfigured, ProviderError
from tasks.providers.provider import Provider, missing_key_error
from tasks.providers.url_policy import redact_urls
from tasks.redaction import redact_secrets

ApiKeySource = SecretStr | Callable[[], SecretStr | None] | None
"""The key, or a function that returns it; None if there is none."""

ProviderErrorT = TypeVar("ProviderErrorT", bound=ProviderError)


class ApiKey:
    """The API key of one provider."""

    def __init__(self, provider: Provider, source: ApiKeySource) -> None:
        self._provider = provider
        self._source = source

    def require(self) -> str:
        """Return the key.

        Raises:
            NotConfigured: The key is not set, or contains characters that no key has.
        """
        key = self._read()
        if not key:
            raise missing_key_error(self._provider)
        if not key.isascii() or not key.isprintable() or " " in key:
            msg = (
                f"the API key of {self._provider.name} contains characters that no key has; "
                f"set {self._provider.key_variable} again"
            )
            raise NotConfigured(msg)
        return key

    def sign(self, text: str) -> str:
        """Return a signature of the text that only an owner of the key can make.

        Raises:
            NotConfigured: The key is not set, or contains characters that no key has.
        """
        return hmac.new(self.require().encode(), text.encode(), "sha256").hexdigest()[:32]

    def finish_error(self, error: ProviderErrorT) -> ProviderErrorT:
        """Return the error with the provider's name, and without the key and signed URLs.

        An error about a rejected key gets the variable to set.
        """
        message, code = self.redact(str(error)), self.redact(error.code)
        if error.status == 401:
            message = f"{message} ({self._provider.key_variable})"
        return type(error)(
            f"{self._provider.name}: {message}",
            code=code,
            status=error.status,
            retry_after_seconds=error.retry_after_seconds,
            is_final=error.is_final,
            vendor_time=error.vendor_time,
        )

    def redact(self, text: str) -> str:
        """Return the text without the key and without the secrets of URLs."""
        key = self._read()
        # The simulator of a run has its own name as its key, which is in its URLs.
        return redact_secrets(redact_urls(text), [key] if key != self._provider.name else [])

    def _read(self) -> str:
        secret = self._source() if callable(self._source) else self._source
        return secret.get_secret_value().strip() if secret is not None else ""
