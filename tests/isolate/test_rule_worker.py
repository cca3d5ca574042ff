"""A rule may do what it likes: it is a counted failure, and the worker serves the next rule."""

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from tocsin.isolate import RuleWorker, WorkerLimits
from tocsin.isolate import rule_worker as rule_worker_module

GOOD = "def rule(event):\n    return event.get('eventName') == 'StopLogging'\n"
STOP = json.dumps({"eventName": "StopLogging", "userIdentity": {"arn": "arn:alice"}})
QUICK = WorkerLimits(record_seconds=0.4, memory_bytes=192 * 1024 * 1024)

HOSTILE = {
    "loops": ("def rule(event):\n    while True: pass\n", "it took longer"),
    "sleeps": ("import time\ndef rule(event): time.sleep(60)\n", "it took longer"),
    "catches everything": (
        "def rule(event):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n",
        "it took longer",
    ),
    "prints": ("def rule(event):\n    while True: print('x' * 10**6)\n", "it took longer"),
    "fills memory": ("def rule(event): return len('x' * 10**10) > 0\n", "ran out of memory"),
    "hoards": ("def rule(event):\n    x = []\n    while True: x.append('x' * 10**6)\n", ""),
    "exits": ("import sys\ndef rule(event): sys.exit(0)\n", "raised SystemExit: 0"),
    "exits hard": ("import os\ndef rule(event): os._exit(0)\n", "it ended its worker"),
    "crashes": (
        "import sys\ndef rule(event):\n    sys.setrecursionlimit(10**9)\n    return rule(event)\n",
        "",
    ),
    "garbles": (
        "import os\ndef rule(event):\n    for number in range(4096):\n        try:\n"
        "            os.write(number, b'x' * 99)\n        except OSError: pass\n    return True\n",
        "",
    ),
    "forks": ("import os\ndef rule(event): os.fork(); return True\n", "may not do os.fork"),
    "spawns": (
        "import os\ndef rule(event): os.system('id'); return True\n",
        "may not do os.system",
    ),
    "kills": ("import os\ndef rule(event): os.kill(os.getppid(), 9)\n", "may not do os.kill"),
    "starts threads": (
        "import threading\ndef rule(event): threading.Thread(target=print).start(); return True\n",
        "raised RuntimeError: can't start new thread",
    ),
    "reads files": (
        "def rule(event): return bool(open('/etc/passwd').read())\n",
        "raised PermissionError",
    ),
    "lists folders": ("import os\ndef rule(event): return bool(os.listdir('/'))\n", "os.listdir"),
    "writes files": ("def rule(event): open('/tmp/x', 'w').write('x'); return True\n", "raised P"),
    "opens sockets": (
        "def rule(event):\n    import socket\n    socket.create_connection(('127.0.0.1', 9))\n",
        "No module named 'socket'",
    ),
    "calls the system": ("def rule(event):\n    import ctypes\n    return True\n", "'ctypes'"),
    "raises": ("def rule(event): raise ValueError('a\\nb')\n", "raised ValueError: a b"),
    "raises what cannot be told": (
        "class E(Exception):\n    def __str__(self): raise KeyError\ndef rule(event): raise E\n",
        "raised E",
    ),
    "returns text": ("def rule(event): return 'yes'\n", "rule() returned str, not a bool"),
    "returns nothing": ("def rule(event): pass\n", "rule() returned NoneType, not a bool"),
    "recurses": ("def rule(event): return rule(event)\n", "raised RecursionError"),
    "misses a key": ("def rule(event): return event['nothing']\n", "raised KeyError: 'nothing'"),
}


@pytest.fixture
def worker():
    with RuleWorker(QUICK) as running:
        yield running


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_rule_is_a_failure_and_a_good_one_is_still_served(worker, name):
    source, reason = HOSTILE[name]
    verdicts = worker({"hostile": source, "good": GOOD}, [STOP])

    assert [v.record for v in verdicts if v.rule_uid == "good" and v.matched] == [0]
    failures = [v for v in verdicts if v.rule_uid == "hostile" and v.failure]
    assert len(failures) == 1
    assert all(reason in failure.failure for failure in failures)
    assert all("\n" not in failure.failure for failure in failures)
    assert not any(v.matched for v in verdicts if v.rule_uid == "hostile")


