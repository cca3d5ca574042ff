"""Searching events: the language on real files, pages, scopes, histogram, top values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from tests.store.tables import EVENTS, NOON, event, event_table, naive, store_events, uid
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope, schemas
from tocsin.store import Span, Store, lake
from tocsin.store.events import Bucket


def names(table: pa.Table) -> list[str]:
    # An empty answer has only the columns that every source has.
    rows = table.column("metadata").to_pylist() if table.num_rows else []
    return [row["uid"] for row in rows]


def found(store: Store, query: str, scope: Scope = EVERYTHING) -> str:
    return " ".join(sorted(names(store.events.search(query, scope).rows)))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Four events of one source, not to be changed."""
    with Store.open(tmp_path_factory.mktemp("stored") / "data") as opened:
        yield filled(opened)


def filled(store: Store) -> Store:
    bucket = {"uid": "arn:aws:s3:::Logs", "namespace": None}
    pod = {"uid": "pod-1", "namespace": "prod"}
    store_events(
        store,
        [
            event("a", 0, user="Alice", operation="DeleteTrail", ip="10.1.2.3", severity_id=4),
            event("b", 1, user="bob", operation="GetObject", ip="2001:db8::1", is_mfa=True),
            event("c", 2, user=None, operation="PutObject", ip=None, resources=[bucket, pod]),
            event("d", 3, user="al%ice_", operation="Delete*", account="444455556666"),
        ],
    )
    return store


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "a b c d"),
        ("actor.user.name:alice", "a"),
        ("actor.user.name:ALICE", "a"),
        ("actor.user.name:al?ce", "a"),
        ("actor.user.name:al*ice*", "a d"),
        ('actor.user.name:"al%ice_"', "d"),
        ("actor.user.name:al%*", "d"),
        ('api.operation:"Delete*"', "d"),
        ("api.operation:Delete*", "a d"),
        ("api.operation:Delete* AND NOT src_endpoint.ip:10.0.0.0/8", "d"),
        ("NOT actor.user.name:alice", "b c d"),
        ("NOT actor.user.name:alice AND _exists_:actor.user.name", "b d"),
        ("NOT _exists_:actor.user.name", "c"),
        ("actor.user.name:(alice OR bob)", "a b"),
        ("src_endpoint.ip:10.1.2.3", "a"),
        ("src_endpoint.ip:10.0.0.0/8", "a"),
        ("src_endpoint.ip:2001:db8::/32", "b"),
        ("NOT src_endpoint.ip:0.0.0.0/0", "b c"),
        ("resources.uid:arn:aws:s3:::logs", "c"),
        ("resources.uid:pod* resources.namespace:prod", "c"),
        ("NOT resources.uid:pod-1", "a b d"),
        ("_exists_:resources.namespace", "c"),
        ("severity:high", "a"),
        ("severity_id:>=medium", "a"),
        ("severity_id:4", "a"),
        ("severity_id:[2 TO 5]", "a"),
        ("severity_id:{1 TO 4}", ""),
        ("is_mfa:true", "b"),
        ("NOT is_mfa:true", "a c d"),
        ("class_uid:60*", "a b c d"),
        ("source:aws.cloudtrail", "a b c d"),
        ("source:kubernetes.audit", ""),
        ("time:2026-11-23", "a b c d"),
        ("time:>2026-11-23", ""),
        ("time:>=2026-11-23T12:02:00Z", "c d"),
        ("time:[2026-11-23T12:01:00 TO 2026-11-23T12:02:00}", "b"),
        ("time:[2026-11-23 TO 2026-11-23]", "a b c d"),
        ("time:<2026-11-23", ""),
        ('"\\"eventid\\": \\"A\\""', "a"),
        ("eventID", "a b c d"),
        ("event*c", "c"),
        ("nothing_like_it", ""),
        ("(actor.user.name:bob OR api.operation:PutObject) NOT eventID", ""),
        ("flags:odd", ""),
    ],
)
def test_a_search_finds(stored: Store, query: str, expected: str) -> None:
    assert found(stored, query) == expected
    assert stored.events.count(query, EVERYTHING) == len(expected.split())


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            "actor.user.nam:x",
            "actor.user.nam at position 1 is not known; did you mean actor.user.n",
        ),
        ("x OR ip:10.0.0.1", "ip at position 6 is not known; did you mean src_endpoint.ip"),
        ("actor.user:x", "actor.user at position 1 is an object"),
        ("severity:urgent", "'urgent' at position 10 is no severity"),
        ("class_uid:many", "'many' at position 11 is no number"),
        ("is_mfa:maybe", "'maybe' at position 8 does not fit"),
        ("time:yesterday", "'yesterday' at position 6 is no time"),
        ("time:9999-12-31", "is no time"),
    ],
)
def test_a_search_that_does_not_fit_says_where(stored: Store, query: str, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        stored.events.search(query, EVERYTHING)

    assert problem in str(error.value)


def test_values_are_bound_never_part_of_the_statement(stored: Store) -> None:
    for text in ("'; DROP TABLE x; --", '" OR 1=1', "a') OR true --", "\\"):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        assert found(stored, f'actor.user.name:"{quoted}"') == ""


def test_an_empty_store_answers_every_question(store: Store) -> None:
    assert store.events.search("any.path:x", EVERYTHING).rows.num_rows == 0
    assert store.events.count("word", EVERYTHING) == 0
    assert store.events.histogram("", EVERYTHING) == ()
    assert store.events.top_values("any.path", "", EVERYTHING) == ()
    assert store.events.fields() == ()


def test_pages_hold_every_event_once_newest_first(store: Store) -> None:
    minutes = [7, 7, 7, 3, 9, 1, 7, 2, 2]
    for number, minute in enumerate(minutes):
        store_events(store, [event(str(number), minute)])

    seen: list[tuple[object, str]] = []
    cursor = None
    while True:
        page = store.events.search("", EVERYTHING, limit=2, cursor=cursor)
        seen += [(row["time"], row["event_uid"]) for row in page.rows.to_pylist()]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(minutes)


def test_a_cursor_fits_its_own_question_only(stored: Store) -> None:
    cursor = stored.events.search("", EVERYTHING, limit=1).cursor

    for query, given in (("bob", cursor), ("", "nonsense"), ("", "e30")):
        with pytest.raises(UsageError, match="cursor"):
            stored.events.search(query, EVERYTHING, cursor=given)


def test_only_the_span_is_looked_at(stored: Store) -> None:
    span = Span(NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))

    assert names(stored.events.search("", EVERYTHING, span).rows) == ["c", "b"]
    assert stored.events.count("", EVERYTHING, span) == 2


