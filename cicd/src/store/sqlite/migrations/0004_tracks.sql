-- Where refs have been (see `router::track`), and what could not be read.

CREATE TABLE tracks (
    repository TEXT    NOT NULL,
    git_ref    TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    track      TEXT    NOT NULL,
    PRIMARY KEY (repository, git_ref)
) STRICT, WITHOUT ROWID;

CREATE INDEX tracks_touched ON tracks (touched_at);

-- Rows that no worker is shown, because they could not be read. Emptied when the database is opened: another binary may be
-- able to. `what` is `delivery` or `run`, `seq` that of its row.
CREATE TABLE aside (
    what TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    why  TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (what, seq)
) STRICT, WITHOUT ROWID;
