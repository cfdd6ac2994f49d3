-- How often each route and `ignore` entry was hit, by the day. `what` is `route`, `shadow` or `ignored`.
CREATE TABLE hits (
    day  INTEGER NOT NULL,
    what TEXT    NOT NULL,
    name TEXT    NOT NULL,
    hits INTEGER NOT NULL,
    PRIMARY KEY (day, what, name)
) STRICT, WITHOUT ROWID;

-- What was decided before, by the day on which it came.
INSERT INTO hits
WITH decided AS (SELECT received_at / 86400000000000 AS day, decision FROM deliveries JOIN decisions USING (seq))
SELECT day, what, name, count(*) FROM (
    SELECT day, 'route' AS what, decision ->> '$.verdict.route' AS name FROM decided
    UNION ALL
    SELECT day, 'ignored', decision ->> '$.verdict.rule' FROM decided
    UNION ALL
    SELECT day, 'shadow', shadow.value ->> '$.route' FROM decided, json_each(decision, '$.shadows') AS shadow
)
WHERE name IS NOT NULL GROUP BY day, what, name;
