"""Who we are at Microsoft: an application's secret, or the identity that the environment gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.act.http_calls import ClientCredentials, Headers, outbound_of
from tocsin.act.posting import HttpSettings
from tocsin.errors import CallRefusedError, SettingsError
from tocsin.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraClient(HttpSettings):
    """The application that acts, and where it does.

    Attributes:
        tenant: identifier of the directory; needed with `client_secret`.
        client_id: of the application; without a secret, of the managed identity.
        client_secret: of the application; otherwise the environment's identity is used.
        endpoint: another address of the interface, such as that of a national cloud.
        authority: where tokens are given.
    """

    tenant: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = field(default=None, repr=False)
    endpoint: str | None = None
    authority: str = "https://login.microsoftonline.com"


def headers_of(client: EntraClient, audience: str) -> Headers:
    """Return what gives the headers of requests to an audience.

    Raises:
        SettingsError: a secret stands there without the application that it is of.
    """
    scope = f"{audience}/.default"
    if client.client_secret is None:
        return _Surroundings(scope, client.client_id)
    if client.tenant is None or client.client_id is None:
        raise SettingsError("`client_secret` needs `tenant` and `client_id`")
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "scope": scope}
    url = f"{client.authority.rstrip('/')}/{client.tenant}/oauth2/v2.0/token"
    return ClientCredentials(outbound_of(client), url, form, client.client_secret)


class _Surroundings:
    """Tokens of a workload or managed identity; azure-identity keeps and renews them."""

    def __init__(self, scope: str, client_id: str | None) -> None:
        self._scope = scope
        self._client_id = client_id
        self._credential: object = None

    def __call__(self) -> Mapping[str, str]:
        try:
            from azure.core.exceptions import ClientAuthenticationError
            from azure.identity import DefaultAzureCredential
        except ImportError:
            raise SettingsError("acting in Azure needs the extra `azure`: tocsin[azure]") from None
        if not isinstance(self._credential, DefaultAzureCredential):
            self._credential = DefaultAzureCredential(
                exclude_interactive_browser_credential=True,
                managed_identity_client_id=self._client_id,
            )
        try:
            token = self._credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            text = f"Azure does not know us: {str(error).strip().partition(chr(10))[0][:200]}"
            raise CallRefusedError(text) from None
        return {"Authorization": f"Bearer {token.token}"}
