-- The statements of sweep.py, in the order in which it runs them.

-- name: create_changes
CREATE TEMP TABLE drift_changes (
    verb text NOT NULL,
    drift_id bigint,
    resource_id bigint NOT NULL,
    field text NOT NULL,
    desired jsonb,
    actual jsonb,
    successor_id bigint,
    severity text,
    reason text
) ON COMMIT DROP;

-- name: close
UPDATE cloud_drift AS d
SET status = 'stale', resolved_at = :at, resolved_by = 'sweep', resolution = c.reason
FROM drift_changes AS c
WHERE c.verb = 'close' AND d.id = c.drift_id;

-- name: move
UPDATE cloud_drift AS d
SET desired = c.desired, actual = c.actual, successor_id = c.successor_id, severity = c.severity,
    -- Another release may judge otherwise: the difference itself has not moved.
    changed_at = CASE WHEN (d.desired, d.actual, d.successor_id)
        IS NOT DISTINCT FROM (c.desired, c.actual, c.successor_id) THEN d.changed_at ELSE :at END
FROM drift_changes AS c
WHERE c.verb = 'move' AND d.id = c.drift_id;

-- name: open
WITH opened AS (
    INSERT INTO cloud_drift
        (account, resource_id, field, desired, actual, detected_at, changed_at, successor_id,
         severity, run_id)
    SELECT r.account, c.resource_id, c.field, c.desired, c.actual, :at, :at, c.successor_id,
        c.severity, :run_id
    FROM drift_changes AS c
    JOIN cloud_resources AS r ON r.id = c.resource_id
    WHERE c.verb = 'open'
    ORDER BY c.resource_id, c.field COLLATE "C"
    RETURNING account, resource_id, field, desired, actual
)
INSERT INTO cloud_resource_events (account, resource_id, event, occurred_at, changes, run_id)
SELECT account, resource_id, 'drift_detected', :at,
    jsonb_build_object(field, jsonb_build_object('from', desired, 'to', actual)), :run_id
FROM opened;

-- name: count_open
SELECT count(*) FROM cloud_drift WHERE status = 'open';
