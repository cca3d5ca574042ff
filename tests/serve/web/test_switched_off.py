"""The pages say which rules are switched off, and why."""

import httpx

from tests.serve.web.test_pages import text_of

WHY = "3 times in a row, it took longer than 1 s"


def test_the_list_of_rules_names_the_reason(viewer: httpx.Client) -> None:
    assert text_of(viewer.get("/rules")).count(f"switched off: {WHY}") == 1


def test_the_page_of_a_rule_says_what_brings_it_back(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/rules/r-secrets"))

    assert f"Switched off {WHY} It is asked again when its text changes." in shown
    assert "Switched off" not in text_of(viewer.get("/rules/r-trail"))
