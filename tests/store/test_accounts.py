"""Setting up, users, sessions, and who is kept out."""

import threading
from datetime import timedelta

import pytest

from tests.store.tables import NOON
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import Store
from tocsin.store.accounts import ATTEMPTS

PASSWORD = "correct horse battery"
LATER = NOON + timedelta(minutes=30)


@pytest.fixture
def admin(store: Store) -> str:
    token = store.accounts.new_setup_token(NOON)
    return store.accounts.consume_setup_token(token, "ada", PASSWORD, NOON).name


def test_a_new_store_needs_a_first_admin(store: Store) -> None:
    assert store.accounts.needs_setup()

    token = store.accounts.new_setup_token(NOON)
    user = store.accounts.consume_setup_token(token, "ada", PASSWORD, NOON)

    assert (user.role, user.scope) == ("admin", EVERYTHING)
    assert not store.accounts.needs_setup()
    assert store.accounts.users() == (user,)


def test_the_set_up_token_works_once(store: Store, admin: str) -> None:
    with pytest.raises(UsageError, match="set up already"):
        store.accounts.new_setup_token(NOON)


def test_a_wrong_or_replaced_token_makes_no_admin(store: Store) -> None:
    old = store.accounts.new_setup_token(NOON)
    store.accounts.new_setup_token(NOON)

    for token in ("wrong", "", old):
        with pytest.raises(UsageError, match="wrong or used up"):
            store.accounts.consume_setup_token(token, "ada", PASSWORD, NOON)
    assert store.accounts.users() == ()


def test_a_refused_name_or_password_keeps_the_token(store: Store) -> None:
    token = store.accounts.new_setup_token(NOON)
    for name, password in (("ada", "short"), ("", PASSWORD), ("a b", PASSWORD), ("é", PASSWORD)):
        with pytest.raises(UsageError, match="has"):
            store.accounts.consume_setup_token(token, name, password, NOON)

    assert store.accounts.consume_setup_token(token, "ada", PASSWORD, NOON).name == "ada"


