"""The doctor names logs of Google Cloud and Azure that are off, and rights that could write."""

import pytest

from tests.collect.cloud_apis import azure_credentials, google_credentials, serving
from tocsin.collect.log_coverage.azure import AzureCoverage, AzureSettings
from tocsin.collect.log_coverage.gcp import GcpCoverage, GcpSettings

ALL = [{"logType": name} for name in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")]
READS = (":getIamPolicy", ":testIamPermissions")


def gcp(answers: dict, tmp_path, monkeypatch):
    with serving(lambda method, path, content: answers[path.rpartition("/")[2]]) as (url, asked):
        google_credentials(url, tmp_path, monkeypatch)
        settings = GcpSettings(directory_url=url, dns_url=url)
        found = {each.kind: each for each in GcpCoverage(settings).examine()}
    assert all(method == "GET" or path.endswith(READS) for method, path, _ in asked)
    return found


def test_what_is_off_in_a_project_is_named(tmp_path, monkeypatch):
    found = gcp(
        {
            "shop-prod:getIamPolicy": (200, {}),
            "policies": (200, {"policies": [{"enableLogging": False, "networks": []}]}),
            "shop-prod:testIamPermissions": (
                200,
                {"permissions": ["iam.serviceAccountKeys.create"]},
            ),
        },
        tmp_path,
        monkeypatch,
    )

    assert {kind: each.is_on for kind, each in found.items()} == {
        "gcp.data_access": False,
        "gcp.dns": False,
        "rights": False,
    }
    assert "DATA_READ" in found["gcp.data_access"].message
    assert "iam.serviceAccountKeys.create" in found["rights"].message


def test_what_is_on_in_a_project_is_well_and_what_is_hidden_unknown(tmp_path, monkeypatch):
    audited = {"auditConfigs": [{"service": "allServices", "auditLogConfigs": ALL}]}
    found = gcp(
        {
            "shop-prod:getIamPolicy": (200, audited),
            "policies": (403, {}),
            "shop-prod:testIamPermissions": (200, {}),
        },
        tmp_path,
        monkeypatch,
    )

    assert (found["gcp.data_access"].is_on, found["gcp.dns"].is_on) == (True, None)
    assert found["rights"].is_on is True


@pytest.mark.parametrize(
    ("categories", "actions", "is_on"),
    [
        ([], ["*"], False),
        (
            ["Administrative", "Policy", "Security"],
            ["Microsoft.Insights/eventtypes/values/read"],
            True,
        ),
    ],
)
def test_logs_of_azure_that_go_nowhere_are_named(categories, actions, is_on, monkeypatch):
    def answer(method: str, path: str, content) -> tuple[int, object]:
        if path.startswith("/subscriptions?"):
            return 200, {"value": [{"subscriptionId": "s1"}]}
        if "aadiam" in path:
            return 403, {}
        if "/permissions?" in path:
            return 200, {"value": [{"actions": actions}]}
        logs = [{"category": name, "enabled": True} for name in categories]
        return 200, {"value": [{"properties": {"logs": logs}}]}

    with serving(answer) as (url, asked):
        azure_credentials(url, monkeypatch)
        found = {each.kind: each for each in AzureCoverage(AzureSettings(url=url)).examine()}

    assert found["azure.activity"].is_on is is_on
    assert found["rights"].is_on is is_on
    assert found["azure.entra"].is_on is None
    assert {method for method, _, _ in asked} == {"GET"}
