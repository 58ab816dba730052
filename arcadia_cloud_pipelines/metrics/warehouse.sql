-- The metrics of the warehouse, a statement each: the column `value`, every other one a label.

-- name: arcadia_source_age_seconds
SELECT account, source, extract(epoch FROM now() - as_of) AS value
FROM marts.freshness WHERE as_of IS NOT NULL;

-- name: arcadia_source_complete
SELECT account, source, CAST(complete AS integer) AS value FROM marts.freshness;

-- name: arcadia_source_late
SELECT account, source, CAST(is_late AS integer) AS value FROM marts.freshness;

-- name: arcadia_team_account
-- By the newest token of each team; nothing where one team is mirrored.
SELECT DISTINCT ON (team) team, account, 1 AS value FROM cloud_token_accounts
WHERE team IS NOT NULL ORDER BY team, noted_at DESC;

-- name: arcadia_live_resources
SELECT account, kind, count(*) AS value FROM cloud_resources WHERE deleted_at IS NULL
GROUP BY account, kind;

-- name: arcadia_open_drift
SELECT d.account, r.kind, count(*) AS value
FROM cloud_drift AS d
JOIN cloud_resources AS r ON r.id = d.resource_id
WHERE d.status = 'open'
GROUP BY d.account, r.kind;

-- name: arcadia_limit_used
SELECT account, name AS limit, used AS value FROM marts.limits WHERE used IS NOT NULL;

-- name: arcadia_limit_allowed
SELECT account, name AS limit, limit_value AS value FROM marts.limits WHERE limit_value > 0;

-- name: arcadia_invoices
SELECT account, state, count(*) AS value FROM marts.invoice_reconciliation GROUP BY account, state;

-- name: arcadia_unmatched_dollars
-- Lines that should have found their resource, of each account's newest month that has lines.
SELECT l.account, l.unmatched_reason AS reason, sum(l.amount) AS value
FROM cloud_cost_lines AS l
JOIN (
    SELECT account, max(period) AS period FROM cloud_invoices
    WHERE ingested_at IS NOT NULL GROUP BY account
) AS newest USING (account, period)
WHERE l.unmatched_reason <> 'not_a_resource'
GROUP BY l.account, l.unmatched_reason;

-- name: arcadia_alarms
-- Every severity has a row, so that a rule may compare with 0.
SELECT s.severity, count(a.id) AS value
FROM (VALUES ('warning'), ('error'), ('critical')) AS s (severity)
LEFT JOIN cloud_alarms AS a
    ON a.severity = s.severity AND a.closed_at IS NULL AND a.announced_at IS NOT NULL
GROUP BY s.severity;

-- name: arcadia_alarm_messages_unsent
SELECT channel, count(*) AS value FROM cloud_alarm_deliveries WHERE sent_at IS NULL
GROUP BY channel;

-- name: arcadia_database_bytes
SELECT 'warehouse' AS database, pg_database_size(current_database()) AS value;
