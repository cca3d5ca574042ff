"""Rules that others published for Linux match records of auditd, osquery and others."""

from pathlib import Path

import pytest

from tests.content.detection import LOG_SOURCES, MORNING, batch
from tocsin import detect, normalize

pytestmark = pytest.mark.corpora

LINUX = Path("sigma") / "rules" / "linux"
AUDITD, OSQUERY, KUBEARMOR, SYSLOG = (
    "linux.auditd",
    "osquery.result",
    "kubearmor.log",
    "linux.syslog",
)


def ran(*argv, exe):
    return {"argv": list(argv), "syscall": {"exe": exe, "comm": exe.rsplit("/", 1)[-1]}}


def row(command, path, **more):
    return {"columns": {"cmdline": command, "path": path, **more}}


def touched(path):
    call = {"syscall": "257", "comm": "sh", "exe": "/usr/bin/dash", "key": "x"}
    paths = [{"name": path, "nametype": "CREATE", "mode": "0100644", "ouid": "0", "inode": "7"}]
    return {"argv": None, "types": ["SYSCALL", "CWD", "PATH"], "syscall": call, "paths": paths}


MATCHING = [
    ("proc_creation_lnx_bpftrace_unsafe_option_usage", AUDITD,
     ran("bpftrace", "--unsafe", "-e", "x", exe="/usr/bin/bpftrace")),
    ("proc_creation_lnx_crypto_mining", OSQUERY, row("x --donate-level=0", "/tmp/x")),
    ("proc_creation_lnx_crypto_mining", KUBEARMOR, {"Resource": "/tmp/x --donate-level=0"}),
    ("proc_creation_lnx_crypto_mining", "falco.alert",
     {"output_fields": {"proc.cmdline": "x -o stratum+tcp://pool.example.org:3333"}}),
    ("proc_creation_lnx_crypto_mining", SYSLOG,
     {"program": "sudo", "message": "alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/tmp/x"
      " --donate-level=0"}),
    ("proc_creation_lnx_esxcli_vm_kill", AUDITD,
     ran("esxcli", "vm", "process", "kill", exe="/bin/esxcli")),
    ("proc_creation_lnx_python_pty_spawn", AUDITD,
     ran("python3", "-c", "import pty; pty.spawn('/bin/sh')", exe="/usr/bin/python3")),
    ("proc_creation_lnx_security_tools_disabling", OSQUERY,
     row("systemctl stop firewalld", "/usr/bin/systemctl")),
    ("proc_creation_lnx_ssh_shell_execution", AUDITD,
     ran("ssh", "-o", "ProxyCommand=;sh 0<&2 1>&2", "x", exe="/usr/bin/ssh")),
    ("proc_creation_lnx_susp_process_reading_sudoers", OSQUERY,
     row("cat /etc/sudoers", "/usr/bin/cat")),
    ("proc_creation_lnx_system_network_discovery", AUDITD, ran("ss", "-l", exe="/usr/bin/ss")),
]  # fmt: skip


@pytest.fixture(scope="module")
def rules(corpora):
    texts = {
        str(path): path.read_text(encoding="utf-8")
        for path in sorted((corpora / LINUX).rglob("*.yml"))
    }
    parsed = detect.parse_rules(texts)
    assert parsed.problems == ()
    return {Path(rule.location.file).stem: rule for rule in parsed.rules}


def matches(shipped, rule, source, change):
    mapping = shipped.mappings[source]
    found = normalize.apply(mapping, batch(source, [normalize.overlay(mapping.example, change)]))
    assert found.rejects.num_rows == 0
    rule_set = detect.RuleSet.build([rule], LOG_SOURCES)
    windows = detect.Windows()
    detected = detect.evaluate(rule_set, found.events, windows, MORNING, shipped.worker)
    return detected.matches.num_rows


def test_every_published_rule_has_a_source(rules):
    assert len(rules) > 15
    assert [name for name, rule in rules.items() if not LOG_SOURCES.bind(rule.log_source)] == []


@pytest.mark.parametrize(("name", "source", "change"), MATCHING)
def test_a_rule_about_processes_matches_whoever_saw_them(shipped, rules, name, source, change):
    assert matches(shipped, rules[name], source, change) == 1
    assert matches(shipped, rules[name], source, {}) == 0


# Rules on the daemon's own records, by what they ask for.
OF_THE_DAEMON = [
    ("auditd/execve", ran("systemctl", "start", "x", exe="/usr/bin/systemctl")),
    ("auditd/execve", ran("shutdown", "-h", exe="/usr/sbin/shutdown")),
    ("auditd/path", touched("/home/alice/.hidden")),
    ("auditd/path", touched("/etc/profile")),
    ("auditd/syscall", ran("split", "x", exe="/usr/bin/split")),
    ("auditd", {"syscall": {"key": "susp_activity"}}),
    ("file_event", touched("/etc/profile.d/x.sh")),
    ("file_event", touched("/tmp/ebpfbackdoor")),
]


@pytest.mark.parametrize(("folder", "change"), OF_THE_DAEMON)
def test_a_rule_with_the_names_of_auditd_matches_its_records(shipped, rules, folder, change):
    wanted = (LINUX / folder).parts
    named = [
        rule
        for rule in rules.values()
        if Path(rule.location.file).parent.parts[-len(wanted) :] == wanted
    ]

    found = [matches(shipped, rule, AUDITD, {**change, "data": None}) for rule in named]

    assert sum(found) == 1
    assert [matches(shipped, rule, AUDITD, {}) for rule in named] == [0] * len(named)