def test_a_rule_sees_no_environment_and_no_arguments_of_ours(worker, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/EXAMPLE")
    source = "import os\ndef rule(event): return bool(os.environ) or os.getcwd() != '/'\n"

    assert worker({"r": source}, [STOP]) == []


def test_a_rule_that_keeps_us_waiting_three_times_in_a_row_is_switched_off(worker):
    loops = HOSTILE["exits hard"][0]
    verdicts = worker({"r": loops}, [STOP] * 5)

    assert [(v.record, v.count) for v in verdicts] == [(0, 1), (1, 1), (2, 1), (None, 2)]
    assert verdicts[-1].failure.startswith("switched_off: 3 times in a row")
    assert "r" in worker.switched_off
    assert [(v.record, v.count) for v in worker({"r": loops}, [STOP])] == [(None, 1)]


def test_an_answer_in_between_starts_the_count_anew(worker):
    source = "import os\ndef rule(event):\n    if event.get('n'): os._exit(0)\n    return True\n"
    records = [json.dumps({"n": number}) for number in (1, 1, 0, 1, 1, 0)]

    verdicts = worker({"r": source}, records)

    assert [v.record for v in verdicts if v.matched] == [2, 5]
    assert not worker.switched_off


def test_a_rule_that_keeps_failing_in_between_is_switched_off_in_the_end():
    source = "import os\ndef rule(event):\n    if event.get('n'): os._exit(0)\n    return True\n"
    records = [json.dumps({"n": number % 2}) for number in range(10)]
    with RuleWorker(WorkerLimits(record_seconds=5, strikes_in_all=3)) as worker:
        verdicts = worker({"r": source}, records)

    assert [v.record for v in verdicts if v.failure] == [1, 3, 5, None]
    assert verdicts[-1].count == 4


RAISES = "def rule(event):\n    if event['n'] % 7: raise ValueError('odd')\n    return False\n"


def test_a_rule_that_raises_on_record_after_record_is_switched_off(worker):
    source = "def rule(event): return event['nothing']\n"
    records = [json.dumps({"n": number}) for number in range(300)]
    first, later = (worker({"r": source, "good": GOOD}, records) for _ in range(2))

    assert len([v for v in first if v.failure.startswith("raised KeyError")]) >= 100
    assert worker.switched_off == {"r": "100 times in a row, it raised KeyError: 'nothing'"}
    assert [(v.record, v.count) for v in later] == [(None, 300)]
    assert later[0].failure.startswith("switched_off: 100 times in a row, it raised KeyError")


def test_a_rule_that_answers_in_between_may_raise_often(worker):
    records = [json.dumps({"n": number}) for number in range(1_000)]
    verdicts = worker({"r": RAISES}, records)

    assert len([v for v in verdicts if v.failure]) == 857
    assert not worker.switched_off


def test_tests_of_a_rule_switch_nothing_off(worker):
    source = "def rule(event): return event['nothing']\n"
    verdicts = worker({"r": source}, ["{}"] * 150, ["[]"] * 150)

    assert [v.failure for v in verdicts] == ["raised KeyError: 'nothing'"] * 150
    assert not worker.switched_off


def test_a_helper_that_was_changed_gives_a_rule_another_chance(worker):
    source = "from acme import ask\ndef rule(event): return ask(event)\n"
    surroundings = {"data_models": [], "log_types": {}}
    for text in ("def ask(event): raise ValueError\n", "def ask(event): return True\n"):
        worker.provide(json.dumps({**surroundings, "modules": {"acme": text}}))
        verdicts = worker({"r": source}, ["{}"] * 120)

    assert not worker.switched_off
    assert len(verdicts) == 120


def test_an_edited_rule_gets_another_chance(worker):
    worker({"r": HOSTILE["exits hard"][0]}, [STOP] * 3)

    assert [v.matched for v in worker({"r": GOOD}, [STOP])] == [True]


def test_a_new_text_of_a_rule_is_the_one_that_runs(worker):
    assert len(worker({"r": GOOD}, [STOP])) == 1
    assert worker({"r": GOOD.replace("Stop", "Never")}, [STOP]) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def rule(event)\n", "SyntaxError"),
        ("import nothing_of_that_name\ndef rule(event): return True\n", "nothing_of_that_name"),
        ("x = 1\n", "defines no function"),
        ("raise SystemExit\n", "raised SystemExit"),
        ("import os\nos._exit(0)\n", "ends its worker"),
        ("while True: pass\n", "hangs"),
        ("x = 'x' * 10**10\n", "ends its worker"),
        ("x = 1\0", "null bytes"),
    ],
)
def test_a_rule_that_cannot_be_loaded_is_switched_off_with_its_reason(worker, source, reason):
    verdicts = worker({"broken": source, "good": GOOD}, [STOP, STOP])

    assert [v.matched for v in verdicts if v.rule_uid == "good"] == [True, True]
    (failure,) = [v for v in verdicts if v.rule_uid == "broken"]
    assert (failure.record, failure.count) == (None, 2)
    assert reason in failure.failure


