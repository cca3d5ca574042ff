"""DNS Firewall, which moto does not have: a stand-in that boto3 speaks to.

boto3 refuses what the service's published model does not have. The stand-in keeps the list, gives
it out in pages with a dot after each name, and refuses as the reference of the calls says.
Source: https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53_Resolver.html
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.act.callers.standin import WORLDS, Ask, World, must, serve
from tests.plugs.acted.aws_stage import stage, target, wanted
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.aws_block_domain import AwsBlockDomain, DomainListArguments

LIST = "rslvr-fdl-0a1b2c3d4e5f6071"
EVIL = "evil.example.com"
_PAGE = 2


class Firewall:
    """One list of domains of the team."""

    def __init__(self) -> None:
        self.domains = ["one.example.net.", "two.example.net.", "three.example.net."]

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        service, _, name = ask.headers["x-amz-target"].partition(".")
        must(service == "Route53Resolver" and ask.method == "POST", 400, refusal("Unknown"))
        must("Credential=" in ask.headers["authorization"], 403, refusal("AccessDenied"))
        must(ask.body["FirewallDomainListId"] == LIST, 400, refusal("ResourceNotFound"))
        return 200, getattr(self, name)(ask.body)

    def GetFirewallDomainList(self, given: Any) -> Any:
        found = {"Id": LIST, "Name": "blocked", "DomainCount": len(self.domains)}
        return {"FirewallDomainList": {**found, "Status": "COMPLETE"}}

    def ListFirewallDomains(self, given: Any) -> Any:
        start = int(given.get("NextToken", 0))
        answer: dict[str, Any] = {"Domains": self.domains[start : start + _PAGE]}
        if start + _PAGE < len(self.domains):
            answer["NextToken"] = str(start + _PAGE)
        return answer

    def UpdateFirewallDomains(self, given: Any) -> Any:
        names = [f"{each}." for each in given["Domains"]]
        kept = [each for each in self.domains if each not in names]
        must(given["Operation"] in ("ADD", "REMOVE"), 400, refusal("Validation"))
        self.domains = kept + names if given["Operation"] == "ADD" else kept
        return {"Id": LIST, "Name": "blocked", "Status": "COMPLETE"}


def refusal(kind: str) -> dict[str, str]:
    return {"__type": f"{kind}Exception", "message": "refused"}


def world() -> AbstractContextManager[str]:
    firewall = Firewall()
    return serve(World(firewall, firewall))


def block_domain(url: str) -> Stage:
    firewall: Firewall = WORLDS[url].state
    return stage(
        url,
        AwsBlockDomain(DomainListArguments(LIST)),
        target("domain", EVIL),
        None,
        snapshot=lambda: sorted(firewall.domains),
        meddle=lambda: firewall.domains.remove(f"{EVIL}."),
        expected=wanted(lambda: {f"{EVIL}.", f"*.{EVIL}."} <= set(firewall.domains)),
    )


STAGES: dict[str, Callable[[str], Stage]] = {"aws_block_domain": block_domain}
