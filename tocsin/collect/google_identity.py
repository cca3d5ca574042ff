"""Who we are at Google: application default credentials, without keys of our own."""

from functools import cached_property
from typing import Any

from tocsin.collect.extras import require
from tocsin.errors import SourceError

_READING = "https://www.googleapis.com/auth/cloud-platform.read-only"


class GoogleIdentity:
    """Tokens of the credentials that the environment gives; renewed when they run out."""

    @property
    def project(self) -> str | None:
        """The project that the credentials name."""
        found: str | None = self._credentials[1]
        return found

    def headers(self) -> dict[str, str]:
        """Return what each request shows.

        Raises:
            SourceError: no credentials were found, or Google does not take them.
        """
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.urllib3 import Request
        from urllib3 import PoolManager

        credentials = self._credentials[0]
        try:
            if not credentials.valid:
                request: Any = Request
                credentials.refresh(request(PoolManager()))
        except GoogleAuthError as error:
            raise SourceError(f"Google gives no token: {error}") from error
        return {"Authorization": f"Bearer {credentials.token}"}

    @cached_property
    def _credentials(self) -> tuple[Any, str | None]:
        require("gcp", "gcp", "google.auth")
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        try:
            found: tuple[Any, str | None] = google.auth.default(scopes=[_READING])
        except GoogleAuthError as error:
            raise SourceError(f"no Google credentials: {error}") from error
        return found
