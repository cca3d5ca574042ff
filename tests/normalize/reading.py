"""Read recorded files the way a feed does: cut, read, mapped."""

from collections import Counter
from dataclasses import dataclass, field, replace

from tests.normalize.ocsf_schema import problems
from tocsin import plugins
from tocsin.normalize import apply
from tocsin.ocsf.output import event_json


@dataclass
class Recorded:
    """What became of recorded files: OCSF events, and reasons of rejects."""

    events: list[dict] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)

    @property
    def share_mapped(self) -> float:
        return len(self.events) / max(len(self.events) + len(self.rejects), 1)

    @property
    def share_valid(self) -> float:
        wrong = sum(bool(problems(event)) for event in self.events)
        return 1 - wrong / max(len(self.events), 1)

    def told(self, name):
        """Print the numbers of a corpus, which a person may want to see."""
        kinds = Counter(event["class_name"] for event in self.events)
        count = len(self.events) + len(self.rejects)
        print(  # noqa: T201 - shown with `pytest -s`
            f"{name}: {count} records, {self.share_mapped:.2%} mapped,"
            f" {self.share_valid:.2%} valid; {dict(kinds)}"
        )


def batches(mapping, path, cursor=None):
    """Return the batches of a file or folder."""
    plug = plugins.find("tocsin.collect.sources", "files")
    values = {
        "feed": "test",
        "source": mapping.source,
        "paths": (str(path),),
        "unwrap": mapping.unwrap,
        "reader": mapping.reader,
    }
    return list(plug(plugins.settings_of(plug, values)).read(cursor))


def recorded(mapping, *paths, most=None):
    """Return what becomes of files; of the first `most` records of each batch."""
    found = Recorded()
    for path in paths:
        for batch in batches(mapping, path):
            became = apply(mapping, replace(batch, records=batch.records[:most]))
            found.events += [event_json(row) for row in became.events.to_pylist()]
            found.rejects += batch.rejects.column("reason").to_pylist()
            found.rejects += became.rejects.column("reason").to_pylist()
    return found


def lasting(event):
    """Return what an event says, without where and when its record came."""
    kept = {name: value for name, value in event.items() if name not in ("raw_data", "unmapped")}
    own = ("uid", "logged_time")
    kept["metadata"] = {name: value for name, value in event["metadata"].items() if name not in own}
    return kept
