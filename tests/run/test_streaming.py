"""The Terraform that is printed parses, gives no more rights than it must, and is written once."""

import json
import re

import hcl2
import pytest

from tocsin.errors import UsageError
from tocsin.run import streaming

VARIANTS = ("aws", "aws_organization", "azure", "gcp", "kubernetes")


def terraform(variant: str) -> str:
    """Return all files of a folder as Terraform reads them: as one."""
    files = streaming.plan(variant).files
    return "\n".join(text for name, text in files.items() if name.endswith(".tf"))


def parsed(variant: str) -> dict:
    return hcl2.loads(terraform(variant))


def blocks(found: dict, kind: str) -> dict[str, dict]:
    """Return the blocks of a kind by `type.name`."""
    return {
        ".".join(part.strip('"') for part in (outer, inner)): body
        for each in found.get(kind, [])
        for outer, by_name in each.items()
        for inner, body in by_name.items()
        if inner != "__is_block__"
    }


def statements(found: dict) -> dict[str, list[dict]]:
    documents = blocks(found, "data")
    return {
        name: body["statement"]
        for name, body in documents.items()
        if "aws_iam_policy_document" in name
    }


def words(values: list) -> set[str]:
    return {str(value).strip('"') for value in values}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_terraform_of_each_cloud_parses_and_knows_its_variables(variant):
    made = streaming.plan(variant, ("111122223333",))
    text = terraform(variant)
    found = hcl2.loads(text)

    declared = {name.strip('"') for each in found["variable"] for name in each}
    used = set(re.findall(r"\bvar\.(\w+)", text))
    given = set(re.findall(r"^(\w+) *=", made.files[streaming.VALUES], re.MULTILINE))
    with_default = {
        name.strip('"')
        for each in found["variable"]
        for name, body in each.items()
        if "default" in body
    }
    assert used == declared
    assert declared - with_default <= given <= declared
    assert hcl2.loads(made.files[streaming.VALUES])


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_terraform_refers_to_is_there(variant):
    text = terraform(variant)
    found = hcl2.loads(text)
    there = set(blocks(found, "resource")) | {f"data.{name}" for name in blocks(found, "data")}

    referred = set(
        re.findall(r"\b(?:data\.)?(?:aws|azurerm|google|kubernetes|local)_\w+\.\w+", text)
    )

    assert referred and referred <= there
    known = {name for each in found.get("locals", []) for name in each if name[:2] != "__"}
    assert set(re.findall(r"\blocal\.(\w+)", text)) == known


def test_an_organization_and_an_account_differ_in_what_the_trail_covers():
    covered = {}
    for variant in ("aws", "aws_organization"):
        told = {name: value for each in parsed(variant)["locals"] for name, value in each.items()}
        covered[variant] = (told["covers_organization"], len(told["log_folders"]))

    assert covered == {"aws": (False, 1), "aws_organization": (True, 2)}


@pytest.mark.parametrize("variant", ["aws", "aws_organization"])
def test_the_reader_of_aws_can_read_and_nothing_else(variant):
    read = statements(parsed(variant))["aws_iam_policy_document.read"]

    assert {action for each in read for action in words(each["actions"])} == {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "s3:GetObject",
        "kms:Decrypt",
    }
    assert not [each for each in read if words(each["resources"]) & {"*"}]


@pytest.mark.parametrize("variant", ["aws", "aws_organization"])
def test_the_role_of_aws_asks_for_the_external_id(variant):
    (trust,) = statements(parsed(variant))["aws_iam_policy_document.trust"]
    drawn = [
        re.search(
            r'external_id += "([0-9a-f]{32})"', streaming.plan(variant).files[streaming.VALUES]
        )
        for _ in range(2)
    ]

    (condition,) = trust["condition"]
    assert words([condition["variable"]]) == {"sts:ExternalId"}
    assert drawn[0] and drawn[1] and drawn[0][1] != drawn[1][1]


def test_the_stack_set_gives_every_account_a_role_that_only_reads():
    made = streaming.plan("aws_organization").files
    template = json.loads(made["first_look_role.json"])
    (role,) = template["Resources"].values()
    trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    policy = role["Properties"]["Policies"][0]["PolicyDocument"]

    assert policy == json.loads(streaming.rights("aws"))
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert template["Parameters"]["ExternalId"]["NoEcho"] is True
    stack = blocks(parsed("aws_organization"), "resource")[
        "aws_cloudformation_stack_set.first_look"
    ]
    assert set(template["Parameters"]) == set(stack["parameters"])


def test_tocsin_only_receives_from_gcp_and_azure():
    gcp = blocks(parsed("gcp"), "resource")["google_pubsub_subscription_iam_member.tocsin"]
    azure = blocks(parsed("azure"), "resource")
    send = azure["azurerm_eventhub_namespace_authorization_rule.send"]

    assert words([gcp["role"]]) == {"roles/pubsub.subscriber"}
    role = azure["azurerm_role_assignment.receive"]["role_definition_name"]
    assert words([role]) == {"Azure Event Hubs Data Receiver"}
    assert (send["listen"], send["send"], send["manage"]) == (False, True, False)


def test_files_are_written_for_their_owner_and_values_stay(tmp_path):
    folder = tmp_path / "stream"
    written = streaming.write(streaming.plan("aws"), folder)
    values = (folder / streaming.VALUES).read_text()

    again = streaming.write(streaming.plan("aws"), folder)

    assert {path.name for path in written} == {"aws.tf", "aws_account.tf", streaming.VALUES}
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert again == ()
    assert (folder / streaming.VALUES).read_text() == values


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path):
    (tmp_path / "aws.tf").write_text("# mine\n")

    with pytest.raises(UsageError, match="differs"):
        streaming.write(streaming.plan("aws"), tmp_path)

    assert (tmp_path / "aws.tf").read_text() == "# mine\n"
