"""Secrets leave incoming text, near misses stay, nothing else changes."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import PROJECT
from tocsin.errors import ContentError
from tocsin.redact import Redactor, failing_samples, read_definition

FILE = PROJECT / "content" / "redaction.yaml"
DEFINITION = read_definition(FILE.read_text("utf-8"), FILE.name)
REDACTOR = Redactor(DEFINITION)
SAMPLES = [sample for kind in DEFINITION.kinds for sample in (*kind.matches, *kind.near_misses)]
SECRET = "EXAMPLEexample0123456789"


def redact(*texts: str, key: bytes = b"key") -> list[str]:
    raws = [text.encode() for text in texts]
    found = REDACTOR.redact(raws, lambda: key)
    return [found.texts.get(index, raw).decode() for index, raw in enumerate(raws)]


def test_every_kind_holds_its_samples():
    found = {sample: REDACTOR.kinds_in(sample) for sample in SAMPLES}

    assert list(failing_samples(DEFINITION, found)) == []
    assert all(kind.matches and kind.near_misses for kind in DEFINITION.kinds)


@pytest.mark.parametrize("kind", DEFINITION.kinds, ids=lambda kind: kind.kind)
def test_without_its_kind_a_sample_keeps_its_secret_or_another_kind_takes_it(kind):
    """A mutation: every kind is needed by one of its own samples."""
    without = Redactor(DEFINITION, frozenset({kind.kind}))

    assert any(kind.kind not in without.kinds_in(sample) for sample in kind.matches)


def test_json_stays_json_and_keeps_all_else():
    record = {"a": 1, "masterUserPassword": 'x"y\\z\n', "b": {"token": SECRET}, "c": "\u00e9"}
    inner = json.dumps({"requestBody": json.dumps({"password": "examplepw", "n": 2})})

    (text, nested) = redact(json.dumps(record), inner)

    shown = json.loads(text)
    assert shown["masterUserPassword"].startswith("[redacted:password:")
    assert shown["b"]["token"].startswith("[redacted:secret_by_name:")
    assert (shown["a"], shown["c"]) == (1, "\u00e9")
    body = json.loads(json.loads(nested)["requestBody"])
    assert body["password"].startswith("[redacted:password:")
    assert body["n"] == 2


def test_the_same_secret_has_the_same_hash_until_the_key_is_rotated():
    first, second = redact(f"token={SECRET}", f"apiKey: {SECRET}")
    (rotated,) = redact(f"token={SECRET}", key=b"another")

    assert first.rpartition(":")[2] == second.rpartition(":")[2]
    assert rotated != first


def test_what_was_replaced_is_not_replaced_again():
    once = redact(*SAMPLES)

    assert redact(*once, key=b"another") == once


def test_a_kind_can_be_left_out():
    assert "jwt" not in Redactor(DEFINITION, frozenset({"jwt"})).kinds_in(SAMPLES[0])
    assert (
        not Redactor(DEFINITION, frozenset(kind.kind for kind in DEFINITION.kinds))
        .redact([b"password=examplepw"], lambda: b"")
        .texts
    )


def test_key_identifiers_stay_for_rules_to_join_on():
    text = json.dumps({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "accessKey": "ASIAIOSFODNN7EXAMPLE"})

    assert redact(text) == [text]


@given(st.lists(st.sampled_from([*SAMPLES, "", "{}", 'x":"', "password=", '"'])))
@settings(max_examples=60)
def test_texts_do_not_change_each_other(texts):
    """Whatever stands beside a text in the batch, the same becomes of it."""
    assert redact(*texts) == [redact(text)[0] for text in texts]


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_are_taken(raw):
    found = REDACTOR.redact([raw, raw], lambda: b"key")

    assert found.texts.get(0) == found.texts.get(1)
    assert sum(found.counts.values()) % 2 == 0


@pytest.mark.parametrize(
    "piece",
    [b"password=", b"://a:", b"token:", b"-----BEGIN PRIVATE KEY-----", b"curl -u ", b"eyJ", b'"'],
)
def test_hostile_text_of_64_kib_is_read_quickly(piece):
    raw = (piece * (65_536 // len(piece) + 1))[:65_536]
    REDACTOR.redact([raw], lambda: b"key")
    begun = time.process_time()
    REDACTOR.redact([raw], lambda: b"key")

    # 50 ms on an idle machine; tests share theirs.
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kinds: 1\nspared: x", "must be a list"),
        ("spared: x\nkinds: [{kind: a, patterns: ['(a)', '(']}]", "is no pattern"),
        ("spared: x\nkinds: [{kind: a, patterns: ['a']}]", "exactly one group"),
        ("spared: x\nkinds: [{kind: a, patterns: 7}]", "no list of texts"),
        ("spared: x\nkinds: [{kind: a, pattern: ['(a)']}]", "unknown keys"),
    ],
)
def test_a_broken_file_says_what_is_wrong(text, words):
    with pytest.raises(ContentError, match=words):
        Redactor(read_definition(text, "redaction.yaml"))
