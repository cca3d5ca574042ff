"""Rules about started processes, of our own: substrings in command lines that are all different.

Each line below is one rule: what it is about, the end of the program's path, literals of which one
must be in the command line, and literals that must all be in it. They take turns in five shapes,
two of which ask for no program, and one for a pattern. Variants change the literals of
the command line that are long enough to tell something, and every fourth variant the program too,
so that, as in published sets, many rules share a program and short literals.
"""

import re

from benchmarks.detection.mutation import Document, multiplied, uuid_of

_SHORTEST_CHANGED = 6
_CONDITIONS = (
    "program and line and not by_installer",
    "line",
    "program and line",
    "pattern and not by_installer",
    "line and not by_installer",
)
_RULES: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("A download by the certificate tool", "certutil.exe", ("urlcache", "verifyctl"), ("http",)),
    ("Text is decoded by the certificate tool", "certutil.exe", ("-decode", "/decodehex"), ()),
    ("A transfer job fetches a program", "bitsadmin.exe", ("/transfer", "/addfile"), ("http",)),
    ("A script is given in encoded form", "powershell.exe", (" -enc ", " -encodedcommand "), ()),
    ("A script hides its window", "powershell.exe", ("hidden",), (" -w",)),
    ("A script is fetched and run", "powershell.exe", ("downloadstring", "webrequest"), ("iex",)),
    ("The policy for scripts is passed by", "powershell.exe", ("bypass", "unrestricted"), ("-ex",)),
    ("The scanner is told to look away", "powershell.exe", ("exclusionpath",), ("mppreference",)),
    ("The scanner is switched off", "powershell.exe", ("disablerealtimemonitoring",), ("$true",)),
    ("A script loads an assembly", "powershell.exe", ("reflection.assembly",), ("load",)),
    ("Shadow copies are deleted", "vssadmin.exe", ("delete shadows", "resize shadow"), ()),
    ("The catalog of backups is deleted", "wbadmin.exe", ("delete catalog", "systemstate"), ()),
    ("Recovery is switched off", "bcdedit.exe", ("recoveryenabled", "ignoreallfailures"), ()),
    ("Event logs are emptied", "wevtutil.exe", ("clear-log", " cl "), ()),
    ("The journal of the disk is deleted", "fsutil.exe", ("deletejournal",), ("usn",)),
    ("A remote process is made", "wmic.exe", ("process call create",), ("/node:",)),
    ("The shadow store is asked by name", "wmic.exe", ("shadowcopy delete",), ()),
    ("An account is made", "net.exe", ("/add",), (" user ",)),
    ("An account joins the administrators", "net.exe", ("administrators",), ("localgroup", "/add")),
    ("A share of another machine is mounted", "net.exe", ("admin$", "ipc$"), (" use ",)),
    (
        "A task is planned from a user's folder",
        "schtasks.exe",
        ("appdata", "\\temp\\"),
        ("/create",),
    ),
    ("A service is made", "sc.exe", ("binpath=", "obj= "), (" create ",)),
    ("A run key is written", "reg.exe", ("currentversion\\run",), (" add ",)),
    ("The hives with passwords are saved", "reg.exe", ("hklm\\sam", "hklm\\security"), (" save ",)),
    ("Memory of the logon process is dumped", "rundll32.exe", ("minidump",), ("comsvcs",)),
    ("A library runs a script", "rundll32.exe", ("javascript:", "runhtmlapplication"), ()),
    ("A library comes from a share", "rundll32.exe", ("\\\\", "davwwwroot"), (".dll",)),
    ("A scriptlet is registered", "regsvr32.exe", ("scrobj.dll", "/i:http"), ()),
    ("An application is run from the web", "mshta.exe", ("http://", "vbscript:"), ()),
    ("A package is installed from the web", "msiexec.exe", ("http://", "https://"), ("/q",)),
    ("A project file runs code", "msbuild.exe", (".xml", ".csproj"), ("\\temp\\",)),
    ("An installer is undone to run code", "installutil.exe", ("/logfile=",), ("/u",)),
    ("Trusts of the domain are listed", "nltest.exe", ("domain_trusts", "dclist"), ()),
    ("The directory is searched", "dsquery.exe", ("objectclass=", "domaincontroller"), ()),
    ("A copy of the directory is made", "ntdsutil.exe", ("ac i ntds", "create full"), ()),
    ("A tunnel is opened", "ssh.exe", (" -R ", "remoteforward"), ()),
    ("A proxy of ports is set", "netsh.exe", ("portproxy",), (" add ",)),
    ("The firewall is switched off", "netsh.exe", ("state off", "opmode disable"), ("firewall",)),
    ("Rights of files are loosened", "icacls.exe", ("everyone:", "/grant"), (":f",)),
    ("An archive with a password is made", "rar.exe", (" -hp", " -p"), (" a ",)),
)


def process_documents(count: int) -> list[Document]:
    """Return that many rules about started processes."""
    return multiplied(
        [_document(number, *each) for number, each in enumerate(_RULES)], count, _keeps
    )


def programs() -> tuple[str, ...]:
    """Return the programs that rules are about, each once."""
    return tuple(dict.fromkeys(program for _, program, _, _ in _RULES))


def suspects() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return for each rule a program and literals in its command line that make it match."""
    return tuple((program, (some[0], *every)) for _, program, some, every in _RULES)


def _document(
    number: int, title: str, program: str, some: tuple[str, ...], every: tuple[str, ...]
) -> Document:
    line: Document = {"CommandLine|contains": [*some, *_more(title, number)]}
    if every:
        line["CommandLine|contains|all"] = list(every)
    parts: Document = {
        "program": [{"Image|endswith": f"\\{program}"}, {"OriginalFileName": program}],
        "line": line,
        "pattern": {"CommandLine|re": f"(?i){'.{0,40}'.join(map(re.escape, (*every, some[0])))}"},
        "by_installer": {"ParentImage|endswith": ["\\TrustedInstaller.exe", "\\ccmexec.exe"]},
    }
    condition = _CONDITIONS[number % len(_CONDITIONS)]
    used = {name: part for name, part in parts.items() if name in condition.split()}
    return {
        "title": title,
        "id": uuid_of(title),
        "status": "test",
        "description": f"{title}.",
        "logsource": {"product": "windows", "category": "process_creation"},
        "detection": {
            **used,
            "condition": condition,
        },
        "level": "medium",
    }


def _more(title: str, number: int) -> list[str]:
    """Return more literals, as many as published rules of this kind have."""
    words = [word.lower() for word in title.split() if len(word) > 3]
    return [f"{'-/'[place % 2]}{word}{number}" for place, word in enumerate(words * 2)]


def _keeps(field: str, literal: str, number: int) -> bool:
    """Return whether a literal stays."""
    if field == "CommandLine":
        return len(literal) < _SHORTEST_CHANGED and number % 2 == 0
    return field == "ParentImage" or number % 4 != 3
