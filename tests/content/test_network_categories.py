"""Rules for a category of logs (DNS, proxies, firewalls) match whatever source gives such logs."""

from pathlib import Path

import pytest

from tests.content.detection import LOG_SOURCES, MORNING, batch
from tocsin import detect, normalize
from tocsin.detect.rules import LogSource

NETWORK = (Path("sigma") / "rules" / "network", Path("sigma") / "rules" / "web")
CATEGORIES = ("dns", "dns_query", "proxy", "webserver", "firewall", "network_connection")

DNS = "{query|endswith: .pool.example, record_type: TXT, answer|contains: cmd.exe}"
DNS_QUERY = "{QueryName|endswith: .pool.example, QueryResults|contains: cmd.exe}"
PROXY = "{c-uri|contains: /get/tool.exe, cs-host: cdn.example, cs-method: GET, c-useragent: cli/1}"
HOSTS = "{cs-host: cdn.example}"
WEB = (
    "{cs-uri-query|contains: id=1, cs-uri-stem|endswith: .php, c-ip: 198.51.100.9, cs-method: GET}"
)
ENDS = "{src_ip: 10.20.0.15, dst_ip: 198.51.100.9, dst_port: 4444}"
REFUSED = "{dst_ip: 198.51.100.9, dst_port: 4444, action: denied}"
DROPPED = "{dst_ip: 198.51.100.9, dst_port: 4444, action: blocked}"
CALLS = "{SourceIp: 10.20.0.15, DestinationIp: 198.51.100.9, DestinationPort: 4444}"


def zeek(kind, **more):
    return {"_path": kind, "conn_state": None, "service": None, **more}


def eve(kind, **more):
    return {"event_type": kind, "flow": None, "tcp": None, **more}


def asked(name, text):
    """Return what each source says of one question for a text record."""
    rows = [{"rrname": name, "rrtype": "TXT", "ttl": 9, "rdata": text}]
    told = [{"domainName": name, "type": "TXT", "class": "IN", "ttl": "9", "rvalue": text}]
    return {
        "zeek.log": zeek(
            "dns", query=name, qtype_name="TXT", qclass_name="C_INTERNET", answers=[text]
        ),
        "suricata.eve": eve(
            "dns", dns={"type": "answer", "rrname": name, "rrtype": "TXT", "answers": rows}
        ),
        "aws.route53_resolver": {
            "query_name": f"{name}.",
            "query_type": "TXT",
            "answers": [{"Rdata": text, "Type": "TXT", "Class": "IN"}],
        },
        "gcp.dns": {
            "jsonPayload": {
                "queryName": f"{name}.",
                "queryType": "TXT",
                "structuredRdata": told,
            }
        },
    }


def fetched(**more):
    """Return what each source says of one request for a program."""
    user = {"user_agent": "cli/1", **more}
    http = {"hostname": "cdn.example", "url": "/get/tool.exe", "http_method": "GET"}
    agent = {"http_user_agent": user["user_agent"]}
    return {
        "zeek.log": zeek(
            "http", trans_depth="1", host="cdn.example", uri="/get/tool.exe", method="GET", **user
        ),
        "suricata.eve": eve("http", http={**http, **agent}),
        "aws.network_firewall": {"event": {"event_type": "alert", "http": {**http, **agent}}},
    }


def served():
    """Return what each source says of one request to a server."""
    outside = {"id.orig_h": "198.51.100.9", "id.resp_h": "10.20.0.15"}
    page = {"hostname": "shop.example", "url": "/a/b.php?id=1", "http_method": "GET"}
    return {
        "zeek.log": zeek(
            "http", trans_depth="1", host="shop.example", uri="/a/b.php?id=1", method="GET",
            **outside,
        ),
        "suricata.eve": eve("http", src_ip="198.51.100.9", dest_ip="10.20.0.15", http=page),
        "aws.elb": {"clientIp": "198.51.100.9", "requestUrl": "https://a.example:443/a/b.php?id=1"},
        "aws.waf": {
            "httpRequest": {"clientIp": "198.51.100.9", "uri": "/a/b.php", "args": "id=1"}
        },
    }  # fmt: skip


