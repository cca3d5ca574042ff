"""Who we are at Azure: the default chain of azure-identity, without keys of our own."""

from functools import cached_property
from typing import Any

from tocsin.collect.extras import require
from tocsin.errors import SourceError


class AzureIdentity:
    """Tokens for one audience; azure-identity keeps and renews them."""

    def __init__(self, audience: str) -> None:
        self._scope = f"{audience.rstrip('/')}/.default"

    def headers(self) -> dict[str, str]:
        """Return what each request shows.

        Raises:
            SourceError: no credentials were found, or Entra does not take them.
        """
        from azure.core.exceptions import ClientAuthenticationError

        try:
            token = self._credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            raise SourceError(f"Azure gives no token: {str(error).splitlines()[0]}") from error
        return {"Authorization": f"Bearer {token.token}"}

    @cached_property
    def _credential(self) -> Any:  # noqa: ANN401 - azure-identity is an extra, so untyped here
        require("azure", "azure", "azure.identity")
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()
