"""A folder of databases and address lists: real ones are read, broken ones end in one line."""

import json
import shutil
from pathlib import Path

import pytest

from tocsin.collect.knowledge.folder import KnowledgeFolder, KnowledgeSettings

BROKEN = [
    "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
    "GeoIP2-City-Test-Broken-Double-Format.mmdb",
    "MaxMind-DB-test-broken-pointers-24.mmdb",
    "MaxMind-DB-test-broken-search-tree-24.mmdb",
]
ADDRESSES = ["81.2.69.142", "89.160.20.112", "2001:218::1", "1.1.1.3", "1.2.0.1", "2.125.160.216"]


def opened(folder: Path) -> KnowledgeFolder:
    return KnowledgeFolder(KnowledgeSettings(folder))


@pytest.fixture
def databases(corpora: Path) -> Path:
    return corpora / "maxmind-db" / "test-data"


@pytest.mark.corpora
def test_city_network_and_anonymizers_are_told_together(databases: Path, tmp_path: Path):
    for name in ("GeoIP2-City-Test", "GeoLite2-ASN-Test", "GeoIP2-Anonymous-IP-Test"):
        shutil.copy(databases / f"{name}.mmdb", tmp_path)
    folder = opened(tmp_path)
    sweden, london, nobody = folder(["89.160.20.112", "81.2.69.142", "203.0.113.1"])

    assert sweden and london and nobody is None
    assert (sweden.country, sweden.city, sweden.number) == ("SE", "Linköping", 29518)
    assert sweden.location_provider.startswith("GeoIP2-City ")
    assert {note.type for note in london.notes} == {"anonymizer", "hosting"}
    assert folder.problems == ()


@pytest.mark.corpora
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_database_ends_in_one_line_and_the_others_serve_on(
    name: str, databases: Path, tmp_path: Path
):
    shutil.copy(databases / "GeoLite2-ASN-Test.mmdb", tmp_path)
    shutil.copy(databases / name, tmp_path / "a-broken.mmdb")
    folder = opened(tmp_path)
    places = folder([*ADDRESSES, "1.128.0.0"])

    assert places[-1] is not None
    assert places[-1].number == 1221
    for line in folder.problems:
        assert line.startswith("enrichment: a-broken.mmdb is no readable MaxMind database")
        assert line.endswith("fetch it again")
        assert "\n" not in line and str(tmp_path) not in line
    assert len(folder.problems) == (1 if name.startswith("GeoIP2") else len(folder.problems))
    assert len(folder.problems) <= 1


@pytest.mark.corpora
@pytest.mark.parametrize("cut", [0, 1, 100, 5_000, 12_000])
def test_a_database_that_was_cut_off_is_left_out(cut: int, databases: Path, tmp_path: Path):
    whole = (databases / "GeoLite2-ASN-Test.mmdb").read_bytes()
    (tmp_path / "cut.mmdb").write_bytes(whole[:cut])
    folder = opened(tmp_path)

    assert list(folder(["1.128.0.0"])) == [None]
    assert len(folder.problems) == 1


@pytest.mark.corpora
def test_every_database_of_the_corpora_is_read_or_refused(databases: Path):
    folder = opened(databases)
    places = folder(ADDRESSES)

    assert any(place and place.country for place in places)
    assert len(folder.names) + len(folder.problems) == len(list(databases.glob("*.mmdb")))


AWS = {
    "syncToken": "1",
    "createDate": "2026-11-01-00-00-00",
    "prefixes": [
        {"ip_prefix": "198.51.100.0/24", "region": "eu-central-1", "service": "AMAZON"},
        {"ip_prefix": "198.51.100.0/24", "region": "eu-central-1", "service": "EC2"},
    ],
    "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "eu-west-1", "service": "S3"}],
}
GCP = {"prefixes": [{"ipv4Prefix": "203.0.113.0/25", "service": "Google Cloud", "scope": "x"}]}
AZURE = {
    "values": [
        {
            "properties": {
                "region": "westeurope",
                "systemService": "AzureStorage",
                "addressPrefixes": ["203.0.113.128/25"],
            }
        },
        {
            "properties": {
                "region": "",
                "systemService": "",
                "addressPrefixes": ["203.0.113.128/25"],
            }
        },
    ]
}


def test_ranges_of_the_clouds_are_told(tmp_path: Path):
    for name, content in (("ip-ranges", AWS), ("cloud", GCP), ("ServiceTags_Public", AZURE)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    addresses = ["198.51.100.7", "2001:db8::5", "203.0.113.5", "203.0.113.200", "192.0.2.1"]
    places = opened(tmp_path)(addresses)
    told = [json.loads(place.notes[0].data) if place else None for place in places]

    assert told == [
        {"cloud": "AWS", "region": "eu-central-1", "service": "EC2"},
        {"cloud": "AWS", "region": "eu-west-1", "service": "S3"},
        {"cloud": "GCP", "region": "x", "service": "Google Cloud"},
        {"cloud": "Azure", "region": "westeurope", "service": "AzureStorage"},
        None,
    ]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"prefixes": [{"ipv4Prefix": "x"}]}', '{"values": [{}]}']
)
def test_a_list_that_is_none_is_left_out_with_one_line(text: str, tmp_path: Path):
    (tmp_path / "ip-ranges.json").write_text(text)
    folder = opened(tmp_path)
    folder([])

    assert len(folder.problems) == 1
    assert folder.problems[0].startswith("enrichment: ip-ranges.json ")


def test_a_renewed_file_is_seen_without_a_restart(tmp_path: Path):
    now = [0.0]
    folder = KnowledgeFolder(KnowledgeSettings(tmp_path), clock=lambda: now[0])
    assert list(folder(["203.0.113.5"])) == [None]
    (tmp_path / "cloud.json").write_text(json.dumps(GCP))
    now[0] = 61.0

    assert folder(["203.0.113.5"])[0] is not None


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path):
    folder = opened(tmp_path / "none")

    assert list(folder(["203.0.113.5"])) == [None]
    assert "cannot be read" in folder.problems[0]
