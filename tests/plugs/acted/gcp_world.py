"""A project of Google Cloud: a stand-in of its REST interfaces, with Google's own token exchange.

It keeps what was done and refuses what Google's discovery documents do not have.

Sources: the REST references of Compute Engine v1, IAM v1, Resource Manager v3, Storage v1, Run v2.
"""

import base64
import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.act.callers.published import misfits
from tests.act.callers.standin import Ask, World, check, must, serve, texts

TOKEN = "not-a-secret"
EMAIL = "ci@proj-1.iam.gserviceaccount.com"
COMPUTE = "/compute/v1/projects/proj-1"
VM = f"{COMPUTE}/zones/europe-west1-b/instances/vm-1"
ACCOUNT = f"/v1/projects/proj-1/serviceAccounts/{EMAIL.replace('@', '%40')}"
KEY = f"{ACCOUNT}/keys/0123456789abcdef"
BUCKET = "/storage/v1/b/files"
_BINDINGS = [
    {
        "role!": str,
        "members!": [str],
        "condition": {"title!": str, "expression!": str, "description": str},
    }
]
_POLICY = {"version!": {3}, "etag!": str, "bindings": _BINDINGS, "auditConfigs": list}
_FIREWALL = {
    "name!": str,
    "description": str,
    "network!": str,
    "direction!": {"INGRESS", "EGRESS"},
    "priority!": int,
    "denied!": [{"IPProtocol!": {"all"}}],
    "sourceRanges": [str],
    "destinationRanges": [str],
    "targetTags!": [str],
}


@cache
def _key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def seeded() -> dict[str, Any]:
    link = "https://www.googleapis.com"
    network = f"{link}{COMPUTE}/global/networks/default"
    return {
        VM: {
            "id": "4242",
            "name": "vm-1",
            "status": "RUNNING",
            "tags": {"items": ["web"], "fingerprint": "fp-1"},
            "networkInterfaces": [
                {
                    "name": "nic0",
                    "network": network,
                    "stackType": "IPV4_ONLY",
                    "accessConfigs": [
                        {
                            "name": "External NAT",
                            "type": "ONE_TO_ONE_NAT",
                            "natIP": "198.51.100.7",
                            "networkTier": "PREMIUM",
                        }
                    ],
                }
            ],
            "disks": [
                {
                    "type": "PERSISTENT",
                    "source": f"{link}{COMPUTE}/zones/europe-west1-b/disks/vm-1",
                }
            ],
        },
        f"{COMPUTE}/regions/europe-west1/addresses/web": {"address": "198.51.100.7"},
        ACCOUNT: {"email": EMAIL},
        KEY: {"name": KEY, "keyType": "USER_MANAGED"},
        BUCKET: {
            "name": "files",
            "metageneration": "4",
            "iamConfiguration": {"publicAccessPrevention": "inherited"},
        },
        "policy:project": {
            "version": 3,
            "etag": "e-1",
            "bindings": [
                {
                    "role": "roles/viewer",
                    "members": ["user:mallory@example.com", "user:alice@example.com"],
                },
                {
                    "role": "roles/owner",
                    "members": ["user:mallory@example.com"],
                    "condition": {"title": "till May", "expression": "request.time < x"},
                },
                {"role": "roles/owner", "members": ["user:alice@example.com"]},
            ],
        },
    }


