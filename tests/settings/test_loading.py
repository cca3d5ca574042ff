"""From a file and an environment to settings, and from mistakes to lines that help."""

from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tocsin.errors import SettingsError
from tocsin.settings import Secret, Settings, feeds, load

FULL = """
data: lake
log_level: warning
organization:
  accounts:
    - {uid: "011122223333", name: Shop, environment: production}
    - {uid: 111122223333}
  address_ranges: [10.0.0.0/8, "2001:db8::/32"]
  ci_roles: [arn:aws:iam::111122223333:role/pipeline]
  break_glass: [root]
  countries: [DE, FR]
web:
  port: 8443
  host: 0.0.0.0
  tls: {certificate: tls/web.pem, key: /etc/tocsin/web.key}
  public_url: https://tocsin.example.org
receivers: {port: 0}
feeds:
  - {name: trail, kind: s3, source: aws.cloudtrail, buckets: [trail-logs], every: 90s}
  - {name: disk, kind: file, source: aws.cloudtrail, path: logs, follow: false}
  - {name: cluster, kind: kubernetes_audit, token: {env: CLUSTER_TOKEN}}
  - {name: beats, kind: elasticsearch, source: aws.cloudtrail, token: "${BEATS}", indices: [ct-*]}
  - {name: lines, kind: json_lines, source: aws.cloudtrail, token: {file: token.txt}}
  - {name: other, kind: plugin, source: okta.system_log, plugin: okta, settings: {org: example}}
incidents: {gap: 30m, threshold: high, max_age: 2d}
retention: {days: 30, bytes: 20GiB}
heartbeat: {url: "https://beat.example.org/${BEATS}", every: 5m}
rules: {folders: [rules], with_builtin: false, disabled: [rule-1], severities: {rule-2: low}}
limits: {memory: 1GiB, threads: 4}
"""
ENVIRON = {"CLUSTER_TOKEN": "cluster-secret", "BEATS": "beats-secret"}


@pytest.fixture
def write(tmp_path):
    (tmp_path / "token.txt").write_text("file-secret\n")

    def write_file(text: str) -> Path:
        path = tmp_path / "tocsin.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def problems(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return [
        line.replace(f"{path.parent if path else ''}/", "")
        for line in str(caught.value).split("\n")
    ]


def test_a_full_file_becomes_settings(write, tmp_path):
    settings = load(write(FULL), ENVIRON)

    assert settings.data == tmp_path / "lake"
    assert [account.uid for account in settings.organization.accounts] == [
        "011122223333",
        "111122223333",
    ]
    assert settings.organization.address_ranges == (
        ip_network("10.0.0.0/8"),
        ip_network("2001:db8::/32"),
    )
    assert settings.web.tls.certificate == tmp_path / "tls/web.pem"
    assert settings.web.tls.key == Path("/etc/tocsin/web.key")
    assert settings.incidents.gap == timedelta(minutes=30)
    assert (settings.incidents.threshold, settings.incidents.threshold_id) == ("high", 4)
    assert settings.retention.bytes == 20 << 30
    assert settings.rules.severities == {"rule-2": "low"}


def test_feeds_are_told_apart_by_kind(write):
    found = load(write(FULL), ENVIRON).feeds

    kinds = ("s3", "file", "kubernetes_audit", "elasticsearch", "json_lines", "plugin")
    assert [type(feed) for feed in found] == [feeds.section_of(kind) for kind in kinds]
    assert found[2].source == "kubernetes.audit"


def test_secrets_come_from_variables_and_files(write):
    settings = load(write(FULL), ENVIRON)

    hashes = [feed.token for feed in settings.feeds if hasattr(feed, "token")]
    expected = ("cluster-secret", "beats-secret", "file-secret")
    assert hashes == [sha256(text.encode()).digest() for text in expected]
    assert settings.heartbeat.url.reveal() == "https://beat.example.org/beats-secret"


