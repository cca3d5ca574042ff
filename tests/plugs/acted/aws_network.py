"""Security groups, network ACLs and WAF, in moto."""

from collections.abc import Callable
from typing import Any

from tests.plugs.acted.aws_stage import client, stage, target, wanted
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.aws_block_address_network import (
    AwsBlockAddressNetwork,
    NetworkAclArguments,
)
from tocsin.act.actions.aws_block_address_waf import AwsBlockAddressWaf, IpSetArguments
from tocsin.act.actions.aws_revoke_security_group_rule import (
    AwsRevokeSecurityGroupRule,
    RuleArguments,
)

ATTACKER = "93.184.216.34"
WORLD = "0.0.0.0/0"


def revoke_security_group_rule(url: str) -> Stage:
    ec2 = client(url, "ec2")
    group = ec2.create_security_group(GroupName="jump", Description="x")["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    tag = {"Key": "owner", "Value": "team"}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{**ssh, "IpRanges": [{"CidrIp": WORLD, "Description": "for now"}]}],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [tag]}],
    )
    own = {"CidrIp": "10.0.0.0/8"}
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {**ssh, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {**ssh, "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": WORLD}]},
            {**ssh, "IpRanges": [own]},
        ],
    )

    def rules() -> list[Any]:
        asked = [{"Name": "group-id", "Values": [group]}]
        found = ec2.describe_security_group_rules(Filters=asked)["SecurityGroupRules"]
        dropped = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
        kept = [{key: each[key] for key in each if key not in dropped} for each in found]
        return sorted(kept, key=str)

    def open_ports() -> list[Any]:
        return sorted(
            each["FromPort"]
            for each in rules()
            if not each["IsEgress"] and each.get("CidrIpv4") != "10.0.0.0/8"
        )

    def meddle() -> None:
        other = {**ssh, "IpRanges": [{"CidrIp": WORLD, "Description": "theirs"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[other])

    return stage(
        url,
        AwsRevokeSecurityGroupRule(RuleArguments(port=22)),
        target("security_group", group),
        target("security_group", "sg-0123456789abcdef0"),
        snapshot=rules,
        meddle=meddle,
        expected=wanted(lambda: open_ports() == [443]),
    )


def block_address_network(url: str) -> Stage:
    ec2 = client(url, "ec2")
    acl = ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]

    def entries() -> list[Any]:
        (found,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
        return sorted(found["Entries"], key=str)

    def is_denied() -> bool:
        firsts = [
            min(
                (each for each in entries() if each["Egress"] is way), key=lambda e: e["RuleNumber"]
            )
            for way in (False, True)
        ]
        return all(
            (each["RuleAction"], each["CidrBlock"]) == ("deny", f"{ATTACKER}/32") for each in firsts
        )

    return stage(
        url,
        AwsBlockAddressNetwork(NetworkAclArguments(network_acl=acl)),
        target("address", ATTACKER),
        None,
        snapshot=entries,
        meddle=lambda: ec2.delete_network_acl_entry(NetworkAclId=acl, Egress=True, RuleNumber=99),
        expected=wanted(is_denied),
    )


def block_address_waf(url: str) -> Stage:
    waf = client(url, "wafv2")
    made = waf.create_ip_set(
        Name="blocked",
        Scope="REGIONAL",
        Description="ours",
        IPAddressVersion="IPV4",
        Addresses=["203.0.113.9/32"],
    )["Summary"]
    asked = {"Name": "blocked", "Scope": "REGIONAL", "Id": made["Id"]}

    def found() -> Any:
        return waf.get_ip_set(**asked)["IPSet"]

    def replaced() -> None:
        asked["LockToken"] = waf.get_ip_set(**asked)["LockToken"]
        waf.delete_ip_set(**asked)
        del asked["LockToken"]

    return stage(
        url,
        AwsBlockAddressWaf(IpSetArguments(name="blocked", id=made["Id"])),
        target("address", ATTACKER),
        None,
        snapshot=found,
        meddle=replaced,
        expected=wanted(
            lambda: (
                sorted(found()["Addresses"]) == ["203.0.113.9/32", f"{ATTACKER}/32"]
                and found()["Description"] == "ours"
            )
        ),
    )


STAGES: dict[str, Callable[[str], Stage]] = {
    "aws_block_address_network": block_address_network,
    "aws_block_address_waf": block_address_waf,
    "aws_revoke_security_group_rule": revoke_security_group_rule,
}
