"""Random conditions and random records that often have to do with each other."""

from hypothesis import strategies as st

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
    Exists,
    Field,
    Flag,
    Keyword,
    Network,
    Not,
    Null,
    Number,
    Order,
    Pattern,
    SameAs,
    Text,
    TimePart,
    Wildcard,
)

KEYS = ("eventName", "a", "b", "c", "a.b", "b.c")
PATHS = ("eventName", "a", "b", "a.b", "a.c", "b.c", "a.b.c", "c", "x/y", "a.b.c.a")
ROW_PATHS = (
    *("api.operation", "ocsf.class_name", "class_uid", "actor.user.name", "ocsf.flags", "ocsf.day"),
    *("ocsf.skewed", "ocsf.time", "actor.user", "actor.session.none", "ocsf.raw_data", "ocsf.x.y"),
)
WORDS = (
    *("", "a", "B", "ab", "Stop", "stop", "StopLogging", "ΑΣ", "ας", "ΑΣΑ", "ſtop", "\u212a", "k"),
    *("İ", "i̇", "ß", "SS", "ss", "?", "*", ".", "\\", "true", "False", "1", "1.0", "10", "-3"),
    *("API Activity", "6003", "2026", '"', "a\\b", 'x"log', "ΑΣ/b", "log/ging", "e+16", "None"),
    *("\ud800", "x\udfffy", "null", "é", "10.1.2.3", "2026-11-23T23:10:00Z", "a\nb", '{"c":1}'),
)
PATTERNS = (
    *("stop", "^Stop", "log+ing$", "(a|b)c?", "st[o0]p", "s.op|log", r"a\.b", "(?i)STOP", "k"),
    *("(?:ab)+", "x{0,2}stop", "(stop)?a", "a|", r"\d+", "s*", ".*", "(?i:K)top", r"\?", "", "é"),
    *("(ab|cd|)e", "a{2}b", "stop{1}l", "(?s).a", "[]a]b", "[^]a]b", r"\x41", "a+?b", "(st)(op)"),
)

words = st.sampled_from(WORDS) | st.text("abSTOPstopſΣς?*", max_size=6)
scalars = st.one_of(
    words,
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from((1.0, 0.5, 1e20, 10**20, -0.0, 10**25, 1e400)),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
records = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)

parts = st.lists(words.filter(bool) | st.sampled_from(Wildcard), max_size=4).map(tuple)
shapes = st.one_of(
    words.map(lambda word: (word,) if word else ()),
    words.map(lambda word: (word, Wildcard.ANY)),
    words.map(lambda word: (Wildcard.ANY, word)),
    words.map(lambda word: (Wildcard.ANY, word, Wildcard.ANY)),
    parts,
)


def _has_half_pair(test):
    return any(
        isinstance(part, str) and any("\ud800" <= sign <= "\udfff" for sign in part)
        for part in test.parts
    )


texts = st.builds(Text, shapes, st.booleans()).filter(
    lambda test: not _has_half_pair(test) or len(test.parts) < 2
)
single_tests = st.one_of(
    texts,
    texts,
    st.builds(Number, st.sampled_from((1, 1.0, 0.5, 10, 10**20, 1e20, -3))),
    st.builds(Flag, st.booleans()),
    st.just(Null()),
    st.builds(Pattern, st.sampled_from(PATTERNS), st.sampled_from(("", "i", "s", "im"))),
    st.sampled_from((Network("10.0.0.0/8"), Network("::ffff:10.1.0.0/112"))),
    st.builds(Order, st.sampled_from(("lt", "lte", "gt", "gte")), st.integers(-3, 12)),
    st.just(TimePart("hour", 23)),
)
tests = single_tests | st.lists(single_tests, max_size=3).map(tuple).map(AnyTest)
several = st.lists(tests, min_size=1, max_size=3).map(tuple)
keywords = st.lists(
    words.filter(lambda word: word and not any("\ud800" <= sign <= "\udfff" for sign in word)).map(
        lambda word: Text((Wildcard.ANY, word, Wildcard.ANY))
    ),
    min_size=1,
    max_size=2,
).map(tuple)
leaves = st.one_of(
    st.builds(Field, st.sampled_from(PATHS), several, st.booleans()),
    st.builds(Field, st.sampled_from(PATHS), several, st.booleans()),
    st.builds(Field, st.sampled_from(ROW_PATHS), several, st.booleans()),
    st.builds(Exists, st.sampled_from((*PATHS, *ROW_PATHS))),
    st.builds(
        SameAs,
        st.sampled_from((*PATHS, *ROW_PATHS)),
        st.sampled_from(PATHS),
        st.sampled_from(("whole", "start", "end", "anywhere")),
    ),
    st.builds(Keyword, several, st.booleans()),
    st.builds(Keyword, keywords, st.booleans()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple).map(AllOf),
        st.lists(inner, max_size=3).map(tuple).map(AnyOf),
        inner.map(Not),
    ),
    max_leaves=6,
)