def test_parallel_set_ups_make_one_admin(store: Store) -> None:
    token = store.accounts.new_setup_token(NOON)
    made: list[str] = []

    def set_up(name: str) -> None:
        try:
            made.append(store.accounts.consume_setup_token(token, name, PASSWORD, NOON).name)
        except UsageError:
            return

    threads = [threading.Thread(target=set_up, args=(f"user{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert [user.name for user in store.accounts.users()] == made


def test_the_right_password_opens_a_session(store: Store, admin: str) -> None:
    token = store.accounts.login(admin, PASSWORD, "198.51.100.7", NOON)

    assert token is not None
    user = store.accounts.session(token, NOON)
    assert user is not None
    assert (user.name, user.last_login_time) == ("ada", NOON)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong password"), ("eve", PASSWORD), ("ADA", PASSWORD), ("", ""), ("\ud800", "x")],
)
def test_anything_else_opens_none(store: Store, admin: str, name: str, password: str) -> None:
    assert store.accounts.login(name, password, "198.51.100.7", NOON) is None
    assert store.audit.list(EVERYTHING).rows[0].action == "login.failed"


def test_an_unknown_session_is_nobodys(store: Store, admin: str) -> None:
    for token in ("", "x", "\ud800"):
        assert store.accounts.session(token, NOON) is None


def test_a_session_ends_when_idle(store: Store, admin: str) -> None:
    token = store.accounts.login(admin, PASSWORD, "", NOON) or ""
    limit = store.accounts.idle_limit

    assert store.accounts.session(token, NOON + limit) is not None
    assert store.accounts.session(token, NOON + 2 * limit) is not None
    assert store.accounts.session(token, NOON + 3 * limit + timedelta(seconds=1)) is None


def test_a_session_in_use_ends_all_the_same(store: Store, admin: str) -> None:
    token = store.accounts.login(admin, PASSWORD, "", NOON) or ""
    now, end = NOON, NOON + store.accounts.absolute_limit
    while now < end:
        assert store.accounts.session(token, now) is not None
        now += timedelta(minutes=50)

    assert store.accounts.session(token, end + timedelta(seconds=1)) is None


def test_logging_out_ends_one_session(store: Store, admin: str) -> None:
    first = store.accounts.login(admin, PASSWORD, "", NOON) or ""
    second = store.accounts.login(admin, PASSWORD, "", NOON) or ""

    store.accounts.logout(first, NOON)

    assert store.accounts.session(first, NOON) is None
    assert store.accounts.session(second, NOON) is not None


@pytest.mark.parametrize("deed", ["disable", "password", "role", "scope"])
def test_a_change_of_a_user_ends_their_sessions(store: Store, admin: str, deed: str) -> None:
    accounts = store.accounts
    accounts.add_user("bob", PASSWORD, "viewer", admin, NOON)
    token = accounts.login("bob", PASSWORD, "", NOON) or ""

    if deed == "disable":
        accounts.disable("bob", admin, NOON)
    elif deed == "password":
        accounts.set_password("bob", "another long password", admin, NOON)
    elif deed == "role":
        accounts.set_role("bob", "analyst", admin, NOON)
    else:
        accounts.set_scope("bob", Scope(accounts=frozenset({"1"})), admin, NOON)

    assert accounts.session(token, NOON) is None


def test_a_disabled_user_stays_out_until_enabled(store: Store, admin: str) -> None:
    store.accounts.add_user("bob", PASSWORD, "viewer", admin, NOON)
    store.accounts.disable("bob", admin, NOON)
    assert store.accounts.login("bob", PASSWORD, "", NOON) is None

    store.accounts.enable("bob", admin, NOON)
    assert store.accounts.login("bob", PASSWORD, "", NOON) is not None


def test_the_last_admin_stays(store: Store, admin: str) -> None:
    store.accounts.add_user("bob", PASSWORD, "viewer", admin, NOON)
    with pytest.raises(UsageError, match="last admin"):
        store.accounts.disable(admin, admin, NOON)
    with pytest.raises(UsageError, match="last admin"):
        store.accounts.set_role(admin, "viewer", admin, NOON)

    assert [(user.name, user.role) for user in store.accounts.users()] == [
        ("ada", "admin"),
        ("bob", "viewer"),
    ]


def test_a_scope_is_kept(store: Store, admin: str) -> None:
    scope = Scope(accounts=frozenset({"111122223333"}), namespaces=frozenset())
    store.accounts.add_user("bob", PASSWORD, "viewer", admin, NOON, scope=scope)

    assert store.accounts.users()[1].scope == scope


def test_names_are_taken_whatever_their_case(store: Store, admin: str) -> None:
    with pytest.raises(UsageError, match="already"):
        store.accounts.add_user("Ada", PASSWORD, "viewer", admin, NOON)


def test_what_does_not_exist_is_refused(store: Store, admin: str) -> None:
    with pytest.raises(UsageError, match="no user"):
        store.accounts.disable("eve", admin, NOON)
    with pytest.raises(UsageError, match="is no role"):
        store.accounts.set_role(admin, "owner", admin, NOON)  # type: ignore[arg-type]


def test_parallel_logins_do_not_outrun_the_limit(store: Store, admin: str) -> None:
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            token = store.accounts.login(admin, "wrong password", "198.51.100.7", NOON)
            outcomes.append("in" if token else "wrong")
        except UsageError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("wrong") == ATTEMPTS["pair"]
    assert outcomes.count("refused") == 60 - ATTEMPTS["pair"]


def test_a_stranger_does_not_lock_a_colleague_out(store: Store, admin: str) -> None:
    for _ in range(ATTEMPTS["pair"]):
        store.accounts.login(admin, "wrong password", "203.0.113.9", NOON)

    assert store.accounts.login(admin, PASSWORD, "198.51.100.7", NOON) is not None


def test_after_a_while_attempts_are_allowed_again(store: Store, admin: str) -> None:
    for _ in range(ATTEMPTS["pair"]):
        store.accounts.login(admin, "wrong password", "198.51.100.7", NOON)
    with pytest.raises(UsageError, match="try again in 15 minutes"):
        store.accounts.login(admin, PASSWORD, "198.51.100.7", NOON)

    assert store.accounts.login(admin, PASSWORD, "198.51.100.7", LATER) is not None


def test_no_secret_is_stored_or_logged(store: Store) -> None:
    setup = store.accounts.new_setup_token(NOON)
    store.accounts.consume_setup_token(setup, "ada", PASSWORD, NOON)
    session = store.accounts.login("ada", PASSWORD, "198.51.100.7", NOON) or ""
    store.close()

    content = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    for secret in (setup, session, PASSWORD):
        assert secret.encode() not in content


def test_every_change_is_in_the_audit_log(store: Store, admin: str) -> None:
    store.accounts.add_user("bob", PASSWORD, "viewer", admin, NOON)
    store.accounts.disable("bob", admin, NOON)
    store.accounts.logout(store.accounts.login(admin, PASSWORD, "", NOON) or "", NOON)

    rows = store.audit.list(EVERYTHING).rows
    assert [row.action for row in rows] == [
        "logout",
        "login",
        "user.disable",
        "user.add",
        "user.add",
        "setup.token",
    ]
    assert store.audit.verify().first_bad_seq is None


NEW = "another battery staple"


def test_people_change_their_own_password_and_only_this_session_stays(
    store: Store, admin: str
) -> None:
    here = store.accounts.login(admin, PASSWORD, "", NOON) or ""
    elsewhere = store.accounts.login(admin, PASSWORD, "", NOON) or ""

    assert store.accounts.change_own_password(here, PASSWORD, NEW, "", NOON)

    assert store.accounts.session(here, NOON) is not None
    assert store.accounts.session(elsewhere, NOON) is None
    assert store.accounts.login(admin, PASSWORD, "", NOON) is None
    assert store.accounts.login(admin, NEW, "", NOON) is not None
    row = next(row for row in store.audit.list(EVERYTHING).rows if row.action == "user.password")
    assert (row.actor, row.object) == (admin, admin)


def test_a_wrong_old_password_changes_nothing_and_is_noted(store: Store, admin: str) -> None:
    here = store.accounts.login(admin, PASSWORD, "", NOON) or ""

    assert not store.accounts.change_own_password(here, "wrong", NEW, "198.51.100.7", NOON)

    assert store.audit.list(EVERYTHING).rows[0].action == "password.failed"
    assert store.accounts.login(admin, PASSWORD, "", NOON) is not None


@pytest.mark.parametrize("new", ["short", PASSWORD, "x" * 257])
def test_an_unacceptable_own_password_is_refused(store: Store, admin: str, new: str) -> None:
    here = store.accounts.login(admin, PASSWORD, "", NOON) or ""

    with pytest.raises(UsageError, match="password"):
        store.accounts.change_own_password(here, PASSWORD, new, "", NOON)

    assert store.accounts.login(admin, PASSWORD, "", NOON) is not None


def test_an_ended_session_changes_no_password(store: Store, admin: str) -> None:
    here = store.accounts.login(admin, PASSWORD, "", NOON) or ""
    store.accounts.logout(here, NOON)

    with pytest.raises(UsageError, match="sign in again"):
        store.accounts.change_own_password(here, PASSWORD, NEW, "", NOON)


def test_guessing_the_old_password_is_stopped_like_guessing_at_the_door(
    store: Store, admin: str
) -> None:
    here = store.accounts.login(admin, PASSWORD, "198.51.100.7", NOON) or ""

    with pytest.raises(UsageError, match="too many attempts"):
        for _ in range(20):
            assert not store.accounts.change_own_password(here, "x", NEW, "198.51.100.7", NOON)
    with pytest.raises(UsageError, match="too many attempts"):
        store.accounts.change_own_password(here, PASSWORD, NEW, "198.51.100.7", NOON)