def connected(word):
    """Return what each source says of one connection: let through, or not (`word` is deny)."""
    refused = word == "deny"
    ends = {"src_ip": "10.20.0.15", "dest_ip": "198.51.100.9", "dest_port": 4444}
    flow = {
        "srcaddr": "10.20.0.15",
        "dstaddr": "198.51.100.9",
        "dstport": 4444,
        "action": "REJECT" if refused else "ACCEPT",
    }
    wire = {"src_ip": "10.20.0.15", "dest_ip": "198.51.100.9", "dest_port": "4444"}
    tuples = (
        f"1663146003599,10.20.0.15,198.51.100.9,23956,4444,6,O,{'D' if refused else 'B'},NX,0,0,0,0"
    )
    found = {
        "aws.vpc_flow": flow,
        "gcp.firewall": {
            "jsonPayload": {
                "connection": wire,
                "disposition": "DENIED" if refused else "ALLOWED",
                "rule_details": {"direction": "EGRESS"},
            }
        },
        "azure.flow": {"flowRecords": {"flows": {"flowGroups": {"flowTuples": tuples}}}},
        "azure.firewall": {
            "category": "AZFWNetworkRule",
            "properties": {
                "msg": None,
                "SourceIp": "10.20.0.15",
                "DestinationIp": "198.51.100.9",
                "DestinationPort": 4444,
                "Protocol": "TCP",
                "Action": "Deny" if refused else "Allow",
            },
        },
        "aws.network_firewall": {
            "event": {
                **ends,
                "event_type": "alert",
                "alert": {"action": "blocked" if refused else "allowed", "signature_id": "1"},
            }
        },
        "netflow.flow": {
            "destinationIPv4Address": "198.51.100.9",
            "destinationTransportPort": 4444,
            "forwardingStatus": 128 if refused else 64,
        },
        "suricata.eve": {**ends, "event_type": "drop" if refused else "flow"},
    }
    if refused:
        return found
    more = {
        "zeek.log": {"id.resp_h": "198.51.100.9", "id.resp_p": 4444},
        "gcp.vpc_flow": {"jsonPayload": {"connection": wire}},
    }
    return {**found, **more}


def cases(category, detection, records):
    return [(category, detection, source, record) for source, record in records.items()]


WITHOUT_CONNECTIONS = {"aws.network_firewall", "azure.firewall", "gcp.firewall"}
QUESTION = asked("a.pool.example", "cmd.exe /c calc")
AZURE_QUESTION = {
    "category": "AZFWDnsQuery",
    "properties": {"msg": None, "QueryName": "a.pool.example.", "QueryType": "TXT"},
}
AZURE_PAGE = {
    "category": "AZFWApplicationRule",
    "properties": {"msg": None, "Fqdn": "cdn.example", "DestinationPort": 443, "Action": "Allow"},
}
CASES = [
    *cases("dns", DNS, QUESTION),
    ("dns", "{query|endswith: .pool.example}", "azure.firewall", AZURE_QUESTION),
    *cases("dns_query", DNS_QUERY, QUESTION),
    ("dns_query", "{QueryName: a.pool.example}", "azure.firewall", AZURE_QUESTION),
    *cases("proxy", PROXY, fetched()),
    ("proxy", HOSTS, "azure.firewall", AZURE_PAGE),
    *cases("webserver", WEB, served()),
    *cases("firewall", ENDS, {
        source: record
        for source, record in connected("allow").items()
        if source != "gcp.vpc_flow"
    }),
    *cases("firewall", REFUSED, connected("deny")),
    *cases("firewall", DROPPED, connected("deny")),
    *cases("network_connection", CALLS, {
        source: record
        for source, record in connected("allow").items()
        if source not in WITHOUT_CONNECTIONS
    }),
]  # fmt: skip


def rule_of(category, detection):
    text = (
        "title: Somebody\nid: 00000000-0000-4000-8000-000000000001\n"
        f"logsource: {{category: {category}}}\n"
        f"detection: {{s: {detection}, condition: s}}\n"
    )
    [rule] = detect.parse_rules({"rule.yml": text}).rules
    return rule


def matches(shipped, rule, source, change):
    mapping = shipped.mappings[source]
    found = normalize.apply(mapping, batch(source, [normalize.overlay(mapping.example, change)]))
    assert found.rejects.num_rows == 0
    rule_set = detect.RuleSet.build([rule], LOG_SOURCES)
    windows = detect.Windows()
    detected = detect.evaluate(rule_set, found.events, windows, MORNING, shipped.worker)
    return detected.matches.num_rows


