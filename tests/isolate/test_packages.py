"""Python rules import the packages of others that the settings name, and no others."""

import json

from tocsin.isolate import RuleWorker
from tocsin.run import RuleChoice, rule_work
from tocsin.run.wiring import load_rules
from tocsin.settings import Settings

RULE = """AnalysisType: rule
RuleID: Parsed.Policy
Severity: Low
Filename: policy.py
LogTypes: [AWS.CloudTrail]
Tests:
  - Name: A policy in YAML allows all
    ExpectedResult: true
    Log: {policy: "Effect: Allow"}
"""
SOURCE = """import yaml

def rule(event):
    return yaml.safe_load(event["policy"])["Effect"] == "Allow"
"""


def written(folder, source=SOURCE):
    (folder / "policy.yml").write_text(RULE)
    (folder / "policy.py").write_text(source)
    return RuleChoice((folder,), with_builtin=False)


def settings(folder, *packages):
    return Settings.model_validate(
        {"data": str(folder / "data"), "rules": {"packages": list(packages)}}
    )


def test_a_package_that_the_settings_name_is_imported(tmp_path):
    (tested,) = rule_work.check_examples(written(tmp_path), settings(tmp_path, "yaml"))

    assert tested.passed, tested.reason


def test_a_package_that_nobody_names_is_not(tmp_path):
    (tested,) = rule_work.check_examples(written(tmp_path), settings(tmp_path))

    assert not tested.passed
    assert "No module named 'yaml'" in tested.reason


def test_a_package_that_is_not_installed_is_named_and_so_is_the_reason(tmp_path):
    choice = written(tmp_path, SOURCE.replace("import yaml", "import not_a_package as yaml"))
    chosen = settings(tmp_path, "not_a_package", "yaml")

    (problem,) = load_rules(choice, chosen).problems
    (tested,) = rule_work.check_examples(choice, chosen)

    assert problem.is_warning
    assert "'not_a_package'" in problem.message
    assert "the package not_a_package could not be imported" in tested.reason


def test_the_worker_is_closed_behind_the_packages():
    source = "import yaml\ndef rule(event): return bool(open(yaml.__file__).read())\n"
    around = {"modules": {}, "log_types": {}, "data_models": [], "packages": ["yaml"]}
    with RuleWorker() as worker:
        worker.provide(json.dumps(around))
        (verdict,) = worker({"R": source}, ["{}"])

    assert "PermissionError" in verdict.failure or "OSError" in verdict.failure