def test_a_scope_of_accounts_hides_the_others(stored: Store) -> None:
    mine = Scope(accounts=frozenset({"444455556666"}))

    assert found(stored, "", mine) == "d"
    assert stored.events.count("", mine) == 1
    assert sum(bar.count for bar in stored.events.histogram("", mine)) == 1
    assert stored.events.top_values("api.operation", "", mine) == (("Delete*", 1),)
    assert stored.events.get(uid("a"), mine).num_rows == 0


def test_a_scope_of_namespaces_hides_the_others(stored: Store) -> None:
    assert found(stored, "", Scope(namespaces=frozenset({"prod"}))) == "c"


def test_an_empty_scope_sees_nothing(stored: Store) -> None:
    assert found(stored, "", Scope(accounts=frozenset())) == ""


def test_sources_of_different_shape_are_one_view(store: Store) -> None:
    stored = filled(store)
    other = pa.schema([*schemas.EVENT_COLUMNS, pa.field("metadata", EVENTS.field("metadata").type)])
    other = other.append(
        pa.field("actor", pa.struct([("session", pa.struct([("uid", pa.string())]))]))
    )
    row = {**event("k", 10), "actor": {"session": {"uid": "s-1"}}}
    kept = {name: row[name] for name in other.names}
    store_events(stored, event_table([kept], other))

    assert found(stored, "actor.session.uid:s-1 OR actor.user.name:bob") == "b k"
    page = stored.events.search("", EVERYTHING, limit=10)
    assert page.rows.column("actor")[0].as_py() == {
        "user": None,
        "session": {"uid": "s-1"},
    }


def test_an_event_is_got_by_its_identifier(stored: Store) -> None:
    assert names(stored.events.get(uid("c"), EVERYTHING)) == ["c"]
    assert stored.events.get("evt_unknown", EVERYTHING).num_rows == 0
    assert stored.events.get("", EVERYTHING).num_rows == 0


def test_many_events_come_in_order_of_time(stored: Store) -> None:
    wanted = (uid("d"), uid("a"), uid("nowhere"), uid("a"))

    assert names(stored.events.many(wanted, EVERYTHING)) == ["a", "d"]


def test_a_histogram_counts_everything_in_round_bars(stored: Store) -> None:
    span = Span(NOON, NOON + timedelta(minutes=5))

    bars = stored.events.histogram("", EVERYTHING, span, buckets=6)

    assert bars == tuple(
        Bucket(NOON + timedelta(minutes=minute), int(minute < 4)) for minute in range(5)
    )


def test_forged_times_do_not_widen_a_histogram(store: Store) -> None:
    forged = datetime(1601, 1, 1, tzinfo=UTC)
    store_events(store, [event("old", time=forged, day=naive(NOON).date(), skewed=True)])
    store_events(store, [event("new")])

    bars = store.events.histogram("", EVERYTHING)

    assert sum(bar.count for bar in bars) == 1
    assert len(bars) <= 60


def test_times_of_1601_and_9999_are_kept_and_found(store: Store) -> None:
    for name, year in (("old", 1601), ("far", 9999)):
        time = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        store_events(store, [event(name, time=time, day=naive(NOON).date(), skewed=True)])

    assert found(store, "time:<1700-01-01") == "old"
    assert names(store.events.search("", EVERYTHING, limit=1).rows) == ["far"]
    assert names(store.events.get(uid("far"), EVERYTHING)) == ["far"]
    assert store.maintenance.fsck() == ()


def test_top_values_reach_into_lists(stored: Store) -> None:
    assert stored.events.top_values("resources.uid", "", EVERYTHING) == (
        ("arn:aws:s3:::Logs", 1),
        ("pod-1", 1),
    )
    assert stored.events.top_values("severity", "", EVERYTHING) == (("1", 3), ("4", 1))


def test_fields_name_paths_and_kinds(stored: Store) -> None:
    kinds = {field.path: field.kind for field in stored.events.fields()}

    assert kinds["src_endpoint.ip"] == "address"
    assert kinds["resources.uid"] == "text"
    assert kinds["time"] == "time"


def test_a_question_that_takes_too_long_is_stopped() -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b"
    with lake.connect("64MB", 1) as engine, pytest.raises(UsageError, match="stopped after 0.1 s"):
        lake.answer(engine, endless, (), 0.1)


def test_a_question_is_stopped_whose_time_was_up_before_it_began() -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b"
    with lake.connect("64MB", 1) as engine, pytest.raises(UsageError, match="stopped after 0 s"):
        lake.answer(engine, endless, (), 0.0)


def test_a_page_has_a_limit(store: Store) -> None:
    for limit in (0, -1, 10_001):
        with pytest.raises(UsageError, match="page"):
            store.events.search("", EVERYTHING, limit=limit)
