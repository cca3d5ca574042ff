"""Names and numbers agree with OCSF 1.8 as its schema package has them."""

import importlib.util

import pytest
from ocsf_json_schema import get_ocsf_schema

from tests.conftest import PROJECT
from tocsin.ocsf import classes


@pytest.fixture(scope="module")
def schema():
    return get_ocsf_schema(classes.VERSION)


def test_the_generated_facts_are_fresh():
    path = PROJECT / "scripts" / "ocsf_classes.py"
    spec = importlib.util.spec_from_file_location("ocsf_classes", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    assert script.TARGET.read_text("utf-8") == script.render(), "run scripts/ocsf_classes.py"


def test_every_class_has_the_uid_category_and_activities_of_the_schema(schema):
    for name, item in schema["classes"].items():
        event_class = classes.class_named(name)
        activities = item["attributes"]["activity_id"]["enum"]

        assert event_class.uid == item["uid"]
        assert event_class.caption == item["caption"]
        assert event_class.activities == {int(n): e["caption"] for n, e in activities.items()}
        assert event_class.category_uid == (
            item["category_uid"] if "category_uid" in item else item["uid"] % 100_000 // 1000
        )


def test_every_class_has_the_attributes_of_the_schema(schema):
    for name, item in schema["classes"].items():
        attributes = classes.class_named(name).attributes

        assert set(attributes) == set(item["attributes"])
        for attribute_name, attribute in attributes.items():
            expected = item["attributes"][attribute_name]
            assert attribute.type == (expected.get("object_type") or expected["type"])
            assert attribute.is_list == bool(expected.get("is_array"))
            assert attribute.is_required == (expected["requirement"] == "required")
            assert list(attribute.profiles) == (expected.get("profiles") or [])


def test_every_object_is_known(schema):
    for name, item in schema["objects"].items():
        assert set(classes.object_named(name).attributes) == set(item["attributes"])


def test_severities_statuses_and_categories_are_those_of_the_schema(schema):
    base = schema["classes"]["base_event"]["attributes"]

    assert classes.severities() == {
        int(n): e["caption"] for n, e in base["severity_id"]["enum"].items()
    }
    assert classes.statuses() == {
        int(n): e["caption"] for n, e in base["status_id"]["enum"].items()
    }
    assert classes.categories() == {
        c["uid"]: c["caption"] for c in schema["categories"]["attributes"].values()
    }


def test_captions_are_names_too():
    assert classes.class_named("API Activity").uid == 6003
    assert classes.severity_named("Informational") == 1
    assert classes.status_named("failure") == 2


def test_an_unknown_class_suggests_close_names():
    with pytest.raises(classes.UnknownNameError, match="did you mean authentication"):
        classes.class_named("authenticaton")


def test_an_unknown_activity_suggests_close_names():
    logon = classes.class_named("authentication")

    assert classes.activity_named(logon, "logon") == 1
    with pytest.raises(classes.UnknownNameError, match="did you mean .*logon"):
        classes.activity_named(logon, "login")


def test_a_name_unlike_any_other_lists_the_known_ones():
    with pytest.raises(classes.UnknownNameError, match="known are .*critical"):
        classes.severity_named("zzzz")


def test_numbers_that_ocsf_lacks_have_no_class():
    assert classes.class_numbered(12345) is None
    assert classes.object_named("nothing") is None
