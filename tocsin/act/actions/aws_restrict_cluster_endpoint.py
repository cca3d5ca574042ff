"""Let only named networks reach the public endpoint of an EKS cluster."""

from dataclasses import dataclass
from ipaddress import ip_network

from tocsin.act.aws_calls import ask, mapping, order, read, text, texts
from tocsin.errors import ActionError
from tocsin.respond.actions import ActionFacts, Caller, Change, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import NOTHING, Json, State

_CLUSTER = "arn:aws:eks:{region}:{account}:cluster/{name}"


@dataclass(frozen=True, slots=True)
class EndpointArguments:
    """Who reaches the endpoint afterwards.

    Attributes:
        networks: the team's own, as CIDR.
    """

    networks: tuple[str, ...]


class AwsRestrictClusterEndpoint:
    """`UpdateClusterConfig` with the team's networks; undone with those of before."""

    facts = ActionFacts(
        title="Restrict the public endpoint of a cluster",
        provider="aws",
        targets=frozenset({"cluster"}),
        category="reversible",
        level=3,
        needs=(read("eks:DescribeCluster", _CLUSTER), Need("eks:UpdateClusterConfig", _CLUSTER)),
        volatile=frozenset({"status"}),
        source="https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateClusterConfig.html",
    )

    def __init__(self, arguments: EndpointArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether the endpoint is public and private, and which networks reach it."""
        answer = ask(target, caller, "eks", "describe_cluster", name=target.name)
        found = mapping(answer, "cluster", "resourcesVpcConfig")
        networks: list[Json] = [*sorted(texts(found, "publicAccessCidrs"))]
        return {
            "public": bool(found.get("endpointPublicAccess")),
            "private": bool(found.get("endpointPrivateAccess")),
            "networks": networks,
            "status": text(answer, "cluster", "status"),
        }

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that lets only the team's networks in.

        Raises:
            ActionError: no network is named, or one that is everybody's.
        """
        wished = self._networks()
        if not state["public"] or texts(state, "networks") == wished:
            return NOTHING
        said = [f"people and pipelines outside {', '.join(wished)} lose the cluster"]
        if not state["private"]:
            # Nodes would come by the public endpoint, and their addresses are not in the list.
            said.append("the private endpoint is switched on, so that nodes still reach it")
        wanted = {**state, "networks": list(wished), "private": True}
        return self._update(target, state, wanted, tuple(said))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that lets in whom the cluster let in before."""
        keys = ("public", "private", "networks")
        if all(now[key] == before[key] for key in keys):
            return NOTHING
        return self._update(target, now, before)

    def _networks(self) -> tuple[str, ...]:
        try:
            found = [ip_network(each) for each in self._arguments.networks]
        except ValueError as error:
            raise ActionError(f"`networks`: {error}") from None
        if not found or any(each.prefixlen == 0 for each in found):
            raise ActionError("`networks` must name the team's own; all of the world is no choice")
        return tuple(sorted(map(str, found)))

    def _update(
        self, target: Target, now: State, wanted: State, warnings: tuple[str, ...] = ()
    ) -> Plan:
        if now["status"] == "UPDATING":
            raise ActionError(f"cluster {target.name} is being updated: try again when it is done")
        # All three: an endpoint that this leaves out would keep what somebody sets meanwhile.
        config = {
            "endpointPublicAccess": wanted["public"],
            "endpointPrivateAccess": wanted["private"],
            "publicAccessCidrs": wanted["networks"],
        }
        call = order(
            target, "eks", "update_cluster_config", name=target.name, resourcesVpcConfig=config
        )
        change = Change(f"endpoint of cluster {target.name}", _text(now), _text(wanted))
        return Plan((call,), (change,), warnings)


def _text(state: State) -> str:
    who = f"public to {', '.join(texts(state, 'networks'))}" if state["public"] else "not public"
    return f"{who}; {'private' if state['private'] else 'not private'}"
