"""Resources are judged, and what cannot be judged is Unknown, never passed."""

import json
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.conditions import tree
from tocsin.ocsf import empty, schemas
from tocsin.posture import Assessed, Check, assess

NOON = datetime(2026, 11, 23, 12)

OPEN_BUCKET = Check(
    uid="bucket-is-open",
    title="A bucket lets everybody read",
    description="What is in it can be copied by anyone who knows its name.",
    severity_id=4,
    resource_type="bucket",
    needs=("PublicAccessBlock",),
    fails=tree.Field("PublicAccessBlock.BlockPublicAcls", (tree.Flag(False),)),
)


def resources(*configurations: object, type: str = "bucket") -> pa.Table:
    """Buckets with these configurations; text is taken as it is."""
    return pa.Table.from_pylist(
        [
            {
                "uid": f"{type}-{number}",
                "type": type,
                "name": f"name-{number}",
                "account": "111122223333",
                "region": "eu-central-1",
                "observed_time": NOON,
                "configuration": one if isinstance(one, str) else json.dumps(one),
            }
            for number, one in enumerate(configurations)
        ],
        schema=schemas.RESOURCES,
    )


def statuses(assessed: Assessed) -> list[str]:
    return [result.status for result in assessed.results]


def test_a_resource_passes_fails_or_is_unknown():
    closed = {"PublicAccessBlock": {"BlockPublicAcls": True}}
    is_open = {"PublicAccessBlock": {"BlockPublicAcls": False}}

    assessed = assess([OPEN_BUCKET], resources(closed, is_open, {}))

    assert statuses(assessed) == ["Pass", "Fail", "Unknown"]
    assert assessed.results[2].reason == "not known: PublicAccessBlock"


def test_what_is_needed_may_be_empty_but_must_be_there():
    check = Check("c", "t", "d", 3, "bucket", ("Tags",), tree.Exists("Nothing"))

    assert statuses(assess([check], resources({"Tags": []}, {"Tags": None}, {}))) == [
        "Pass",
        "Pass",
        "Unknown",
    ]


def test_a_failure_of_a_check_is_a_compliance_finding_about_the_resource():
    assessed = assess([OPEN_BUCKET], resources({"PublicAccessBlock": {"BlockPublicAcls": False}}))

    (finding,) = assessed.findings.to_pylist()
    assert finding["class_uid"] == 2003
    assert (finding["rule_uid"], finding["severity_id"]) == ("bucket-is-open", 4)
    assert finding["entity"] == {"type": "bucket", "uid": "bucket-0", "name": "name-0"}
    assert finding["first_time"] == NOON
    assert assessed.findings.schema == schemas.FINDINGS


def test_the_same_state_seen_again_is_the_same_finding():
    table = resources({"PublicAccessBlock": {"BlockPublicAcls": False}})
    later = table.set_column(
        5, schemas.RESOURCES.field(5), pa.array([NOON.replace(day=25)], pa.timestamp("us"))
    )

    first, again = assess([OPEN_BUCKET], table), assess([OPEN_BUCKET], later)

    assert first.findings["uid"].to_pylist() == again.findings["uid"].to_pylist()


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "9", "[" * 5000])
def test_a_configuration_that_cannot_be_read_is_unknown_and_a_failure(text):
    assessed = assess([OPEN_BUCKET], resources(text))

    assert statuses(assessed) == ["Unknown"]
    (failure,) = assessed.failures.to_pylist()
    assert failure["rule_uid"] == "bucket-is-open"
    assert failure["reason"].startswith("bucket-0: the configuration is")


def test_checks_for_other_types_are_not_asked():
    assessed = assess([OPEN_BUCKET], resources({}, type="queue"))

    assert (assessed.results, assessed.findings.num_rows) == ((), 0)


@pytest.mark.parametrize("checks", [[], [OPEN_BUCKET]])
def test_no_resources_give_nothing(checks):
    assessed = assess(checks, empty(schemas.RESOURCES))

    assert (assessed.results, assessed.findings.num_rows, assessed.failures.num_rows) == ((), 0, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["PublicAccessBlock", "BlockPublicAcls", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.lists(json_values, max_size=4))
def test_any_configuration_is_judged_and_every_fail_is_a_finding(configurations):
    assessed = assess([OPEN_BUCKET], resources(*(json.dumps(one) for one in configurations)))

    found = statuses(assessed)
    assert len(found) == len(configurations)
    assert found.count("Fail") == assessed.findings.num_rows
