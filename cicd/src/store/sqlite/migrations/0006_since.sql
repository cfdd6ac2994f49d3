-- Since when a commit has been owed something, however often it was put off; null where a first version wrote it.
ALTER TABLE owed ADD COLUMN since INTEGER;
