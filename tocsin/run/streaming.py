"""Say what to build so that a cloud streams its logs to Tocsin: Terraform, and who may read."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.errors import UsageError, WorldError
from tocsin.run.content import content_folder, read_text

VALUES = "tocsin.auto.tfvars"
"""Terraform reads it by itself; whoever applies fills it in."""

_EXTERNAL_ID_BYTES = 16
_FILES = {
    "aws": ("aws.tf", "aws_account.tf"),
    "aws_organization": ("aws.tf", "aws_organization.tf", "first_look_role.json"),
    "azure": ("azure.tf",),
    "gcp": ("gcp.tf",),
    "kubernetes": ("kubernetes.tf",),
}
_RIGHTS = {
    "aws": "aws_rights.json",
    "azure": "azure_rights.json",
    "gcp": "gcp_rights.yaml",
    "kubernetes": "kubernetes_rights.yaml",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Files for `terraform apply`, by name; `VALUES` among them holds the variables."""

    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """All files one after the other, as people read them."""
        return "\n".join(f"# --- {name}\n{text}" for name, text in self.files.items())


def plan(variant: str, accounts: Sequence[str] = ()) -> Plan:
    """Return the Terraform of a cloud with the variables that are known.

    Args:
        variant: `aws`, `aws_organization`, `gcp`, `azure` or `kubernetes`.
        accounts: accounts, projects or subscriptions that a first look has seen.

    Raises:
        ContentError: a file of ours is missing.
    """
    files = {name: read_text(content_folder() / "connect" / name) for name in _FILES[variant]}
    return Plan({**files, VALUES: _values(variant, accounts)})


def rights(cloud: str) -> str:
    """Return the rights that a first look and the doctor need, as the cloud writes them."""
    return read_text(content_folder() / "connect" / _RIGHTS[cloud])


def write(made: Plan, folder: Path) -> tuple[Path, ...]:
    """Write the files for their owner only; return those that were written.

    Values that were filled in before stay, above all the external id.

    Raises:
        UsageError: a file of the name is there that is not ours.
        WorldError: the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in made.files.items():
            path = folder / name
            if path.exists():
                if name != VALUES and path.read_text("utf-8") != text:
                    raise UsageError(f"{path} is there already and differs; name another folder")
                continue
            path.touch(mode=0o600)
            path.write_text(text, "utf-8")
            written.append(path)
    except OSError as error:
        raise WorldError(f"{folder} cannot be written: {error.strerror}") from error
    return tuple(written)


def _values(variant: str, accounts: Sequence[str]) -> str:
    first = accounts[0] if accounts else "111122223333"
    aws = (
        # Drawn, not chosen: whoever guesses it could have Tocsin look at another's account.
        f'external_id      = "{secrets.token_hex(_EXTERNAL_ID_BYTES)}"\n'
        f'tocsin_principal = "arn:aws:iam::{first}:role/tocsin" # the role that Tocsin runs as\n'
        f'bucket_name      = "tocsin-logs-{first}"\n'
    )
    by_variant = {
        "aws": aws,
        "aws_organization": f'{aws}organizational_units = ["r-ab12"] # the root: all accounts\n',
        "gcp": 'organization_id = "123456789012"\n'
        f"project_id      = {json.dumps(accounts[0] if accounts else 'example-security')}\n"
        'tocsin_member   = "serviceAccount:tocsin@example-security.iam.gserviceaccount.com"\n',
        "azure": f"subscription_ids     = {json.dumps(list(accounts))}\n"
        f"home_subscription_id = {json.dumps(accounts[0] if accounts else '')}\n"
        'tocsin_principal_id  = "00000000-0000-0000-0000-000000000000"\n'
        'namespace_name       = "example-tocsin-logs"\n',
        "kubernetes": 'tocsin_url   = "https://tocsin.example.org:8701/kubernetes/audit/production"\n'
        'tocsin_token = "made-by: openssl rand -hex 32"\n',
    }
    return f"# What Terraform does not know; edit before you apply.\n{by_variant[variant]}"
