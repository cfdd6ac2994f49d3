-- What waits to be told to subscribers.
CREATE TABLE notices (
    id      TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    message TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_at ON notices (at, id);
