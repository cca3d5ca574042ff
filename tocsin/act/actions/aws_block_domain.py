"""Put a domain into a list of Route 53 Resolver DNS Firewall, which the team's rules block."""

from dataclasses import dataclass, replace

from tocsin.act.aws_calls import ask, mapping, order, read, text, texts
from tocsin.act.domains import blocked_domain, entries
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.facts import BLOCK
from tocsin.respond.actions.words import NOTHING, Json, State

_LISTS = "arn:aws:route53resolver:*:{account}:firewall-domain-list/*"
_MOST_PAGES = 1_000


@dataclass(frozen=True, slots=True)
class DomainListArguments:
    """Where the domain is put.

    Attributes:
        id: of the list, `rslvr-fdl-…`.
        region: of the list; otherwise the target's, or the account's.
        subdomains: whether all names below are blocked as well.
    """

    id: str
    region: str = ""
    subdomains: bool = True


class AwsBlockDomain:
    """`UpdateFirewallDomains` adds the domain; undone by taking out what was not in before."""

    facts = ActionFacts(
        title="Block a domain by DNS Firewall",
        provider="aws",
        targets=frozenset({"domain"}),
        category="reversible",
        level=2,
        needs=(
            read("route53resolver:GetFirewallDomainList", _LISTS),
            read("route53resolver:ListFirewallDomains", _LISTS),
            Need("route53resolver:UpdateFirewallDomains", _LISTS),
        ),
        lasts=BLOCK,
        volatile=frozenset({"owner"}),
        source="https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_UpdateFirewallDomains.html",
    )

    def __init__(self, arguments: DomainListArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return which of the wished entries are in the list, and who manages it."""
        wished = entries(target, self._arguments.subdomains)
        asked = {"FirewallDomainListId": self._arguments.id}
        placed = self._placed(target)
        about = ask(placed, caller, "route53resolver", "get_firewall_domain_list", **asked)
        having = self._domains(placed, caller)
        blocked: list[Json] = [each for each in wished if each in having]
        return {
            "blocked": blocked,
            "owner": text(mapping(about, "FirewallDomainList"), "ManagedOwnerName"),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that adds what is missing.

        Raises:
            ActionError: AWS manages the list.
        """
        if state["owner"]:
            raise ActionError(f"list {self._arguments.id} is managed by {state['owner']}")
        having = texts(state, "blocked")
        lacking = [e for e in entries(target, self._arguments.subdomains) if e not in having]
        rule = "it blocks only where a rule group of the VPC uses this list"
        others = "whoever shares this name loses it as well, and cached answers live on"
        return self._update(target, "ADD", lacking, (rule, others))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that takes out what was not in before."""
        was = texts(before, "blocked")
        surplus = [each for each in texts(now, "blocked") if each not in was]
        return self._update(target, "REMOVE", surplus)

    def _update(
        self, target: Target, operation: str, domains: list[str], warnings: tuple[str, ...] = ()
    ) -> Plan:
        if not domains:
            return NOTHING
        call = order(
            self._placed(target),
            "route53resolver",
            "update_firewall_domains",
            FirewallDomainListId=self._arguments.id,
            Operation=operation,
            Domains=domains,
        )
        words = ("not blocked", "blocked")
        what = f"{', '.join(domains)} in list {self._arguments.id}"
        change = Change(what, *(words if operation == "ADD" else reversed(words)))
        return Plan((call,), (change,), warnings)

    def _domains(self, target: Target, caller: Caller) -> frozenset[str]:
        """Return all domains of the list, as we write them: AWS ends them with a dot."""
        found: set[str] = set()
        page: dict[str, object] = {}
        for _ in range(_MOST_PAGES):
            answer = ask(
                target,
                caller,
                "route53resolver",
                "list_firewall_domains",
                FirewallDomainListId=self._arguments.id,
                **page,
            )
            found |= {each.lower().removesuffix(".") for each in texts(answer, "Domains")}
            if not answer.get("NextToken"):
                return frozenset(found)
            page = {"NextToken": answer["NextToken"]}
        raise ActionError(f"list {self._arguments.id} does not end")

    def _placed(self, target: Target) -> Target:
        blocked_domain(target)
        return replace(target, region=self._arguments.region or target.region)