@pytest.mark.parametrize(
    ("category", "detection", "source", "change"),
    CASES,
    ids=[f"{number}-{each[0]}-{each[2]}" for number, each in enumerate(CASES)],
)
def test_a_rule_for_a_category_matches_a_record_of_each_source(
    shipped, category, detection, source, change
):
    rule = rule_of(category, detection)

    assert matches(shipped, rule, source, change) == 1
    assert matches(shipped, rule, source, {}) == 0


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_source_of_a_category_has_its_record_here(category):
    tried = {source for each, _, source, _ in CASES if each == category}

    assert set(LOG_SOURCES.bind(LogSource(category=category))) == tried


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_windows_says_of_itself_is_none_of_these(category):
    assert LOG_SOURCES.bind(LogSource("windows", category=category)) == ()


def test_a_word_is_sought_in_the_records_of_its_category_alone(shipped):
    rule = rule_of("webserver", "['.git/']")
    question = zeek("dns", query="x.git/", qtype_name="A", qclass_name="C_INTERNET")
    page = zeek("http", trans_depth="1", host="a.example", uri="/.git/config", method="GET")

    assert matches(shipped, rule, "zeek.log", question) == 0
    assert matches(shipped, rule, "zeek.log", page) == 1


@pytest.fixture(scope="module")
def published(corpora):
    texts = {
        str(path): path.read_text(encoding="utf-8")
        for folder in NETWORK
        for path in sorted((corpora / folder).rglob("*.yml"))
    }
    parsed = detect.parse_rules(texts)
    return {Path(rule.location.file).stem: rule for rule in parsed.rules}


MINED = asked("xmr.2miners.com", "x")
SCRIPT = asked("www.example.org", "IEX (New-Object)")


def shared(path, name):
    return zeek("smb_files", action="SMB::FILE_OPEN", path=path, name=name)


PUBLISHED = [
    *[("net_dns_pua_cryptocoin_mining_xmr", source, record) for source, record in MINED.items()],
    *[("net_dns_susp_txt_exec_strings", source, record) for source, record in SCRIPT.items()],
    *[
        ("proxy_ua_susp_base64", source, record)
        for source, record in fetched(user_agent="Q2xpZW50IDE=").items()
    ],
    ("proxy_download_susp_tlds_blacklist", "zeek.log",
     zeek("http", trans_depth="1", host="cdn.example.top", uri="/a.exe?b=c.d", method="GET")),
    ("proxy_download_susp_tlds_blacklist", "suricata.eve",
     eve("http", http={"hostname": "cdn.example.top", "url": "/a.EXE", "http_method": "GET"})),
    *[
        ("web_source_code_enumeration", source, record)
        for source, record in {
            "zeek.log": zeek("http", trans_depth="1", host="a.example", uri="/.git/config",
                             method="GET"),
            "suricata.eve": eve("http", http={"hostname": "a.example", "url": "/.git/config",
                                              "http_method": "GET"}),
            "aws.elb": {"requestUrl": "https://a.example:443/.git/config"},
            "aws.waf": {"httpRequest": {"uri": "/.git/config"}},
        }.items()
    ],
    ("zeek_dns_susp_zbit_flag", "zeek.log",
     zeek("dns", query="www.example.org", qtype_name="A", qclass_name="C_INTERNET", Z=1)),
    ("zeek_http_executable_download_from_webdav", "zeek.log",
     zeek("http", trans_depth="1", host="a.example", uri="/webdav/x.exe", method="GET")),
    ("zeek_dce_rpc_smb_spoolss_named_pipe", "zeek.log",
     shared(r"\\10.20.0.9\IPC$", "spoolss")),
    ("zeek_smb_converted_win_transferring_files_with_credential_data", "zeek.log",
     shared(r"\\10.20.0.9\C$", r"\sam")),
]  # fmt: skip


@pytest.mark.corpora
@pytest.mark.parametrize(("name", "source", "change"), PUBLISHED)
def test_a_published_rule_matches_a_record_of_each_source(shipped, published, name, source, change):
    assert matches(shipped, published[name], source, change) == 1
    assert matches(shipped, published[name], source, {}) == 0


@pytest.mark.corpora
def test_every_published_rule_for_a_network_is_tried(published):
    bound = {name for name, rule in published.items() if LOG_SOURCES.bind(rule.log_source)}

    assert {name for name, _, _ in PUBLISHED} == bound
