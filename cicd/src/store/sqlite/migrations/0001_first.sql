-- What came, what was decided, what runs, what is owed. Times are nanoseconds since 1970, repositories are
-- `kind:forge:path`, refs are full refs, JSON is text.

-- A row is written once, so what is decided about it stands in a table of its own. Its body is one LZ4 block behind its
-- length (four bytes, little end first) and stands last, so that reading the other columns does not touch it.
CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY,
    forge       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    times       INTEGER NOT NULL DEFAULT 1,
    headers     TEXT    NOT NULL,
    delivered   TEXT    NOT NULL,
    body        BLOB    NOT NULL
) STRICT;

-- The id stands first: a delivery is also looked up without its forge.
CREATE UNIQUE INDEX deliveries_by_id ON deliveries (id, forge);

-- `delivered` is null when the decision knew no more than the delivery said.
CREATE TABLE decisions (
    seq        INTEGER PRIMARY KEY REFERENCES deliveries (seq) ON DELETE CASCADE,
    delivered  TEXT,
    decision   TEXT NOT NULL,
    runs       TEXT NOT NULL,
    repository TEXT,
    git_ref    TEXT,
    commit_id  TEXT
) STRICT;

CREATE INDEX decisions_of_commit ON decisions (commit_id, git_ref, repository) WHERE commit_id IS NOT NULL;

-- Deliveries are decided in their order, more or less: everything up to this one is.
CREATE TABLE progress (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    decided_up_to INTEGER NOT NULL
) STRICT;

INSERT INTO progress VALUES (1, 0);

-- Numbers that are free again are given again.
CREATE TRIGGER deliveries_gone AFTER DELETE ON deliveries BEGIN
    UPDATE progress SET decided_up_to = min(decided_up_to, coalesce((SELECT max(seq) FROM deliveries), 0));
END;

CREATE TABLE runs (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    repository TEXT    NOT NULL,
    git_ref    TEXT    NOT NULL,
    commit_id  TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    live       INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    run        TEXT    NOT NULL
) STRICT;

CREATE INDEX runs_live ON runs (live) WHERE live = 1;
CREATE INDEX runs_live_on_ref ON runs (repository, git_ref) WHERE live = 1;
CREATE INDEX runs_of_commit ON runs (commit_id, git_ref, repository);

CREATE TABLE claims (
    repository  TEXT NOT NULL,
    environment TEXT NOT NULL,
    run         TEXT NOT NULL,
    PRIMARY KEY (repository, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE statuses (
    commit_id   TEXT NOT NULL,
    git_ref     TEXT NOT NULL,
    repository  TEXT NOT NULL,
    context     TEXT NOT NULL,
    status      TEXT NOT NULL,
    PRIMARY KEY (commit_id, git_ref, repository, context)
) STRICT, WITHOUT ROWID;

-- A paid debt keeps its row with no due time: were it deleted, counting would start again at one, and whoever still
-- holds the old count could settle the new debt.
CREATE TABLE owed (
    commit_id  TEXT    NOT NULL,
    git_ref    TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    reason     TEXT    NOT NULL DEFAULT '',
    due_at     INTEGER,
    PRIMARY KEY (commit_id, git_ref, repository)
) STRICT, WITHOUT ROWID;

CREATE INDEX owed_due ON owed (due_at) WHERE due_at IS NOT NULL;

-- Written when somebody asks whether the store can be written to.
CREATE TABLE heartbeat (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   INTEGER NOT NULL
) STRICT;
