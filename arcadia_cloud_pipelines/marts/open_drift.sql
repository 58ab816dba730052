/*
comment = """
Which fields drifted, since when, and what does it cost? One row an open record: a resource and
field.
"""
grain = ["resource_id", "field"]
example = """
SELECT severity, kind, name, field, desired, actual, opened_at, monthly_delta FROM marts.open_drift
ORDER BY severity = 'critical' DESC, abs(monthly_delta) DESC NULLS LAST, opened_at
"""
[columns]
drift_id = "The record: cloud_drift.id, which arcadia drift accept takes."
field = "The field that differs; deleted_at when the resource itself is gone."
desired = "What the spec says, as JSON."
actual = "What was last seen, as JSON."
severity = "How bad it is: warning, error or critical. Null for what was closed before anybody judged."
opened_at = "The detection run that opened it."
times_before = "Earlier records of the same resource and field."
open_for = "How long it has been open."
monthly_delta = "US dollars a month that the actual plan costs more than the desired one, by marts.rates. Null for fields that are no plan, or without a rate."
*/
SELECT
    h.account,
    h.drift_id,
    h.resource_id,
    h.kind,
    h.name,
    h.field,
    h.desired,
    h.actual,
    h.severity,
    h.opened_at,
    h.open_for,
    h.times_before,
    actual.monthly_amount - desired.monthly_amount AS monthly_delta,
    'USD' AS currency,
    h.as_of,
    h.complete
FROM marts.drift_history AS h
LEFT JOIN marts.rates AS desired
    ON h.field IN ('size_slug', 'size') AND desired.account = h.account AND desired.kind = h.kind
    AND desired.size_slug = h.desired #>> '{}'
    AND desired.is_current
LEFT JOIN marts.rates AS actual
    ON h.field IN ('size_slug', 'size') AND actual.account = h.account AND actual.kind = h.kind
    AND actual.size_slug = h.actual #>> '{}'
    AND actual.is_current
WHERE h.status = 'open'