def test_no_secret_is_printed_or_written(write):
    settings = load(write(FULL), ENVIRON)

    for text in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        f"{settings.heartbeat}",
    ):
        assert not any(one in text for one in ("cluster-s", "beats-s", "file-s"))
        assert "***" in text


def test_secrets_are_equal_by_content_only():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_without_a_file_everything_has_a_default():
    settings = load(None, {"XDG_DATA_HOME": "/home/dana/.data"})

    assert settings.data == Path("/home/dana/.data/tocsin")
    assert (settings.web.host, settings.web.port, settings.receivers.port) == (
        "127.0.0.1",
        8700,
        8701,
    )
    assert settings.incidents.gap == timedelta(hours=4)
    assert settings.incidents.threshold_id == 3
    assert settings.feeds == ()


@pytest.mark.parametrize(
    ("uid", "expected"), [(0, "/var/lib/tocsin"), (1000, "/home/dana/.local/share/tocsin")]
)
def test_the_data_folder_is_that_of_the_person_or_the_system(monkeypatch, uid, expected):
    monkeypatch.setattr("os.geteuid", lambda: uid)

    assert load(None, {"HOME": "/home/dana"}).data == Path(expected)


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load(None, {}).log_level = "debug"


@pytest.mark.parametrize("text", ["", "# nothing\n", "web:\nfeeds:\n", "---\n"])
def test_an_empty_file_or_section_is_the_default(write, text):
    assert load(write(text), {"XDG_DATA_HOME": "/d"}) == load(None, {"XDG_DATA_HOME": "/d"})


def test_variables_override_the_file(write):
    settings = load(
        write("web: {port: 1}\nlog_level: error"),
        {
            "TOCSIN_WEB__PORT": "8443",
            "TOCSIN_LOG_LEVEL": "debug",
            "TOCSIN_RULES__WITH_BUILTIN": "false",
            "TOCSIN_ORGANIZATION__COUNTRIES": "[DE, FR]",
            "TOCSIN_HEARTBEAT__URL": "https://beat.example.org/x",
        },
    )

    assert (settings.web.port, settings.log_level) == (8443, "debug")
    assert settings.rules.with_builtin is False
    assert settings.organization.countries == ("DE", "FR")
    assert settings.heartbeat.url.reveal() == "https://beat.example.org/x"


