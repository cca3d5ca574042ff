"""Read buckets of Google Cloud Storage, and what Pub/Sub says about new objects in them.

Two calls of the JSON API are all that reading needs: Google's client library would bring three
more packages for them. An object whose content is encoded as gzip is taken as it is stored.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list,
https://cloud.google.com/storage/docs/json_api/v1/objects/get,
https://cloud.google.com/storage/docs/transcoding and
https://cloud.google.com/storage/docs/pubsub-notifications
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from tocsin.collect.asking import Refused
from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.google_identity import GoogleIdentity
from tocsin.collect.notifications import NotANotification, ObjectReference
from tocsin.collect.objects import Listed, ObjectError
from tocsin.collect.passes import Pause
from tocsin.collect.subscriptions import Delivery, Subscription
from tocsin.errors import SourceError

SCHEME = "gs"

_ADDRESS = "https://storage.googleapis.com"
_EMULATOR = "STORAGE_EMULATOR_HOST"
_FIELDS = "nextPageToken,items(name,timeCreated)"
_BEHIND_ITS_END = 416
_CREATED = "OBJECT_FINALIZE"


class GoogleObjects:
    """All buckets that the credentials of the environment may read; see `Objects`."""

    def __init__(self, pause: Pause) -> None:
        """Take what waits where Google wants it; nothing is opened yet."""
        self._pause = pause

    def blocks(self, reference: ObjectReference, offset: int) -> Iterator[bytes]:
        """Yield the bytes of an object from `offset` on, as they are stored; see `Objects`."""
        # Without this, Google would inflate, and ranges would mean nothing.
        more = {"Accept-Encoding": "gzip"} | ({"Range": f"bytes={offset}-"} if offset else {})
        link = f"{_objects(reference.bucket)}/{quote(reference.key, safe='')}?alt=media"
        try:
            yield from self._api.blocks(link, more)
        except Refused as refused:
            if offset and refused.status == _BEHIND_ITS_END:
                return
            raise ObjectError(reference, str(refused.status), refused) from refused
        except SourceError as error:
            raise ObjectError(reference, "unreachable", error) from error

    def listed(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield the objects below `prefix` in order of their names; see `Objects`."""
        asked = {"prefix": prefix, "startOffset": after, "fields": _FIELDS}
        while True:
            page = self._page(bucket, asked)
            for row in page.get("items", ()):
                if row["name"] != after:
                    reference = ObjectReference(bucket, row["name"], SCHEME)
                    # Not `updated`: that changes with a label or a class of storage too.
                    yield Listed(reference, datetime.fromisoformat(row["timeCreated"]))
            token = page.get("nextPageToken")
            if not token:
                return
            asked["pageToken"] = str(token)

    def probe(self, buckets: Sequence[str], prefix: str) -> str:
        """List one name of each bucket; say that they answered, for `tocsin doctor`.

        Raises:
            SourceError: a bucket cannot be listed.
        """
        for bucket in buckets:
            self._page(bucket, {"prefix": prefix, "fields": _FIELDS, "maxResults": "1"})
        return f"{len(buckets)} buckets answer"

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        self._api.close()

    def _page(self, bucket: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        query = urlencode({name: value for name, value in asked.items() if value})
        try:
            return self._api.get(f"{_objects(bucket)}?{query}")
        except SourceError as error:
            raise SourceError(
                f"gs://{bucket}/{asked['prefix']} cannot be listed: {error}"
            ) from error

    @cached_property
    def _api(self) -> CloudApi:
        # As Google's own clients do: an emulator is shown no token.
        emulator = os.environ.get(_EMULATOR)
        if emulator:
            return CloudApi(
                emulator if "://" in emulator else f"http://{emulator}", dict, self._pause
            )
        return CloudApi(_ADDRESS, GoogleIdentity().headers, self._pause)


@dataclass(frozen=True, slots=True)
class ObjectNotices:
    """What a bucket tells a subscription about its objects; see `Announcer`."""

    subscription: Subscription

    def receive(self) -> list[Delivery]:
        """Return the next messages; see `Subscription.receive`."""
        return self.subscription.receive()

    def give_back(self, message: Delivery, after_seconds: int) -> None:
        """Let a message come again after a while; see `Subscription.give_back`."""
        self.subscription.give_back(message, after_seconds)

    def named(self, message: Delivery) -> tuple[ObjectReference, ...]:
        """Return the object that was written; none where something else happened.

        Raises:
            NotANotification: the message is not from a bucket.
        """
        said = message.attributes
        if not {"eventType", "bucketId", "objectId"} <= said.keys():
            raise NotANotification("not_a_notification: it names no object in Cloud Storage")
        if said["eventType"] != _CREATED:
            return ()
        return (ObjectReference(said["bucketId"], said["objectId"], SCHEME),)

    def content(self, message: Delivery) -> bytes:
        """Return what a message says: its attributes where it has no data."""
        return message.data or json.dumps(dict(message.attributes)).encode()

    def origin(self, message: Delivery) -> str:
        """Return the `origin` of a message that becomes a reject."""
        return f"pubsub://{self.subscription.name}/{message.uid}"


def _objects(bucket: str) -> str:
    return f"/storage/v1/b/{quote(bucket, safe='')}/o"
