"""Rules that others published for the clouds match records of their source under its names."""

from pathlib import Path

import pytest

from tests.content.detection import LOG_SOURCES, MORNING, batch
from tocsin import detect, normalize
from tocsin.run import rule_work
from tocsin.run.wiring import RuleChoice

pytestmark = pytest.mark.corpora

CLOUD = Path("sigma") / "rules" / "cloud"
# Values that no record of the source has: a display name with a blank, a whole blob of text.
NEVER = {
    "azure_guest_to_member",
    "azure_subscription_permissions_elevation_via_auditlogs",
    "azure_legacy_authentication_protocols",
    "azure_app_role_added",
}


def gcp(method):
    return {"protoPayload": {"methodName": method}}


def activity(operation):
    return {"operationName": operation}


def entra(category, name, **properties):
    return {"operationName": name, "category": category, "properties": properties}


def risk(kind):
    return entra("UserRiskEvents", "User Risk Detection", riskEventType=kind)


def failed(code, why):
    return {
        "resultType": code,
        "resultDescription": why,
        "properties": {"status": {"errorCode": int(code), "failureReason": why}},
    }


MATCHING = {
    "gcp_bucket_modified_or_deleted": ("gcp.audit", gcp("storage.buckets.delete")),
    "gcp_kubernetes_secrets_modified_or_deleted": (
        "gcp.audit",
        gcp("io.k8s.core.v1.secrets.delete"),
    ),
    "gcp_service_account_modified": (
        "gcp.audit",
        gcp("google.iam.admin.v1.serviceAccounts.enable"),
    ),
    "azure_new_cloudshell_created": ("azure.activity", activity("Microsoft.Portal/consoles/write")),
    "azure_suppression_rule_created": (
        "azure.activity",
        activity("Microsoft.Security/alertsSuppressionRules/write"),
    ),
    "azure_kubernetes_pods_deleted": (
        "azure.activity",
        activity("Microsoft.Kubernetes/connectedClusters/pods/delete"),
    ),
    "azure_identity_protection_token_issuer_anomaly": ("azure.entra", risk("tokenIssuerAnomaly")),
    "azure_identity_protection_atypical_travel": ("azure.entra", risk("unlikelyTravel")),
    "azure_identity_protection_suspicious_browser": ("azure.entra", risk("suspiciousBrowser")),
    "azure_identity_protection_inbox_manipulation": (
        "azure.entra",
        risk("mcasSuspiciousInboxManipulationRules"),
    ),
    "azure_login_to_disabled_account": (
        "azure.entra",
        failed(
            "50057",
            "User account is disabled. The account has been disabled by an administrator.",
        ),
    ),
    "azure_mfa_interrupted": (
        "azure.entra",
        failed("50074", "Strong Auth required by the policy."),
    ),
    "azure_ad_risky_sign_ins_with_singlefactorauth_from_unknown_devices": (
        "azure.entra",
        {
            "properties": {
                "authenticationRequirement": "singleFactorAuthentication",
                "riskState": "atRisk",
            }
        },
    ),
    "azure_priviledged_role_assignment_bulk_change": (
        "azure.entra",
        entra(
            "AuditLogs",
            "Remove eligible member (permanent)",
            activityDisplayName="Remove eligible member (permanent)",
            loggedByService="PIM",
        ),
    ),
    "azure_ad_new_root_ca_added": (
        "azure.entra",
        entra(
            "AuditLogs",
            "Set Company Information",
            activityDisplayName="Set Company Information",
            loggedByService="Core Directory",
            targetResources=[
                {"modifiedProperties": [{"newValue": "TrustedCAsForPasswordlessAuth: x"}]}
            ],
        ),
    ),
}


@pytest.fixture(scope="module")
def rules(corpora):
    files = {
        str(path): path.read_text()
        for cloud in ("gcp", "azure")
        for path in sorted((corpora / CLOUD / cloud).rglob("*.yml"))
    }
    parsed = detect.parse_rules(files)
    return {Path(rule.location.file).stem: rule for rule in parsed.rules}


def matches(shipped, rule, source, change):
    """Return how many matches a rule has on the source's example with a change laid over it."""
    mapping = shipped.mappings[source]
    record = normalize.overlay(mapping.example, change)
    found = normalize.apply(mapping, batch(source, [record]))
    assert found.rejects.num_rows == 0
    rule_set = detect.RuleSet.build([rule], LOG_SOURCES)
    windows = detect.Windows()
    detected = detect.evaluate(rule_set, found.events, windows, MORNING, shipped.worker)
    return detected.matches.num_rows


def test_every_published_rule_is_tried_or_said_to_fit_nothing(rules):
    assert set(MATCHING) | NEVER == set(rules)


@pytest.mark.parametrize("name", sorted(MATCHING))
def test_a_published_rule_matches_a_record_of_its_source_and_not_its_example(shipped, rules, name):
    source, change = MATCHING[name]

    assert matches(shipped, rules[name], source, change) == 1
    assert matches(shipped, rules[name], source, {}) == 0


def test_no_field_of_a_published_rule_is_unknown(corpora):
    choice = RuleChoice(folders=tuple(corpora / CLOUD / cloud for cloud in ("gcp", "azure")))
    problems = rule_work.check_rules(choice).problems

    assert [str(each) for each in problems if "has the field" in str(each)] == []
