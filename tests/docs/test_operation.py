"""The guide of operation names what the program shows: metrics, files of the data folder."""

import re

from tests.docs.pages import PROJECT
from tocsin.run.metrics import Meter

GUIDE = (PROJECT / "docs" / "guides" / "operate.md").read_text(encoding="utf-8")


def test_every_metric_is_described():
    web = PROJECT / "tocsin" / "serve" / "web"
    texts = [(web / name).read_text(encoding="utf-8") for name in ("life.py", "ways_in.py")]
    names = {name for text in texts for name in re.findall(r'"(tocsin_\w+)"', text)}
    for metric in Meter().samples(0, 0):
        names.add(re.sub(r"_(bucket|sum|count)$", "", metric.name))

    assert len(names) > 15
    assert set(re.findall(r"`(tocsin_\w+)`", GUIDE)) == names


def test_the_service_is_installed_where_its_unit_expects_it():
    unit = (PROJECT / "packaging" / "tocsin.service").read_text(encoding="utf-8")

    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE)[1]
    for path in (program, "/etc/tocsin/tocsin.yaml", "packaging/tocsin.sysusers"):
        assert path in GUIDE