def words(worker, functions):
    (verdict,) = worker({"r": f"def rule(event): return True\n{functions}"}, [STOP])
    return verdict


def test_the_words_of_a_rule_are_told(worker):
    verdict = words(
        worker,
        "def title(event): return 'T ' + event.deep_get('userIdentity', 'arn')\n"
        "def severity(event): return 'HIGH'\n"
        "def dedup(event): return 'key'\n"
        "def description(event): return 'why'\n"
        "def alert_context(event): return {'name': event.get('eventName'), 'set': {1}}\n",
    )

    assert (verdict.title, verdict.severity, verdict.dedup) == ("T arn:alice", "HIGH", "key")
    assert verdict.description == "why"
    assert json.loads(verdict.context) == {"name": "StopLogging", "set": "{1}"}
    assert verdict.failure == ""


@pytest.mark.parametrize(
    ("functions", "failure"),
    [
        ("def title(event): raise KeyError('x')\n", "title: raised KeyError: 'x'"),
        ("def title(event): return 5\n", "title() returned int, not text"),
        ("class S(str): pass\ndef title(event): return S('x')\n", "title() returned S"),
        ("def dedup(event): import sys; sys.exit()\n", "dedup: raised SystemExit"),
        ("def alert_context(event): return 5\n", "alert_context: raised TypeError"),
        ("def alert_context(event): return {'x': 'y' * 99999}\n", "alert_context is larger"),
        ("title = 5\n", "title: raised TypeError"),
    ],
)
def test_a_function_that_fails_leaves_the_match_and_is_told(worker, functions, failure):
    verdict = words(worker, functions)

    assert verdict.matched
    assert verdict.failure.startswith(failure)
    assert (verdict.title, verdict.dedup, verdict.context) == ("", "", "{}")


def test_words_are_one_line_of_bounded_length(worker):
    verdict = words(worker, "def title(event): return 'a\\x00\\n\\u202e\\ud800b' * 10**5\n")

    assert verdict.title.startswith("a b")
    assert len(verdict.title) <= 300
    assert verdict.title.isprintable()


def test_a_record_that_a_rule_tries_to_change_is_whole_for_the_next(worker):
    changing = "def rule(event):\n    event.clear()\n    return False\n"
    verdicts = worker({"a": changing, "b": GOOD}, [STOP])

    assert [(v.rule_uid, v.failure) for v in verdicts] == [
        ("a", "raised TypeError: RuleEvent cannot be changed"),
        ("b", ""),
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("event.deep_get('a', 'b')", 1),
        ("event.deep_get('a', 'x', default=5)", 5),
        ("event.deep_get('n', default=5)", 5),
        ("event.deep_get('l', 'b', default=5)", 5),
        ("event.deep_walk('l', 'b')", [1, 2]),
        ("event.deep_walk('l', 'b', return_val='first')", 1),
        ("event.deep_walk('l', 'b', return_val='last')", 2),
        ("event.deep_walk('a', 'b')", 1),
        ("event.deep_walk('l', 'x', default=5)", 5),
        ("event.deep_walk('n', default=5)", 5),
        ("event.get('nothing')", None),
        ("len(event['huge'])", 5_001),
    ],
)
def test_a_rule_reaches_deep_into_its_record(worker, expression, expected):
    record = (
        '{"a": {"b": 1}, "l": [{"b": 1}, {"b": 2}, {"b": 1}, {"c": 3}], "n": null, "huge": 1%s}'
    )
    source = f"def rule(event): return ({expression}) == {expected!r}\n"

    assert [v.matched for v in worker({"r": source}, [record % ("0" * 5_000)])] == [True]


def test_common_modules_can_be_imported(worker):
    names = "re json ipaddress datetime base64 hashlib urllib.parse fnmatch statistics logging"
    imports = "".join(f"import {name}\n" for name in names.split())
    source = (
        f"{imports}def rule(event):\n    import decimal\n    return "
        "datetime.datetime.strptime('2026', '%Y').year == 2026 and bool(hashlib.sha256(b'x'))\n"
    )

    assert [v.matched for v in worker({"r": source}, [STOP])] == [True]


