"""What `tocsin validate` and `tocsin doctor` find out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tocsin.collect import Source
from tocsin.errors import ContentError, Problem, SettingsError, TocsinError
from tocsin.ocsf import EVERYTHING
from tocsin.run import feeds, suppressing
from tocsin.run.health import Checked, disk, examine
from tocsin.run.notice import noticed
from tocsin.run.wiring import RuleChoice, load_mappings, load_rules, rules_of
from tocsin.settings import Settings
from tocsin.settings.model import Heartbeat
from tocsin.store import Store

_FAILURE_AGE = timedelta(hours=1)
_SWITCHED_OFF = "switched_off: "
_CLOCK_TOLERANCE = timedelta(minutes=5)


def content_problems(settings: Settings | None) -> Iterator[Problem | str]:
    """Yield what is wrong with mappings, rules and feeds, ready to print; warnings among it."""
    try:
        mappings = dict(load_mappings())
    except ContentError as error:
        yield Problem(error.location, error.message)
        return
    choice = rules_of(settings) if settings else RuleChoice()
    try:
        problems = load_rules(choice, settings).problems
        # Of warnings only those about the settings: `tocsin rules check` tells the others.
        yield from (
            each for each in problems if not each.is_warning or each.location.file == "settings"
        )
    except ContentError as error:
        yield Problem(error.location, error.message)
    if settings is not None:
        try:
            feeds.pulled(settings, mappings, threading.Event())
            feeds.receivers(settings, mappings)
        except SettingsError as error:
            yield str(error)


def diagnose(settings: Settings) -> Iterator[Checked]:
    """Look at settings, content, data folder, disk, clock and every feed, one after the other."""
    examinations: dict[str, Callable[[], str]] = {
        "content": lambda: _content(settings),
        "rules in force": lambda: _rules_in_force(settings),
        "data folder": lambda: _data_folder(settings),
        "suppressions": lambda: _suppressions(settings),
        "disk": lambda: disk(settings),
        "clock": lambda: _clock(settings),
        "rule worker": _worker,
        "rule failures": lambda: _rule_failures(settings),
    }
    try:
        found = feeds.pulled(settings, load_mappings(), threading.Event())
    except TocsinError as error:
        yield Checked("feeds", False, str(error))
        found = ()
    for each in found:
        examinations[f"feed {each.feed}"] = _examination(each.source)
    heartbeat = settings.heartbeat
    if heartbeat is not None:
        examinations["heartbeat"] = lambda: _heartbeat(heartbeat)
    yield from examine(examinations)


def diagnose_clouds(clouds: Sequence[str], settings: Settings) -> Iterator[Checked]:
    """Say which logs of clouds are switched off, which rights are too many, and what logs cost."""
    from tocsin.run.cloud_diagnosis import examine_cloud

    for cloud in clouds:
        yield from examine_cloud(cloud, settings)


def _content(settings: Settings) -> str:
    problems = [each for each in content_problems(settings) if not _is_warning(each)]
    if problems:
        raise TocsinError(f"{len(problems)} problems; see `tocsin validate`: {problems[0]}")
    return f"{len(load_rules(rules_of(settings), settings).rules)} rules, all files sound"


def _is_warning(problem: Problem | str) -> bool:
    return isinstance(problem, Problem) and problem.is_warning


def _rules_in_force(settings: Settings) -> str:
    found = noticed(settings.data)
    if found is None:
        return "no Tocsin runs on the data folder; `tocsin up` reads the rules"
    told = f"{found.rules} rules, version {found.version}, read {found.since:%Y-%m-%d %H:%M:%S} UTC"
    if found.problems:
        raise TocsinError("; ".join([*found.problems, told]))
    return told


def _data_folder(settings: Settings) -> str:
    if Store.kind(settings.data) is None:
        return f"{settings.data} does not exist yet; `tocsin up` makes it"
    with Store.open(settings.data, demo=Store.kind(settings.data) == "demo") as store:
        damages = store.maintenance.glance()
        if damages:
            raise TocsinError(f"{damages[0].what}; {damages[0].remedy}")
        figures = store.maintenance.figures()
    return f"{figures.events} events, {figures.incidents} incidents; `tocsin fsck` looks deeper"


def _suppressions(settings: Settings) -> str:
    now = datetime.now(UTC)
    if Store.kind(settings.data) is None:
        return "none"
    with Store.open(settings.data, demo=Store.kind(settings.data) == "demo") as store:
        count = len(store.suppressions.in_force(now))
        return "; ".join([f"{count} in force", *suppressing.attention(store, now)])


def _clock(settings: Settings) -> str:
    """Compare the clock with the newest receipt: a clock that was set back shows there."""
    now = datetime.now(UTC)
    if Store.kind(settings.data) is None:
        return f"{now:%Y-%m-%d %H:%M:%S} UTC"
    with Store.open(settings.data, demo=Store.kind(settings.data) == "demo") as store:
        received = [feed.last_received_time for feed in store.sources.list(EVERYTHING, now)]
    latest = max((moment for moment in received if moment is not None), default=now)
    ahead = (latest if latest.tzinfo else latest.replace(tzinfo=UTC)) - now
    if ahead > _CLOCK_TOLERANCE:
        raise TocsinError(f"records were received {ahead} in the future; set the clock by NTP")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _worker() -> str:
    from tocsin.isolate import RuleWorker

    with RuleWorker() as worker:
        found = worker.protections()
    protections = {
        "network is cut": found.network_is_cut,
        "system calls are filtered": found.system_calls_are_filtered,
        "user has no rights": found.is_nobody,
    }
    held = [name for name, holds in protections.items() if holds]
    lacking = [name for name, holds in protections.items() if not holds]
    return "; ".join(
        [f"answers, without credentials; its {', '.join(held)}" if held else "answers"]
        + ([f"this system does not allow: {', '.join(lacking)}"] if lacking else [])
    )


def _rule_failures(settings: Settings) -> str:
    """Say how often rules could not answer in the last hour; raise where some are switched off."""
    if Store.kind(settings.data) is None:
        return "no rule has been asked yet"
    since = datetime.now(UTC) - _FAILURE_AGE
    with Store.open(settings.data, demo=Store.kind(settings.data) == "demo") as store:
        failures = store.sources.failures(since, EVERYTHING)
    off = {uid: why for uid, why, _ in failures if why.startswith(_SWITCHED_OFF)}
    if off:
        uid, why = min(off.items())
        more = f"; and {len(off) - 1} more, see the page of rules" if len(off) > 1 else ""
        what = f"rule {uid} is switched off: {why.removeprefix(_SWITCHED_OFF)}{more}"
        raise TocsinError(f"{what}; it is asked again when its text changes, or after a restart")
    many = sum(count for _, _, count in failures)
    return f"rules failed on {many} events within the hour" if many else "none within the hour"


def _examination(source: Source) -> Callable[[], str]:
    """Return the source's own examination, where it has one."""
    own: Callable[[], str] | None = getattr(source, "examine", None)
    return own if own is not None else lambda: "nothing to examine before it is read"


def _heartbeat(heartbeat: Heartbeat) -> str:
    from tocsin.run.heart import beat

    beat(heartbeat, datetime.now(UTC))
    return "the address answered"
