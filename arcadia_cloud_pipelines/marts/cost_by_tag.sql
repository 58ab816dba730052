/*
comment = """
What did a tag cost, as it was at the time? One row an account, month, tag key and value. A tag
`env:prod` has the key env and the value prod; a tag without a colon is a key without a value. Per
key, values and untagged add up to all lines of resources that can carry tags.
"""
grain = ["account", "period", "tag_key", "tag_value"]
example = """
SELECT tag_value, amount FROM marts.cost_by_tag
WHERE tag_key = 'env' AND period = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY amount DESC
"""
[columns]
tag_key = "What stands before the first colon of the tag, in lower case."
tag_value = "What stands after it, in lower case; empty for a tag without a colon. A resource with several values of one key counts once, under all of them in order: blue, green. Null: resources without the key."
lines = "Number of invoice lines."
*/
WITH line AS (
    SELECT
        l.account, l.period, l.amount, span.tags
    FROM public.cloud_cost_lines AS l
    JOIN public.cloud_resources AS r ON r.id = l.resource_id
    JOIN marts.kinds AS k ON k.kind = r.kind AND k.is_taggable
    LEFT JOIN marts.tag_spans AS span
        ON span.resource_id = l.resource_id
        AND (span.valid_from IS NULL OR span.valid_from <=
            coalesce(l.ended_at, (l.period + interval '1 month') AT TIME ZONE 'UTC')
                - interval '1 second')
        AND (span.valid_to IS NULL OR span.valid_to >
            coalesce(l.ended_at, (l.period + interval '1 month') AT TIME ZONE 'UTC')
                - interval '1 second')
), total AS (
    SELECT account, period, count(*) AS lines, sum(amount) AS amount
    FROM line GROUP BY account, period
), tagged AS (
    -- By the set of tags first: there are few of them, and many lines.
    SELECT s.account, s.period, tag.key, tag.value, sum(s.lines) AS lines, sum(s.amount) AS amount
    FROM (
        SELECT account, period, tags, count(*) AS lines, sum(amount) AS amount
        FROM line WHERE jsonb_typeof(tags) = 'array' GROUP BY account, period, tags
    ) AS s
    CROSS JOIN LATERAL (
        SELECT
            split_part(lower(t.tag), ':', 1) AS key,
            string_agg(
                DISTINCT substr(lower(t.tag), length(split_part(t.tag, ':', 1)) + 2), ', '
            ) AS value
        FROM jsonb_array_elements_text(s.tags) AS t (tag)
        GROUP BY 1
    ) AS tag
    GROUP BY s.account, s.period, tag.key, tag.value
), side AS (
    SELECT account, period, key, value, lines, amount FROM tagged
    UNION ALL
    SELECT
        t.account, t.period, k.key, NULL,
        t.lines - coalesce(sum(g.lines), 0), t.amount - coalesce(sum(g.amount), 0)
    FROM total AS t
    JOIN (SELECT DISTINCT account, key FROM tagged) AS k ON k.account = t.account
    LEFT JOIN tagged AS g
        ON g.account = t.account AND g.period = t.period AND g.key = k.key
    GROUP BY t.account, t.period, k.key, t.lines, t.amount
)
SELECT
    side.account,
    side.period,
    side.key AS tag_key,
    side.value AS tag_value,
    side.lines,
    side.amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM side
JOIN marts.billing_months AS m ON m.account = side.account AND m.period = side.period
WHERE side.lines > 0
