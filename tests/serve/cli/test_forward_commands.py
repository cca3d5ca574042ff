"""`tocsin forward`: what leaves, whether the target takes it, and once more."""

import json
from pathlib import Path

from tests.act.servers import serve
from tests.serve.cli.shell import tocsin

SETTINGS = """\
data: data
forwarders:
  - kind: splunk_hec
    name: siem
    url: http://127.0.0.1:PORT
    token: {file: token}
    allow_private: [127.0.0.0/8]
"""


def configured(folder: Path, port: int = 9) -> Path:
    (folder / "token").write_text("a-secret-of-no-one-0123456789")
    path = folder / "tocsin.yaml"
    path.write_text(SETTINGS.replace("PORT", str(port)))
    return path


def test_a_test_finding_reaches_the_target(tmp_path: Path):
    with serve() as server:
        config = configured(tmp_path, server.port)
        ended = tocsin("forward", "test", "siem", "--config", config)
        sent = [json.loads(body) for _, _, _, body in server.seen]

    assert ended.code == 0
    assert sent[0]["event"]["metadata"]["uid"] in ended.err


def test_a_target_that_takes_nothing_is_one_line(tmp_path: Path):
    with serve() as server:
        server.status = 403
        config = configured(tmp_path, server.port)
        ended = tocsin("forward", "test", "siem", "--config", config)

    assert ended.code == 1
    assert ended.err.strip() == "tocsin: 127.0.0.1 answers with status 403"


def test_an_unknown_forwarder_is_told_with_those_there_are(tmp_path: Path):
    ended = tocsin("forward", "test", "splunk", "--config", configured(tmp_path))

    assert ended.code == 2
    assert "there are: siem" in ended.err


def test_forwarders_are_listed_and_replay_needs_one_that_ran(trail: Path, tmp_path: Path):
    config = configured(tmp_path)
    tocsin("ingest", trail, "--source", "aws.cloudtrail", "--config", config)

    rows = tocsin("forward", "list", "-o", "jsonl", "--config", config).lines
    replayed = tocsin("forward", "replay", "siem", "--config", config)

    assert [(row["name"], row["kind"], row["does"]) for row in rows] == [
        ("siem", "splunk_hec", "never run")
    ]
    assert replayed.code == 2
    assert "start `tocsin up`" in replayed.err


def test_without_forwarders_the_list_says_where_to_add_one(trail: Path, tmp_path: Path):
    data = tmp_path / "data"
    tocsin("ingest", trail, "--source", "aws.cloudtrail", "--data", data)

    ended = tocsin("forward", "list", "--data", data)

    assert (ended.code, ended.out) == (0, "")
    assert "`forwarders` in tocsin.yaml" in ended.err
