-- A body that came again under another id stands with the delivery that brought it first, and is empty here.
ALTER TABLE deliveries ADD COLUMN same_as INTEGER;

CREATE INDEX deliveries_same_as ON deliveries (same_as) WHERE same_as IS NOT NULL;
