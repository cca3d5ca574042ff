"""Who Tocsin is to Azure: a workload or managed identity, or whatever the environment gives."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from tocsin.collect.extras import require
from tocsin.errors import SourceError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.identity import DefaultAzureCredential


@cache
def credential() -> "DefaultAzureCredential":
    """Return the identity of the environment; it keeps and renews its tokens."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(exclude_interactive_browser_credential=True)


def access_token(scope: str, tenant: str | None = None) -> "AccessToken":
    """Return a token that is valid now.

    Raises:
        SourceError: nothing in the environment proves who we are.
    """
    from azure.core.exceptions import ClientAuthenticationError

    more = {"tenant_id": tenant} if tenant else {}
    try:
        return credential().get_token(scope, **more)
    except ClientAuthenticationError as error:
        first = str(error).strip().partition("\n")[0]
        raise SourceError(f"Azure does not know us: {first}") from error


def access_tokens(kind: str, scope: str, tenant: str | None = None) -> Callable[[], str]:
    """Return what gives access tokens for a scope to feeds of a kind.

    Raises:
        SettingsError: a package is missing.
    """
    require(kind, "azure", "azure.identity")
    return lambda: access_token(scope, tenant).token
