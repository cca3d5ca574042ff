"""A folder laid out like panther-analysis, of our own making; as large as a test wants."""

import json

HELPER = """from panther_base_helpers import deep_get
from panther_detection_helpers.caching import get_string_set


def actor(event):
    return deep_get(event, "userIdentity", "arn", default="nobody")


def known_places(name):
    return get_string_set(f"{name}-places")
"""

RULE = """import json
from acme_words import actor, known_places
import panther_event_type_helpers as event_type

LIMIT = {number}


def rule(event):
    if event.udm("event_type") != event_type.SUCCESSFUL_LOGIN:
        return False
    places = known_places(actor(event))
    if isinstance(places, str):
        places = json.loads(places) if places else []
    return event.udm("source_ip") not in places


def title(event):
    return f"{{actor(event)}} came from a new place [{{event.get('sourceIPAddress')}}]"


def dedup(event):
    return actor(event)


def alert_context(event):
    return {{"limit": LIMIT, "items": event.deep_walk("items", "name", default=[])}}
"""

MODEL = """import panther_event_type_helpers as event_type


def get_event_type(event):
    if event.get("eventName") == "ConsoleLogin":
        return event_type.SUCCESSFUL_LOGIN
    return None
"""

MODEL_YAML = """AnalysisType: datamodel
DataModelID: Example.CloudTrail
LogTypes: [AWS.CloudTrail]
Filename: trail_model.py
Enabled: true
Mappings:
  - {Name: source_ip, Path: $.sourceIPAddress}
  - {Name: event_type, Method: get_event_type}
"""

POLICY = "def policy(resource):\n    return bool(resource.get('Encrypted'))\n"


def login(place="192.0.2.1", name="ConsoleLogin"):
    return {
        "eventName": name,
        "p_log_type": "AWS.CloudTrail",
        "sourceIPAddress": place,
        "userIdentity": {"arn": "arn:aws:iam::111122223333:user/alice"},
        "items": [{"name": f"item {number}"} for number in range(20)],
    }


def example_of(name, expected, log, **mocks):
    written = [{"objectName": each, "returnValue": value} for each, value in mocks.items()]
    return {"Name": name, "ExpectedResult": expected, "Log": log, "Mocks": written}


TESTS = [
    example_of("a new place", True, login(), known_places='["192.0.2.9"]'),
    example_of("a known place", "false", login(), known_places='["192.0.2.1"]'),
    example_of("nothing is remembered", True, json.dumps(login())),
    example_of("behind a helper", False, login(), get_string_set='["192.0.2.1"]'),
    example_of("another event", False, login(name="GetUser")),
]


def description(kind, uid, file, tests, **more):
    id_key, logs_key = {"rule": ("RuleID", "LogTypes"), "policy": ("PolicyID", "ResourceTypes")}[
        kind
    ]
    found = {"AnalysisType": kind, id_key: uid, "Filename": file, logs_key: ["AWS.CloudTrail"]}
    return json.dumps({**found, "Severity": "Medium", "Enabled": True, "Tests": tests, **more})


def files(rules):
    """Return path and text of each file: so many rules with five tests, and what surrounds them."""
    found = {
        "global_helpers/acme_words.yml": "AnalysisType: global\nGlobalID: acme_words\n"
        "Filename: acme_words.py\n",
        "global_helpers/acme_words.py": HELPER,
        "data_models/trail_model.yml": MODEL_YAML,
        "data_models/trail_model.py": MODEL,
        "packs/all.yml": "AnalysisType: pack\nPackID: Example.Pack\n",
        "policies/volume.py": POLICY,
        "policies/volume.yml": description(
            "policy",
            "Example.Volume",
            "volume.py",
            [
                {"Name": "encrypted", "ExpectedResult": True, "Resource": {"Encrypted": True}},
                {"Name": "plain", "ExpectedResult": False, "Resource": {"Encrypted": False}},
            ],
        ),
    }
    for number in range(rules):
        found[f"rules/place_{number}.py"] = RULE.format(number=number)
        found[f"rules/place_{number}.yml"] = description(
            "rule", f"Example.Place.{number}", f"place_{number}.py", TESTS
        )
    return found


def write(folder, rules, **more):
    """Write the files below a folder, `more` of them by path."""
    for path, text in {**files(rules), **more}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder
