-- A line may carry two ids. Products without a rule have a reason of their own.

ALTER TABLE cloud_invoices ADD COLUMN match_rules integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN cloud_invoices.match_rules IS 'Version of the rules that matched its lines; older ones are matched again.';

ALTER TABLE cloud_cost_lines
    ADD COLUMN second_key text,
    ADD COLUMN conflicting_resource_id bigint,
    ADD CONSTRAINT cloud_cost_lines_conflicting_resource_id_fkey
        FOREIGN KEY (conflicting_resource_id) REFERENCES cloud_resources (id),
    DROP CONSTRAINT cloud_cost_lines_unmatched_reason_check,
    ADD CONSTRAINT cloud_cost_lines_unmatched_reason_check CHECK (
        unmatched_reason IN (
            'not_a_resource', 'never_seen', 'ambiguous', 'kind_not_synced', 'unknown_product'
        )
    );
COMMENT ON COLUMN cloud_cost_lines.resource_key IS 'The resource''s id or uuid, where the JSON invoice carries it; the uuid where it carries both.';
COMMENT ON COLUMN cloud_cost_lines.second_key IS 'The other id, where the JSON invoice carries two: mostly a number.';
COMMENT ON COLUMN cloud_cost_lines.unmatched_reason IS 'Null when matched. not_a_resource: a tax, credit, fee or team-wide charge. never_seen: no resource of ours. ambiguous: several. kind_not_synced: its kind was never listed completely. unknown_product: products.toml has no rule.';
COMMENT ON COLUMN cloud_cost_lines.resource_id IS 'The resource it paid for; null when unmatched: unmatched_reason says why.';
COMMENT ON COLUMN cloud_cost_lines.conflicting_resource_id IS 'Another resource, which the line''s other id names: resource_key and second_key disagree. Null almost always.';

ALTER TABLE cloud_open_month_lines
    ADD COLUMN second_key text,
    ADD COLUMN conflicting_resource_id bigint,
    ADD CONSTRAINT cloud_open_month_lines_conflicting_resource_id_fkey
        FOREIGN KEY (conflicting_resource_id) REFERENCES cloud_resources (id),
    DROP CONSTRAINT cloud_open_month_lines_unmatched_reason_check,
    ADD CONSTRAINT cloud_open_month_lines_unmatched_reason_check CHECK (
        unmatched_reason IN (
            'not_a_resource', 'never_seen', 'ambiguous', 'kind_not_synced', 'unknown_product'
        )
    );
COMMENT ON COLUMN cloud_open_month_lines.resource_key IS 'The resource''s id or uuid, where the JSON invoice carries it; the uuid where it carries both.';
COMMENT ON COLUMN cloud_open_month_lines.second_key IS 'The other id, where the JSON invoice carries two: mostly a number.';
COMMENT ON COLUMN cloud_open_month_lines.unmatched_reason IS 'Null when matched. not_a_resource: a tax, credit, fee or team-wide charge. never_seen: no resource of ours. ambiguous: several. kind_not_synced: its kind was never listed completely. unknown_product: products.toml has no rule.';
COMMENT ON COLUMN cloud_open_month_lines.resource_id IS 'The resource it paid for; null when unmatched: unmatched_reason says why.';
COMMENT ON COLUMN cloud_open_month_lines.conflicting_resource_id IS 'Another resource, which the line''s other id names: resource_key and second_key disagree. Null almost always.';

-- A matched line has the kind of its resource.
UPDATE cloud_cost_lines AS l SET kind = r.kind
FROM cloud_resources AS r
WHERE r.id = l.resource_id AND l.kind IS DISTINCT FROM r.kind;
UPDATE cloud_open_month_lines AS l SET kind = r.kind
FROM cloud_resources AS r
WHERE r.id = l.resource_id AND l.kind IS DISTINCT FROM r.kind;
