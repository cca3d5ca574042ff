"""The plain evaluation, obviously correct: each event is parsed in full, each rule is asked.

It shares the parsed rules and the compiled conditions with the engine, and nothing else.
"""

from tocsin.detect.fields import Columns, Event, Row
from tocsin.detect.records import read_record


def plain_pairs(rules, events):
    """Return (uid of the rule, uid of the event) for every Sigma rule that holds."""
    columns = Columns(events)
    pairs = set()
    sources, uids, texts = (
        events.column(name).to_pylist() for name in ("source", "event_uid", "raw_data")
    )
    for index, (source, uid, text) in enumerate(zip(sources, uids, texts, strict=True)):
        record = read_record(text)
        if record is None:
            continue
        event = Event(record, Row(columns, index))
        for bound in rules.by_source.get(source, ()):
            if bound.rule.is_enabled and bound.holds is not None and bound.holds(event):
                pairs.add((bound.rule.uid, uid))
    return pairs