def test_many_and_large_records_are_answered_in_order(worker):
    records = [json.dumps({"n": n, "x": "y" * 9_000}) for n in range(700)]
    source = "def rule(event): return event['n'] % 100 == 0\ndef dedup(e): return str(e['n'])\n"

    verdicts = worker({"r": source}, records)

    assert [v.record for v in verdicts] == list(range(0, 700, 100))
    assert [v.dedup for v in verdicts] == [str(n) for n in range(0, 700, 100)]


def test_no_records_start_no_process(worker):
    assert worker({"r": GOOD}, []) == []
    assert worker.process_id is None


def test_the_process_is_gone_after_close():
    worker = RuleWorker(QUICK)
    worker({"r": GOOD}, [STOP])
    process = worker.process_id
    worker.close()

    assert not Path(f"/proc/{process}").exists()


def test_a_process_that_was_killed_is_replaced(worker):
    worker({"r": GOOD}, [STOP])
    os.kill(worker.process_id, 9)

    assert [v.matched for v in worker({"r": GOOD}, [STOP])] == [True]


def test_a_worker_started_in_a_thread_outlives_it(worker):
    thread = threading.Thread(target=worker, args=({"r": GOOD}, [STOP]))
    thread.start()
    thread.join()
    first = worker.process_id

    assert [v.matched for v in worker({"r": GOOD}, [STOP])] == [True]
    assert worker.process_id == first


def test_the_process_is_locked_in(worker):
    worker({"r": GOOD}, [STOP])
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{worker.process_id}/status").read_text().splitlines()
        if ":\t" in line
    )
    limits = Path(f"/proc/{worker.process_id}/limits").read_text()

    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split()[0] != "0"
    assert "Max open files            0" in limits
    assert "Max processes             0" in limits
    assert "Max file size             0" in limits
    assert f"Max address space         {QUICK.memory_bytes}" in limits


def test_the_network_is_out_of_reach_where_the_system_allows_it(worker):
    if not worker.network_is_cut():
        # Containers may forbid it; `doctor` says so, and seccomp, tested below, holds everywhere.
        pytest.skip("this system allows no network namespace")
    worlds = [Path(f"/proc/{each}/ns/net").readlink() for each in ("self", worker.process_id)]

    assert worlds[0] != worlds[1]


def test_rules_cannot_reach_a_listening_socket_by_the_sockets_that_are_left(worker):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        source = (
            "import sys\ndef rule(event):\n"
            "    for name in ('socket', '_socket'):\n"
            "        module = sys.modules.get(name)\n"
            "        if module:\n"
            f"            module.socket().connect(('127.0.0.1', {port}))\n"
            "    return False\n"
        )
        worker({"r": source}, [STOP])
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_worker_that_does_not_start_is_not_the_fault_of_rules(monkeypatch, tmp_path):
    monkeypatch.setattr(rule_worker_module, "_CHILD", tmp_path / "missing.py")
    with RuleWorker(QUICK) as worker:
        verdicts = worker({"r": GOOD}, [STOP, STOP])

    assert [(v.record, v.count) for v in verdicts] == [(None, 2)]
    assert verdicts[0].failure.startswith("not_run: the rule worker does not start")
    assert not worker.switched_off


def test_a_rule_that_takes_over_its_process_stays_within_bounds(worker):
    source = (
        "import sys\nchild = sys.modules['__main__']\n"
        "def judge(uid, functions, record):\n"
        "    return [uid, True, 'x\\n' * 9999, 'HIGH', '', '', '[1]', '']\n"
        "child.judge = judge\ndef rule(event): return True\n"
    )
    (verdict,) = worker({"r": source}, [STOP])

    assert len(verdict.title) == 300
    assert verdict.title.isprintable()
    assert verdict.context == "{}"


def test_a_rule_cannot_answer_for_rules_that_were_not_asked(worker):
    source = (
        "import sys\n"
        "def judge(uid, functions, record): return ['another', True, '', '', '', '', '{}', '']\n"
        "sys.modules['__main__'].judge = judge\ndef rule(event): return True\n"
    )

    assert worker({"r": source}, [STOP]) == []


def test_a_group_with_one_bad_record_loses_that_record_only(worker):
    source = "import os\ndef rule(event):\n    if event['n'] == 40: os._exit(0)\n    return True\n"
    records = [json.dumps({"n": n}) for n in range(100)]

    verdicts = worker({"r": source, "good": "def rule(event): return True\n"}, records)

    assert [v.record for v in verdicts if v.failure] == [40]
    matched = [v.record for v in verdicts if v.rule_uid == "r" and v.matched]
    assert matched == [n for n in range(100) if n != 40]
    assert [v.record for v in verdicts if v.rule_uid == "good"] == list(range(100))