class Project:
    """Answers as Google's interfaces do."""

    def __init__(self) -> None:
        self.things = seeded()
        self.operations: dict[str, Any] = {}
        self.count = 0
        self.fails = ""

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path == "/token":
            return self.token(ask)
        shown = ask.headers.get("authorization") == f"Bearer {TOKEN}"
        must(shown, 401, error(401, "credentials are missing"))
        unknown = misfits(ask.method, ask.path, ask.query, ask.body)
        must(not unknown, 400, error(400, unknown))
        if ask.path.startswith("/compute/"):
            return self.compute(ask)
        if ask.path.startswith("/storage/"):
            return self.bucket(ask)
        must(not ask.query or ask.path.endswith("IamPolicy"), 400, error(400, "unknown query"))
        return self.policy(ask) if ask.path.endswith("IamPolicy") else self.account(ask)

    def token(self, ask: Ask) -> tuple[Any, ...]:
        form = parse_qs(ask.content.decode())
        header, claims, _ = form["assertion"][0].split(".")
        found = json.loads(base64.urlsafe_b64decode(claims + "=="))
        must(found["iss"] == EMAIL and "cloud-platform" in found["scope"], 400, error(400, "iss"))
        return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def one(self, path: str) -> Any:
        must(path in self.things, 404, error(404, f"The resource {path} was not found"))
        return self.things[path]

    def operation(self, kind: str, change: Callable[[], object]) -> tuple[Any, ...]:
        """Begin something; it is done when it is looked at for the second time."""
        self.count += 1
        path = f"{COMPUTE}/zones/europe-west1-b/operations/op-{self.count}"
        begun = {
            "kind": "compute#operation",
            "operationType": kind,
            "status": "RUNNING",
            "selfLink": f"https://www.googleapis.com{path}",
        }
        self.operations[path] = (begun, change)
        return 200, begun

    def compute(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path in self.operations:
            must(ask.method == "GET", 405, error(405, "method"))
            begun, change = self.operations[ask.path]
            if begun["status"] == "RUNNING":
                change()
                begun["status"] = "DONE"
                if self.fails:
                    begun["error"] = {"errors": [{"code": "X", "message": self.fails}]}
            return 200, begun
        place, _, verb = ask.path.rpartition("/")
        method = getattr(self, f"on_{verb}", None)
        if ask.method == "POST" and method:
            return self.operation(verb, method(ask, place))  # type: ignore[no-any-return]
        if ask.method == "GET" and verb == "addresses":
            found = [value for key, value in self.things.items() if key.startswith(ask.path + "/")]
            return 200, {"items": found}
        if ask.method == "DELETE" and "/firewalls/" in ask.path:
            self.one(ask.path)
            return self.operation("delete", lambda: self.things.pop(ask.path))
        must(ask.method == "GET" and not ask.query, 405, error(405, ask.what))
        return 200, self.one(ask.path)

    def on_firewalls(self, ask: Ask, place: str) -> Callable[[], object]:
        check(ask.body, _FIREWALL)
        side = "sourceRanges" if ask.body["direction"] == "INGRESS" else "destinationRanges"
        must(ask.body.get(side), 400, error(400, f"{side} is missing"))
        path = f"{ask.path}/{ask.body['name']}"
        must(path not in self.things, 409, error(409, "already exists"))
        return lambda: self.things.update({path: ask.body})

    def on_setTags(self, ask: Ask, place: str) -> Callable[[], object]:  # noqa: N802 - their name
        check(ask.body, {"items!": [str], "fingerprint!": str})
        tags = self.one(place)["tags"]
        must(ask.body["fingerprint"] == tags["fingerprint"], 412, error(412, "fingerprint"))
        new = f"fp-{self.count + 2}"
        return lambda: tags.update(items=ask.body["items"], fingerprint=new)

    def on_deleteAccessConfig(  # noqa: N802 - their name
        self, ask: Ask, place: str
    ) -> Callable[[], object]:
        check(ask.query, {"accessConfig!": {"External NAT"}, "networkInterface!": {"nic0"}})
        must(ask.body is None, 400, error(400, "no body"))
        nic = self.one(place)["networkInterfaces"][0]
        return lambda: nic.pop("accessConfigs")

    def on_addAccessConfig(  # noqa: N802 - their name
        self, ask: Ask, place: str
    ) -> Callable[[], object]:
        check(ask.query, {"networkInterface!": {"nic0"}})
        known = {"name!": str, "type!": {"ONE_TO_ONE_NAT"}, "networkTier": str, "natIP": str}
        check(ask.body, known)
        nic = self.one(place)["networkInterfaces"][0]
        must("accessConfigs" not in nic, 400, error(400, "at most one access config"))
        given = {"natIP": "203.0.113.9", **ask.body}
        return lambda: nic.update(accessConfigs=[given])

    def on_createSnapshot(  # noqa: N802 - their name
        self, ask: Ask, place: str
    ) -> Callable[[], object]:
        check(ask.body, {"name!": str, "description": str, "labels": texts})
        path = f"{COMPUTE}/global/snapshots/{ask.body['name']}"
        must(path not in self.things, 409, error(409, "already exists"))
        return lambda: self.things.update({path: {**ask.body, "sourceDisk": place}})

    def on_stop(self, ask: Ask, place: str) -> Callable[[], object]:
        must(ask.body is None, 400, error(400, "no body"))
        found = self.one(place)
        return lambda: found.update(status="TERMINATED")

    def on_start(self, ask: Ask, place: str) -> Callable[[], object]:
        must(ask.body is None, 400, error(400, "no body"))
        found = self.one(place)
        return lambda: found.update(status="RUNNING")

    def account(self, ask: Ask) -> tuple[Any, ...]:
        path, _, verb = ask.path.partition(":")
        found = self.one(path)
        if ask.method == "POST":
            must(verb in ("enable", "disable") and ask.body == {}, 400, error(400, "body"))
            # Proto3 leaves false out.
            found.update(disabled=True) if verb == "disable" else found.pop("disabled", None)
            return 200, {}
        must(ask.method == "GET" and not verb, 405, error(405, ask.what))
        return 200, found

    def bucket(self, ask: Ask) -> tuple[Any, ...]:
        found = self.one(ask.path)
        if ask.method == "PATCH":
            check(ask.query, {"ifMetagenerationMatch!": {found["metageneration"]}}, "query", 412)
            prevention = {"publicAccessPrevention!": {"enforced", "inherited"}}
            check(ask.body, {"iamConfiguration!": prevention})
            found["iamConfiguration"].update(ask.body["iamConfiguration"])
            found["metageneration"] = str(int(found["metageneration"]) + 1)
        return 200, found

    def policy(self, ask: Ask) -> tuple[Any, ...]:
        path, _, verb = ask.path.partition(":")
        must(path == "/v3/projects/proj-1", 404, error(404, "no such project"))
        must(ask.method == "POST", 405, error(405, ask.what))
        if verb == "getIamPolicy":
            check(ask.body, {"options!": {"requestedPolicyVersion!": {3}}})
            return 200, self.things["policy:project"]
        check(ask.body, {"policy!": _POLICY, "updateMask": str})
        given = ask.body["policy"]
        must(given["etag"] == self.things["policy:project"]["etag"], 409, error(409, "etag"))
        self.count += 1
        self.things["policy:project"] = {**given, "etag": f"e-{self.count + 1}"}
        return 200, self.things["policy:project"]

    def snapshot(self) -> Any:
        """Everything but what the other side counts by itself."""
        found = copy.deepcopy(self.things)
        found[VM]["tags"].pop("fingerprint", None) if VM in found else None
        found[BUCKET].pop("metageneration", None) if BUCKET in found else None
        policy = found["policy:project"]
        policy["bindings"] = sorted(
            (each["role"], member, str(each.get("condition")))
            for each in policy["bindings"]
            for member in each["members"]
        )
        policy.pop("etag")
        return found


def error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": "X"}}


@contextmanager
def world() -> Iterator[str]:
    project = Project()
    with tempfile.TemporaryDirectory() as folder, serve(World(project, project)) as url:
        project.file = Path(folder) / "key.json"  # type: ignore[attr-defined] # beside its world
        content = {
            "type": "service_account",
            "project_id": "proj-1",
            "private_key_id": "k",
            "private_key": _key(),
            "client_email": EMAIL,
            "token_uri": f"{url}/token",
        }
        project.file.write_text(json.dumps(content))  # type: ignore[attr-defined] # as above
        yield url
