"""Work with a few rules costs what they need, not what all sources would."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tocsin import normalize
from tocsin.run import rule_work
from tocsin.run.wiring import RuleChoice

RULES = PROJECT / "content" / "rules"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the sources whose mappings are compiled, as it happens."""
    found: list[str] = []
    plain = normalize.load_mapping

    def load_mapping(text: str, location: str, *more: object, **named: object) -> object:
        found.append(Path(location).stem)
        return plain(text, location, *more, **named)

    monkeypatch.setattr(normalize, "load_mapping", load_mapping)
    return found


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        ("network/dns_on_odd_port.yaml", {"zeek.log"}),
        (
            "cloud/second_factor_taken_away.yaml",
            {"aws.cloudtrail", "azure.entra", "gcp.audit", "microsoft365.audit"},
        ),
    ],
)
def test_examples_of_an_ocsf_rule_compile_the_mappings_of_their_sources_alone(
    compiled: list[str], tmp_path: Path, rule: str, sources: set[str]
):
    shutil.copy(RULES / rule, tmp_path)

    results = rule_work.check_examples(RuleChoice((tmp_path,), with_builtin=False))

    assert results and all(each.passed for each in results)
    assert sorted(compiled) == sorted(sources)
