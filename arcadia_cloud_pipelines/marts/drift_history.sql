/*
comment = """
How long was each drift open, and what came back again? One row a record of cloud_drift, open ones
included.
"""
grain = ["drift_id"]
example = """
SELECT kind, name, field, opened_at, open_for, times_before FROM marts.drift_history
WHERE times_before > 0 ORDER BY opened_at DESC LIMIT 20
"""
[columns]
drift_id = "The record: cloud_drift.id."
field = "The field that differed."
desired = "What the spec said, as JSON."
actual = "What was last seen, as JSON."
severity = "How bad it is: warning, error or critical. Null for what was closed before anybody judged."
status = "open, accepted, stale (gone by itself) or reverted."
opened_at = "The detection run that opened it."
resolved_at = "When it was closed. Null while it is open."
resolved_by = "Who or what closed it."
open_for = "How long it was open, or has been until now."
times_before = "Earlier records of the same resource and field."
*/
SELECT
    d.account,
    d.id AS drift_id,
    d.resource_id,
    r.kind,
    r.name,
    d.field,
    d.desired,
    d.actual,
    d.severity,
    d.status,
    d.detected_at AS opened_at,
    d.resolved_at,
    d.resolved_by,
    coalesce(d.resolved_at, now()) - d.detected_at AS open_for,
    count(*) OVER (
        PARTITION BY d.resource_id, d.field ORDER BY d.detected_at, d.id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS times_before,
    least(f.as_of, coalesce(seen.as_of, r.last_seen_at)) AS as_of,
    coalesce(f.complete AND seen.complete, false) AS complete
FROM public.cloud_drift AS d
JOIN public.cloud_resources AS r ON r.id = d.resource_id
LEFT JOIN marts.freshness AS f ON f.account = d.account AND f.source = 'drift'
LEFT JOIN marts.freshness AS seen ON seen.account = d.account AND seen.source = r.kind
