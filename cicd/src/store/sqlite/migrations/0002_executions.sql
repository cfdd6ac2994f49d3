-- What the engine calls a run.
CREATE TABLE executions (
    execution TEXT PRIMARY KEY,
    run       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
