/*
comment = """
How much of a budget is used, and will it hold? One row a budget, account and month: the open month,
by the newest forecast, and the last closed one. Taxes, credits and what belongs to no resource count
in budgets of the whole account alone. What a tenant uses in the open month is what runs in its
projects; of a closed month it is what the rules of allocation say.
"""
grain = ["account", "name", "period"]
example = """
SELECT name, scope, amount, used, expected, state FROM marts.budgets
WHERE state <> 'ok' ORDER BY expected - amount DESC NULLS LAST
"""
[columns]
name = "Name of the budget in the file that ARCADIA_BUDGETS names."
scope = "What it is about: account, or project, tenant, kind or tag with the value: project web."
amount = "US dollars that the month may cost."
used = "US dollars so far, of a closed month in all. Null where no forecast of the open month was made."
expected = "US dollars that the month will come to, of a closed month the same as used. Null as used is."
share = "used as a share of amount."
state = "over: used is above amount. at_risk: expected is. ok. unknown: nothing is known of the month."
complete = "Of the open month true when its forecast rests on whole data; of a closed month true."
*/
WITH last AS (
    SELECT m.account, m.period, m.as_of, m.complete
    FROM marts.billing_months AS m WHERE m.is_last_closed
), month AS (
    SELECT f.account, f.period, f.as_of, f.complete, true AS is_open
    FROM marts.forecast AS f WHERE f.method = 'structure'
    UNION ALL
    SELECT m.account, m.period, m.as_of, m.complete, false FROM last AS m
), asked AS (
    SELECT
        b.name, b.scope, lower(b.scope_value) AS value, b.scope_value, b.amount, month.*
    FROM public.cloud_budgets AS b
    JOIN month ON b.account IS NULL OR b.account = month.account
), part AS (
    SELECT l.account, l.period, r.kind, p.id AS project_id, p.tenant_id, r.tags,
        sum(l.so_far) AS used, sum(l.expected) AS expected
    FROM public.cloud_forecast_lines AS l
    LEFT JOIN public.cloud_resources AS r ON r.id = l.resource_id
    LEFT JOIN public.cloud_projects AS p ON p.id = r.project_id
    GROUP BY l.account, l.period, r.kind, p.id, p.tenant_id, r.tags
    UNION ALL
    SELECT e.account, e.period, e.kind, e.project_id, e.tenant_id, NULL, sum(e.amount), sum(e.amount)
    FROM marts.cost_entries AS e
    JOIN last AS m ON m.account = e.account AND m.period = e.period
    -- As an array, so that the lines of these months alone are looked at.
    WHERE e.period = ANY (ARRAY(SELECT last.period FROM last))
    GROUP BY e.account, e.period, e.kind, e.project_id, e.tenant_id
), tagged AS (
    SELECT t.account, t.period, t.tag_key, t.tag_value, t.amount
    FROM marts.cost_by_tag AS t
    JOIN last AS m ON m.account = t.account AND m.period = t.period
    WHERE t.period = ANY (ARRAY(SELECT last.period FROM last))
      AND EXISTS (SELECT FROM public.cloud_budgets AS b WHERE b.scope = 'tag')
), known AS (
    SELECT a.account, a.name, a.period, sum(part.used) AS used, sum(part.expected) AS expected
    FROM asked AS a
    JOIN part ON part.account = a.account AND part.period = a.period
    LEFT JOIN public.cloud_projects AS p ON p.id = part.project_id
    WHERE CASE a.scope
        WHEN 'account' THEN true
        WHEN 'project' THEN a.value IN (lower(p.name), lower(p.provider_id))
        WHEN 'tenant' THEN a.is_open AND a.scope_value = part.tenant_id
        WHEN 'kind' THEN a.value = part.kind
        ELSE a.is_open AND EXISTS (
            SELECT FROM unnest(part.tags) AS t (tag)
            WHERE a.value IN (lower(t.tag), lower(split_part(t.tag, ':', 1)))
        )
    END
    GROUP BY a.account, a.name, a.period
    UNION ALL
    SELECT a.account, a.name, a.period, sum(t.amount), sum(t.amount)
    FROM asked AS a
    JOIN tagged AS t ON t.account = a.account AND t.period = a.period
    WHERE a.scope = 'tag' AND t.tag_value IS NOT NULL AND t.tag_key = split_part(a.value, ':', 1)
      AND (
        position(':' IN a.value) = 0
        OR substr(a.value, position(':' IN a.value) + 1) = ANY (string_to_array(t.tag_value, ', '))
      )
    GROUP BY a.account, a.name, a.period
    UNION ALL
    -- What a tenant paid is said by the rules of allocation, its share of what is common too.
    SELECT a.account, a.name, a.period, sum(t.amount), sum(t.amount)
    FROM asked AS a
    JOIN marts.cost_by_tenant AS t
        ON t.account = a.account AND t.period = a.period AND t.tenant_id = a.scope_value
    WHERE a.scope = 'tenant' AND NOT a.is_open
    GROUP BY a.account, a.name, a.period
), seen AS (
    SELECT DISTINCT account, period FROM part
)
SELECT
    a.account, a.name, concat_ws(' ', a.scope, a.scope_value) AS scope, a.period, a.amount,
    amounts.used, amounts.expected,
    amounts.used / a.amount AS share,
    CASE
        WHEN amounts.used IS NULL THEN 'unknown'
        WHEN amounts.used > a.amount THEN 'over'
        WHEN amounts.expected > a.amount THEN 'at_risk'
        ELSE 'ok'
    END AS state,
    'USD' AS currency, a.as_of, a.complete
FROM asked AS a
LEFT JOIN seen ON seen.account = a.account AND seen.period = a.period
LEFT JOIN known AS k ON k.account = a.account AND k.name = a.name AND k.period = a.period
CROSS JOIN LATERAL (
    -- A month of which lines are known and none of this scope has cost nothing in it.
    SELECT
        CASE WHEN seen.account IS NOT NULL THEN coalesce(k.used, 0) END AS used,
        CASE WHEN seen.account IS NOT NULL THEN coalesce(k.expected, 0) END AS expected
) AS amounts
