"""The systemd unit starts what exists, as nobody special, with nothing it does not need."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
UNIT = PROJECT / "packaging" / "tocsin.service"

HARDENING = {
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "MemoryDenyWriteExecute": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
}


@pytest.fixture(scope="module")
def service() -> dict[str, str]:
    """The settings of [Service]."""
    section = UNIT.read_text(encoding="utf-8").split("[Service]")[1].split("[Install]")[0]
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", section, re.MULTILINE))


@pytest.mark.parametrize("name", HARDENING)
def test_the_unit_is_hardened(service, name):
    assert service[name] == HARDENING[name]


def test_no_setting_stands_twice():
    names = re.findall(r"^([A-Za-z]+)=", UNIT.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(set(names)) == sorted(names)


def test_it_runs_as_a_user_of_its_own_that_is_created():
    sysusers = (PROJECT / "packaging" / "tocsin.sysusers").read_text(encoding="utf-8")

    assert re.search(r"^u tocsin ", sysusers, re.MULTILINE)
    assert "User=tocsin\nGroup=tocsin\n" in UNIT.read_text(encoding="utf-8")


def test_nothing_that_the_user_may_write_is_run(service):
    """Security Onion's CVE-2020-27985: what a user could write was run with more rights."""
    program = service["ExecStart"].split()[0]

    assert program == "/opt/tocsin/bin/tocsin"
    assert service["StateDirectory"] == "tocsin"
    assert not {"ExecStartPre", "ExecStartPost", "ExecStopPost", "ReadWritePaths"} & set(service)


def test_the_data_lies_in_the_state_folder_and_the_settings_in_theirs(service):
    assert service["Environment"] == "TOCSIN_DATA=%S/tocsin"
    assert service["ExecStart"].endswith("up --config /etc/tocsin/tocsin.yaml")


def test_the_program_is_a_script_of_the_wheel(service):
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))

    assert Path(service["ExecStart"].split()[0]).name in project["project"]["scripts"]


def test_settings_that_cannot_be_used_are_not_tried_again(service):
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
