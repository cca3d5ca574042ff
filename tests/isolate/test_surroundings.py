"""Rules find the helpers, data models, caches and mocks that their folder and tests give them."""

import json

import pytest

from tocsin.isolate import RuleWorker

RECORD = {
    "eventName": "ConsoleLogin",
    "p_log_type": "AWS.CloudTrail",
    "userIdentity": {"userName": "alice", "arn": "arn:aws:sts::1:assumed-role/Admin/s"},
    "events": [
        {"name": "a", "parameters": [{"name": "USER", "value": "bob"}]},
        {"name": "b", "parameters": [{"name": "PLACE", "value": "x"}]},
    ],
    "p_enrichment": {"places": {"sourceIPAddress": {"p_match": "192.0.2.1", "country": "NL"}}},
}
HELPERS = {
    "acme": "from acme_words import WORD\nimport json\ndef ask(x): return look(x)\n"
    "def look(x): return 'real ' + x + WORD\n",
    "acme_words": "WORD = '!'\n",
    "broken": "raise ValueError('no')\n",
}
MODEL = {
    "name": "trail",
    "log_types": ["AWS.CloudTrail"],
    "mappings": [
        ["actor_user", "$.userIdentity.userName", ""],
        ["names", "events[*].name", ""],
        ["user", "$.events[*].parameters[?(@.name == 'USER')].value", ""],
        ["second", "events[1].name", ""],
        ["event_type", "", "get_event_type"],
    ],
    "source": "from panther_base_helpers import deep_get\n"
    "def get_event_type(event):\n    return deep_get(event, 'eventName').lower()\n",
}


def surroundings(**changes):
    return json.dumps({"modules": HELPERS, "data_models": [MODEL], "log_types": {}, **changes})


@pytest.fixture(scope="module")
def worker():
    with RuleWorker() as running:
        running.provide(surroundings(log_types={"typed": ["AWS.CloudTrail"]}))
        yield running


def failure_of(worker, expression, imports="", mocks=(), uid="r", record=RECORD):
    """Return what is wrong with an expression that must be true of the record; nothing if it is."""
    source = f"{imports}\ndef rule(event):\n    assert {expression}\n    return True\n"
    (verdict,) = worker({uid: source}, [json.dumps(record)], mocks)
    return verdict.failure


@pytest.mark.parametrize(
    "expression",
    [
        "event.udm('actor_user') == 'alice'",
        "event.udm('names') == ['a', 'b']",
        "event.udm('user') == 'bob'",
        "event.udm('second') == 'b'",
        "event.udm('event_type') == 'consolelogin'",
        "event.udm('nothing') is None",
        "event.udm('nothing', default=5) == 5",
        "event.udm_path('actor_user') == '$.userIdentity.userName'",
        "event.lookup('places', 'sourceIPAddress')['country'] == 'NL'",
        "event.lookup('places', '192.0.2.1')['country'] == 'NL'",
        "event.lookup('places', '192.0.2.2') is None",
        "event.lookup('others', 'x') is None",
        "event.to_dict()['events'].append(1) is None and len(event['events']) == 2",
        "isinstance(event['events'], list) and json.dumps(event['events'])",
        "copy.deepcopy(event).update(x=1) is None and 'x' not in event",
    ],
)
def test_an_event_tells_more_than_its_fields(worker, expression):
    assert failure_of(worker, expression, "import copy, json") == ""


def test_the_type_of_logs_is_known_from_the_rule_where_the_record_does_not_say_it(worker):
    record = {key: value for key, value in RECORD.items() if key != "p_log_type"}
    expression = "(event['p_log_type'], event.udm('actor_user')) == ('AWS.CloudTrail', 'alice')"

    assert failure_of(worker, expression, uid="typed", record=record) == ""


@pytest.mark.parametrize(
    ("imports", "expression"),
    [
        ("from acme import ask", "ask('x') == 'real x!'"),
        ("import acme_words", "acme_words.WORD == '!'"),
        ("from panther_base_helpers import *", "is_ip_in_network('10.0.0.1', ['10.0.0.0/8'])"),
        ("from panther_base_helpers import *", "not is_ip_in_network('11.0.0.1', ['10.0.0.0/8'])"),
        ("from panther_base_helpers import *", "pattern_match('acme-1', 'acme-*')"),
        ("from panther_base_helpers import *", "pattern_match_list('b', ['a', 'b'])"),
        (
            "from panther_base_helpers import *",
            "aws_strip_role_session_id(event['userIdentity']['arn']).endswith('/Admin')",
        ),
        ("import panther_base_helpers as h", "h.aws_rule_context(event)['eventName']"),
        ("from panther_base_helpers import *", "deep_walk(event, 'events', 'name') == ['a', 'b']"),
        ("import panther_event_type_helpers as e", "e.FAILED_LOGIN == 'failed_login'"),
        ("from panther_core import PantherEvent", "isinstance(event, PantherEvent)"),
        ("from panther_core.immutable import ImmutableList as L", "isinstance(event['events'], L)"),
        ("import uuid, random, numbers", "uuid.uuid4() and random.random() < 1"),
    ],
)
def test_rules_import_helpers_of_the_folder_and_ours(worker, imports, expression):
    assert failure_of(worker, expression, imports) == ""


