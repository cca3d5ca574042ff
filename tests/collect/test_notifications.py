import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.cloud import announcement
from tocsin.collect.notifications import NotANotification, ObjectReference, read_notification

KEYS = ["Records", "Event", "Type", "Message", "detail-type", "detail", "s3Bucket", "s3ObjectKey"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, "s3", "eventName", "bucket", "object"]), inner)
    ),
    max_leaves=12,
)


@given(body=st.text() | VALUES.map(json.dumps))
def test_any_message_is_read_or_said_to_be_no_notification(body):
    try:
        references = read_notification(body)
    except NotANotification as error:
        assert str(error).startswith("not_a_notification: ")
    else:
        assert all(isinstance(reference, ObjectReference) for reference in references)


def test_envelopes_are_opened_once_only():
    body = announcement("a.json")
    for _ in range(2):
        body = json.dumps({"Type": "Notification", "Message": body})

    with pytest.raises(NotANotification):
        read_notification(body)


def test_a_key_is_decoded_as_s3_encodes_it():
    (reference,) = read_notification(announcement("a+b%2Bc%C3%A4.json"))

    assert reference.key == "a b+cä.json"
