-- The registry of kinds, for what is written in SQL. `objects.py` puts the rows in.

CREATE OR REPLACE VIEW cloud_kinds AS
SELECT * FROM (VALUES
    /* one row a kind */
) AS k (
    kind, asset, is_taggable, is_billed_alone, part_of, part_path, urn_type, urn_types, goes_by,
    former_name, used_by, user_path, unused_reason
);
COMMENT ON VIEW cloud_kinds IS 'What this release knows of each kind of resource: one row a kind, from the registry of kinds.';
COMMENT ON COLUMN cloud_kinds.kind IS 'As cloud_resources.kind has it.';
COMMENT ON COLUMN cloud_kinds.asset IS 'The Dagster asset that mirrors it.';
COMMENT ON COLUMN cloud_kinds.is_taggable IS 'Whether people can put tags on it.';
COMMENT ON COLUMN cloud_kinds.is_billed_alone IS 'Whether each one of it has an invoice line of its own every month.';
COMMENT ON COLUMN cloud_kinds.part_of IS 'The kind of the whole that it is a part of; null for wholes.';
COMMENT ON COLUMN cloud_kinds.part_path IS 'Where in attrs the identity of the whole stands.';
COMMENT ON COLUMN cloud_kinds.urn_type IS 'Its type in DigitalOcean''s URNs, such as dbaas; our own word where it has none.';
COMMENT ON COLUMN cloud_kinds.urn_types IS 'All types of URNs that are about it, old ones among them; empty for none.';
COMMENT ON COLUMN cloud_kinds.goes_by IS 'The kind whose name it goes by among members of projects and in the log of actions; null for its own.';
COMMENT ON COLUMN cloud_kinds.former_name IS 'The name that it had before 2022, and that older texts of the API still use.';
COMMENT ON COLUMN cloud_kinds.used_by IS 'The kind without which it is paid for in vain; null where it serves alone.';
COMMENT ON COLUMN cloud_kinds.user_path IS 'Where in attrs the identity of the one that uses it stands.';
COMMENT ON COLUMN cloud_kinds.unused_reason IS 'What cloud_orphans.reason says of one that nobody uses.';
