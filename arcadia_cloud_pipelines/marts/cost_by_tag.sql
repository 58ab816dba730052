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
WITH known AS (
    -- The keys that an account has used: in a month without one, all is untagged.
    SELECT DISTINCT used.account, split_part(lower(tag.tag), ':', 1) AS key
    FROM (
        SELECT DISTINCT r.account, e.changes -> 'tags' -> 'to' AS tags
        FROM public.cloud_resource_events AS e
        JOIN public.cloud_resources AS r ON r.id = e.resource_id
        JOIN marts.kinds AS k ON k.kind = r.kind AND k.is_taggable
        WHERE e.changes ? 'tags' AND e.event <> 'drift_detected'
    ) AS used
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(used.tags) WHEN 'array' THEN used.tags END
    ) AS tag (tag)
)
SELECT
    side.account,
    side.period,
    side.key AS tag_key,
    side.value AS tag_value,
    sum(side.lines) AS lines,
    sum(side.amount) AS amount,
    'USD' AS currency,
    m.as_of,
    m.complete
FROM (
    SELECT tagged.account, tagged.period, known.key, own.value, tagged.lines, tagged.amount
    FROM (
        -- By the set of tags first: there are few of them, and many lines.
        SELECT l.account, l.period, span.tags, count(*) AS lines, sum(l.amount) AS amount
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
        GROUP BY l.account, l.period, span.tags
    ) AS tagged
    JOIN known ON known.account = tagged.account
    CROSS JOIN LATERAL (
        SELECT string_agg(
            DISTINCT substr(lower(t.tag), length(split_part(t.tag, ':', 1)) + 2), ', '
        ) AS value
        FROM jsonb_array_elements_text(
            CASE jsonb_typeof(tagged.tags) WHEN 'array' THEN tagged.tags END
        ) AS t (tag)
        WHERE split_part(lower(t.tag), ':', 1) = known.key
    ) AS own
) AS side
JOIN marts.billing_months AS m ON m.account = side.account AND m.period = side.period
GROUP BY side.account, side.period, side.key, side.value, m.as_of, m.complete