def test_a_path_of_a_variable_starts_where_one_stands(write, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = write("")
    monkeypatch.chdir(elsewhere)

    assert load(path, {"TOCSIN_DATA": "lake"}).data == elsewhere / "lake"


def test_references_are_replaced_inside_texts(write):
    settings = load(
        write("data: ${BASE}/lake-$${BASE}\nweb: {port: '${PORT}'}"), {"BASE": "/d", "PORT": "99"}
    )

    assert settings.data == Path("/d/lake-${BASE}")
    assert settings.web.port == 99


@pytest.mark.parametrize(
    "name", ["TOCSIN_CONFIG", "TOCSIN_PORT", "TOCSIN_SERVICE_HOST", "TOCSIN_PORT_8700_TCP_ADDR"]
)
def test_variables_of_others_are_left_alone(name):
    assert load(None, {name: "tcp://10.0.0.1:8700", "XDG_DATA_HOME": "/d"}).web.port == 8700


def test_every_problem_is_reported_at_once(write):
    path = write(
        """web:
  prot: 1
  port: abc
  host: 0.0.0.0
feeds:
  - {name: a, kind: file, source: aws.cloudtrail}
  - name: a
    kind: s3
    source: AWS CloudTrail
    every: 5 minutes
    bukcets: b
    external_id: x
  - {name: c, kind: json_line}
  - {name: d, kind: json_lines, source: x.y, token: hunter2}
  - {name: e, source: x.y}
incidents: {threshold: hihg}
retention: 5
organization:
  accounts:
    - {environment: prod}
  countries: [de]
  address_ranges: [10.0.0.1/8]
limits: {memory: much, threads: 0}
log_level: ${LEVEL}
rules: {folders: [1], disabled: rule-1}
data: ${MISSING}
"""
    )

    found = problems(path, {"LEVEL": "hunter2", "TOCSIN_WEB__PROT": "1", "TOCSIN_DTA": "x"})

    assert found == [
        "tocsin.yaml:3: `port`: expected a whole number; found 'abc'",
        "tocsin.yaml:4: `0.0.0.0` is not loopback: give `tls` with `certificate` and `key`,"
        " or listen on 127.0.0.1",
        "tocsin.yaml:6: `path` is missing: A file, or a folder with all files below it;"
        " plain or gzip",
        "tocsin.yaml:7: `buckets` is missing: What may be read; a message of the queue that names"
        " another bucket is refused",
        "tocsin.yaml:7: another feed is called 'a'; each needs a name of its own",
        "tocsin.yaml:9: `source`: expected the name of a mapping such as aws.cloudtrail;"
        " found 'AWS CloudTrail'",
        "tocsin.yaml:10: `every`: expected a number with ms, s, m, h, d or w, such as 30s, 4h or"
        " 7d; found '5 minutes'",
        "tocsin.yaml:11: `bukcets` is no setting here; did you mean `buckets`?",
        "tocsin.yaml:12: `external_id` belongs to a `role_arn`; give it too",
        "tocsin.yaml:13: `json_line` is no kind; did you mean `json_lines`?",
        "tocsin.yaml:14: `token`: a secret does not stand in this file; write {env: NAME},"
        " {file: path} or ${NAME}",
        f"tocsin.yaml:15: `kind` is missing; one of {', '.join(feeds.kind_names())}",
        "tocsin.yaml:16: `threshold`: expected 'informational', 'low', 'medium', 'high',"
        " 'critical' or 'fatal'; found 'hihg'",
        "tocsin.yaml:17: `retention`: expected settings below it, one a line; found 5",
        "tocsin.yaml:20: `environment`: expected 'production', 'staging', 'development',"
        " 'sandbox' or 'unknown'; found 'prod'",
        "tocsin.yaml:20: `uid` is missing: Its identifier, as the records spell it; in quotes"
        " where it begins with a zero",
        "tocsin.yaml:21: `countries`: expected a country by ISO 3166 such as DE; found 'de'",
        "tocsin.yaml:22: `address_ranges`: expected a range such as 10.0.0.0/8 or 2001:db8::/32:"
        " 10.0.0.1/8 has host bits set; found '10.0.0.1/8'",
        "tocsin.yaml:23: `memory`: expected a size such as 512MiB, 100GiB or a number of bytes;"
        " found 'much'",
        "tocsin.yaml:23: `threads`: expected greater than or equal to 1; found 0",
        "tocsin.yaml:24: `log_level`: expected 'debug', 'info', 'warning' or 'error';"
        " found what the environment gives",
        "tocsin.yaml:25: `disabled`: expected a list; found 'rule-1'",
        "tocsin.yaml:25: `folders`: expected a path; found 1",
        "tocsin.yaml:26: the environment variable MISSING is not set; set it",
        "TOCSIN_DTA: `dta` is no setting; did you mean TOCSIN_DATA?",
        "TOCSIN_WEB__PROT: `prot` is no setting here; did you mean `port`?",
    ]
    assert "hunter2" not in "\n".join(found)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("{env: NOPE}", "the environment variable NOPE is not set; set it"),
        ("{env: EMPTY}", "the environment variable EMPTY gives an empty secret"),
        ("{file: nope.txt}", "nope.txt cannot be read: No such file or directory"),
        ("{file: long.txt}", "long.txt is larger than 64 KiB; a secret is a short text"),
        ("{file: odd.txt}", "odd.txt is not UTF-8; a secret is text"),
        ("{vault: x}", "write {env: NAME}, {file: path} or ${NAME}"),
        ("{env: 1}", "write {env: NAME}, {file: path} or ${NAME}"),
    ],
)
def test_a_secret_that_cannot_be_read_says_why(write, tmp_path, token, message):
    (tmp_path / "long.txt").write_text("x" * 70_000)
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe")
    path = write(f"feeds: [{{name: a, kind: json_lines, source: x, token: {token}}}]")

    (found,) = problems(path, {"EMPTY": ""})

    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web: [", "tocsin.yaml:2: not YAML"),
        ("- web", "tocsin.yaml:1: expected settings such as `web:`, found a list"),
        ("web: 1\nweb: 2", "tocsin.yaml:2: the key 'web' stands here twice"),
        ("data: ${1}", "tocsin.yaml:1: found `${` without a name"),
        ("data: a\0b", "tocsin.yaml"),
        ("web: {host: tocsin.example.org}", "is not loopback"),
        (
            "web: {host: 0.0.0.0, tls: {certificate: a.pem, key: a.key}}",
            "browsers elsewhere need a name for the pages: give `public_url`",
        ),
        (
            "feeds: [{name: a, kind: s3, source: x, buckets: []}]",
            "`buckets`: expected at least one",
        ),
        ("feeds: [{name: 1, kind: file, source: x, path: y}]", "expected text; put it in quotes"),
        ("web: {port: 8701}", "pages and receivers both have port 8701"),
        ("web: {public_url: tocsin.example.org}", "an address such as https://"),
        ("incidents: {gap: 0s}", "expected a duration longer than nothing"),
        ("retention: {bytes: 0}", "expected a size above zero"),
        ("retention: {bytes: true}", "expected a size such as"),
        ("rules: {with_builtin: maybe}", "expected true or false; found 'maybe'"),
        (f"log_level: {'x' * 500}", "…"),
        ("feeds: {a: b}", "`feeds`: expected a list"),
        ("feeds: [a]", "tocsin.yaml:1"),
        ("organization: {address_ranges: [1]}", "expected a range"),
    ],
)
def test_one_mistake_gives_one_line_with_its_remedy(write, text, message):
    (found,) = problems(write(text))

    assert message in found
    assert len(found) < 300


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "odd.yaml").write_bytes(b"\xff")
    (tmp_path / "long.yaml").write_text("# " + "x" * 300_000)

    assert problems(tmp_path / "no.yaml") == ["no.yaml: cannot be read: No such file or directory"]
    assert problems(tmp_path / "odd.yaml") == ["odd.yaml: not UTF-8; save it as UTF-8"]
    assert "larger than 256 KiB" in problems(tmp_path / "long.yaml")[0]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TOCSIN_WEB__PORT": "x"}, "TOCSIN_WEB__PORT: `port`: expected a whole number"),
        ({"TOCSIN_WEB__PORT__X": "1", "TOCSIN_WEB__PORT": "1"}, "holds no further settings"),
        ({"TOCSIN_ORGANIZATION__COUNTRIES": "[DE"}, "TOCSIN_ORGANIZATION__COUNTRIES: not YAML"),
        ({"TOCSIN_SOMETHING__ELSE": "1"}, "`something` is no setting; did you mean TOCSIN_"),
        ({"TOCSIN_LOGLEVEL": "info"}, "did you mean TOCSIN_LOG_LEVEL?"),
    ],
)
def test_a_wrong_variable_is_named(environ, message):
    assert any(message in line for line in problems(None, environ))


def test_the_listener_on_an_open_address_with_a_certificate_is_allowed(write):
    text = "receivers: {host: '::', tls: {certificate: a.pem, key: b.pem}}"

    assert load(write(text), {}).receivers.host == "::"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_loopback_needs_no_certificate(write, host):
    assert load(write(f"web: {{host: '{host}'}}"), {}).web.host == host


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), json_values, max_size=4))
def test_any_values_give_settings_or_lines(tmp_path_factory, values):
    import json

    path = tmp_path_factory.mktemp("any") / "tocsin.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")

    try:
        load(path, {})
    except SettingsError as error:
        assert str(error).strip()


@given(st.dictionaries(st.text("ABCDEFW_", max_size=6).map("TOCSIN_".__add__), st.text(max_size=9)))
def test_any_environment_gives_settings_or_lines(environ):
    try:
        load(None, environ)
    except SettingsError as error:
        assert str(error).strip()
