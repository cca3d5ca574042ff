-- Who was who, and when: one entity is another, or stands on it, from `since` to `until`.
CREATE TABLE identities (
    uid TEXT NOT NULL PRIMARY KEY,
    one_type TEXT NOT NULL,
    one_uid TEXT NOT NULL,
    one_name TEXT NOT NULL,
    other_type TEXT NOT NULL,
    other_uid TEXT NOT NULL,
    other_name TEXT NOT NULL,
    relation TEXT NOT NULL,
    is_same INTEGER NOT NULL,
    scope TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    before_seconds INTEGER NOT NULL,
    after_seconds INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX identities_by_one ON identities (one_uid);
CREATE INDEX identities_by_other ON identities (other_uid);
CREATE INDEX identities_by_until ON identities (until);