@pytest.mark.parametrize(
    ("imports", "reason"),
    [
        ("import broken", "raised ValueError: no"),
        (
            "import jsonpath_ng",
            "No module named 'jsonpath_ng'; workers have no such package; bring",
        ),
    ],
)
def test_a_helper_that_is_missing_or_fails_is_told(worker, imports, reason):
    assert reason in failure_of(worker, "True", imports)


def test_a_helper_of_the_folder_goes_before_ours():
    with RuleWorker() as worker:
        worker.provide(surroundings(modules={"panther_base_helpers": "OWN = 1\n"}))

        assert failure_of(worker, "OWN == 1", "from panther_base_helpers import OWN") == ""


def test_a_helper_that_was_mended_gives_its_rules_another_chance():
    with RuleWorker() as worker:
        worker.provide(surroundings())
        assert "no" in failure_of(worker, "True", "import broken")
        worker.provide(surroundings(modules={"broken": "OK = 1\n"}))

        assert failure_of(worker, "True", "import broken") == ""


@pytest.mark.parametrize(
    "expression",
    [
        "[increment_counter('a'), increment_counter('a', 5), get_counter('a')] == [1, 6, 6]",
        "reset_counter('a') is None and get_counter('a') == 0",
        "add_to_string_set('s', 'x') == {'x'} and add_to_string_set('s', ['y']) == {'x', 'y'}",
        "add_to_string_set('s', 'xy') and remove_from_string_set('s', ['xy']) == set()",
        "reset_string_set('s') is None and get_string_set('s') == set()",
        "put_dictionary('d', {'k': 1}) is None and get_dictionary('d') == {'k': 1}",
        "put_string_set('e', ['x'], 0.001) is None and not time.sleep(0.01) and not "
        "get_string_set('e')",
        "increment_counter('t') and not set_key_expiration('t', time.time() - 1) and not "
        "get_counter('t')",
        "[increment_counter(str(n)) for n in range(10001)] and get_counter('0') == 0",
    ],
)
def test_values_are_remembered_between_records(worker, expression):
    imports = "from panther_detection_helpers.caching import *\nimport time"

    assert failure_of(worker, expression, imports) == ""


@pytest.mark.parametrize(
    ("imports", "name", "expression"),
    [
        ("from acme import ask", "ask", "ask('x') == 'mocked'"),
        ("from acme import ask", "look", "ask('x') == 'mocked'"),
        ("import acme", "acme.ask", "acme.ask('x') == 'mocked'"),
        ("import acme", "acme", "acme.anything('x') == 'mocked'"),
        ("", "len", "len(event) == 'mocked'"),
        ("LIMIT = 'real'", "LIMIT", "LIMIT == 'mocked'"),
    ],
)
def test_a_mock_stands_in_for_one_test(worker, imports, name, expression):
    mocks = [json.dumps([[name, "mocked"]])]

    assert failure_of(worker, expression, imports, mocks) == ""
    assert failure_of(worker, expression, imports, ["[]"]).startswith("raised A")


def test_a_mock_of_nothing_is_told(worker):
    assert failure_of(worker, "True", "", ['[["nothing", ""]]']) == (
        "the mock 'nothing' is of nothing that the rule has"
    )


def test_each_test_starts_with_nothing_remembered(worker):
    imports = "from panther_detection_helpers.caching import increment_counter"
    source = f"{imports}\ndef rule(event): return increment_counter('once') == 1\n"
    verdicts = worker({"r": source}, ["{}", "{}"], ["[]", "[]"])

    assert [each.matched for each in verdicts] == [True, True]


@pytest.mark.parametrize(("compliant", "matches"), [("True", 0), ("False", 1), ("'x'", 1)])
def test_a_policy_matches_what_is_not_compliant(worker, compliant, matches):
    verdicts = worker({"p": f"def policy(resource): return {compliant}\n"}, ["{}"])

    assert len(verdicts) == matches
    assert ["policy() returned str, not a bool"] * (compliant == "'x'") == [
        each.failure for each in verdicts if each.failure
    ]


def test_what_to_do_stands_in_the_context(worker):
    source = (
        "def rule(event): return True\ndef runbook(event): return 'Call.'\n"
        "def destinations(event): return ['team']\ndef alert_context(event): return {'a': 1}\n"
    )
    (verdict,) = worker({"r": source}, ["{}"])

    assert json.loads(verdict.context) == {"runbook": "Call.", "destinations": ["team"], "a": 1}
