"""Messages as mail, through a server of one's own or of a provider.

The connection goes to the very address that was checked, as with requests over HTTP. Plain text
only; whoever answers automatically is asked not to (RFC 3834).
"""

import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Literal

from tocsin.act.contracts import Message
from tocsin.act.outbound import Outbound
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Matching, Network, Port, Secret

MailAddress = Annotated[
    str,
    Matching(r"[^@\s<>,;:\"()\\]{1,64}@[A-Za-z0-9.-]{1,253}", "an address such as soc@example.org"),
]
HostName = Annotated[str, Matching(r"[A-Za-z0-9._:-]{1,253}", "the name or address of a host")]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Which server takes the mail, and who gets it.

    Attributes:
        host: of the server.
        sender: address that the mail comes from.
        recipients: addresses that get it.
        port: of the server; 465 goes with `tls: implicit`, 25 with a relay.
        tls: `starttls` turns the connection into an encrypted one and never goes on without;
            `implicit` is encrypted from the start; `none` is for a server on this machine.
        user: name to sign in with; without it nobody signs in.
        password: goes with `user`.
        allow_private: address ranges of one's own in which the server may lie; others must be
            public.
        certificates: PEM file of an authority of one's own.
        timeout_seconds: for connecting, and for each wait after it.
    """

    host: HostName
    sender: MailAddress
    recipients: tuple[MailAddress, ...]
    port: Port = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    allow_private: tuple[Network, ...] = ()
    certificates: Path | None = None
    timeout_seconds: float = 15.0


class Smtp:
    """Sends each message as one mail."""

    def __init__(self, settings: SmtpSettings) -> None:
        """Take the settings; nothing is sent.

        Raises:
            SettingsError: there is nobody to write to, or a name without a password.
        """
        if not settings.recipients:
            raise SettingsError("`recipients`: give at least one")
        if bool(settings.user) != (settings.password is not None):
            raise SettingsError("`user` and `password` belong together; give both or none")
        self._settings = settings
        self._outbound = Outbound(settings.allow_private)

    def send(self, message: Message) -> None:
        """Send one mail; the same message has the same Message-ID at every try.

        Raises:
            ActionError: the server did not take it for everybody.
        """
        host = self._settings.host
        try:
            with self._connected() as server:
                if self._settings.tls == "starttls":
                    server.starttls(context=self._context())
                if self._settings.password is not None:
                    server.login(self._settings.user, self._settings.password.reveal())
                refused = server.send_message(_mail(message, self._settings))
        except smtplib.SMTPResponseException as error:
            # The server's own words may repeat what we said; its number does not.
            raise ActionError(f"{host} did not take the mail: reply {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ActionError(f"{host} did not take the mail: {type(error).__name__}") from None
        if refused:
            raise ActionError(f"{host} refused {len(refused)} of the recipients")

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        address = self._outbound.addresses(settings.host, settings.port)[0]
        if settings.tls == "none" and not address.is_loopback:
            raise ActionError(f"{settings.host}: only encrypted mail leaves this machine")
        connection = socket.create_connection(
            (str(address), settings.port), settings.timeout_seconds
        )
        if settings.tls == "implicit":
            connection = self._context().wrap_socket(connection, server_hostname=settings.host)
        return _Pinned(connection, settings)

    def _context(self) -> ssl.SSLContext:
        authority = self._settings.certificates
        return ssl.create_default_context(cafile=None if authority is None else str(authority))


class _Pinned(smtplib.SMTP):
    """Speaks over a connection that exists; the certificate is still checked against the name."""

    def __init__(self, connection: socket.socket, settings: SmtpSettings) -> None:
        self._connection = connection
        super().__init__(settings.host, settings.port, timeout=settings.timeout_seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connection


def _mail(message: Message, settings: SmtpSettings) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.recipients)
    mail["Date"] = format_datetime(message.time)
    domain = settings.sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{message.uid}@{domain}>"
    if message.incident_uid:
        # Mail programs show what belongs to one incident together.
        mail["References"] = f"<{message.incident_uid}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text_with_link + "\n")
    return mail
