"""Read the management events of the last days by CloudTrail's LookupEvents, in every region.

CloudTrail keeps them for 90 days in every account, without a trail, and lets each account and
region be asked twice a second. Data events and Insights are not among them.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.collect.accounts import Role, reached_accounts
from tocsin.collect.buckets import error_code
from tocsin.collect.looking import FirstLook, LookSettings, Observe, Pace, Pause, Seen, unheard
from tocsin.errors import SourceError

_SECONDS_BETWEEN = 0.5
_PAGE = 50
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "RequestLimitExceeded"})
_MOST_THROTTLED = 6


@dataclass(frozen=True, slots=True)
class AwsSettings(LookSettings):
    """Where to look, and as whom.

    Attributes:
        regions: the regions to look at; otherwise all that the account has switched on.
        role_arns: roles to assume, one for each account; otherwise the credentials at hand.
        external_id: what the trust policies of the roles ask for.
        organization_role: the name of a role that every account of the organization has.
        endpoint_url: another service that speaks CloudTrail.
        source: the type of the records.
    """

    regions: tuple[str, ...] = ()
    role_arns: tuple[str, ...] = ()
    external_id: str | None = None
    organization_role: str | None = None
    endpoint_url: str | None = None
    source: str = "aws.cloudtrail"


class Aws(FirstLook):
    """Looks at the accounts that the credentials reach."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        pause: Pause = time.sleep,
        observe: Observe = unheard,
    ) -> None:
        super().__init__(settings, settings.source, pause, observe)
        self._settings = settings

    def places(self) -> "list[_Region]":
        """Return the regions of all accounts; see `FirstLook.places`."""
        settings = self._settings
        everywhere = settings.organization_role
        found = reached_accounts(
            [Role(arn, settings.external_id) for arn in settings.role_arns],
            Role(everywhere, settings.external_id) if everywhere else None,
            settings.endpoint_url,
            self._look.problems,
        )
        places = [
            _Region(
                f"{account.uid}/{region}",
                f"cloudtrail://{account.uid}/{region}",
                account.clients.of("cloudtrail", region),
                Pace(_SECONDS_BETWEEN, self._pause),
                self._pause,
            )
            for account in found
            for region in settings.regions or account.regions()
        ]
        self.accounts = tuple(dict.fromkeys(account.uid for account in found))
        self.regions = tuple(dict.fromkeys(place.name.split("/")[1] for place in places))
        return places


@dataclass(frozen=True, slots=True)
class _Region:
    """One region of one account."""

    name: str
    origin: str
    client: Any
    pace: Pace
    pause: Pause

    def seen(self, begin: datetime, end: datetime) -> Sequence[Seen]:
        """Return the management events between two moments."""
        found: list[Seen] = []
        more: dict[str, str] = {}
        while True:
            # Whole seconds are all that LookupEvents knows; both ends belong to the span.
            answer = self._asked({"StartTime": begin, "EndTime": end, "MaxResults": _PAGE, **more})
            found += [
                Seen(
                    int(event["EventTime"].timestamp() * 1000),
                    str(event["EventId"]),
                    str(event["CloudTrailEvent"]).encode(),
                )
                for event in answer.get("Events", [])
                if event.get("CloudTrailEvent")
            ]
            token = answer.get("NextToken")
            if not token or token == more.get("NextToken"):
                return found
            more = {"NextToken": token}

    def _asked(self, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(_MOST_THROTTLED):
            self.pace.wait()
            try:
                answer: Mapping[str, Any] = self.client.lookup_events(**arguments)
            except ClientError as error:
                code = error_code(error)
                if code not in _THROTTLED:
                    raise SourceError(f"LookupEvents: {code}: {error}") from error
                # Somebody else asks too, such as the console: the limit is shared.
                self.pause(2.0**attempt)
            except BotoCoreError as error:
                raise SourceError(f"LookupEvents: {error}") from error
            else:
                return answer
        raise SourceError("LookupEvents stays throttled; run the command again later, it resumes")
