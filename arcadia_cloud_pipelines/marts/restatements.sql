/*
comment = """
Which lines of an invoice came, went or changed after it was read? One row a correction and line that
differs, the largest difference first; a correction of the amount alone has one row without a line.
Beyond 5,000 lines the rest is one row, further. The differences of a correction add up to what its
lines' sum moved by.
"""
grain = ["revision_id", "position"]
example = """
SELECT noticed_at, invoice_uuid, change, description, was, "is", difference FROM marts.restatements
ORDER BY noticed_at DESC, position LIMIT 50
"""
[columns]
revision_id = "The correction: cloud_invoice_revisions.id."
position = "1, 2, … from the largest difference to the smallest. 0 for a correction without lines."
invoice_uuid = "DigitalOcean's identity of the invoice."
invoice_id = "The number printed on the invoice."
noticed_at = "When the other lines were stored."
change = "came, went or changed; amount where the invoice's amount alone changed; further for the rest of a long list."
product = "Product family, as the invoice names it. Null where change is amount or further."
group_description = "Name of the cluster that grouped usage belongs to."
description = "The line's text."
started_at = "Begin of the usage billed. Null for corrections that were noticed before this was kept."
was = "US dollars before. Null for a line that came."
is = "US dollars since. Null for a line that went."
difference = "US dollars: is less was, with nothing as 0. Of amount, 0: no line moved."
fields = "What else changed in a line, as JSON: hours, ended_at, project_name, category, each with from and to. Null where change is not changed."
invoice_was = "US dollars, the invoice's amount before. Null if it was not kept then."
invoice_is = "US dollars, the invoice's amount since."
as_of = "When the correction was noticed."
complete = "False where lines of the correction are not listed one by one."
*/
WITH line AS (
    SELECT
        r.id AS revision_id, d.position,
        CASE WHEN d.line ->> 'from' IS NULL THEN 'came' WHEN d.line ->> 'to' IS NULL THEN 'went'
            ELSE 'changed' END AS change,
        d.line ->> 'product' AS product,
        d.line ->> 'group_description' AS group_description,
        d.line ->> 'description' AS description,
        CAST(d.line ->> 'started_at' AS timestamptz) AS started_at,
        CAST(d.line ->> 'from' AS numeric) AS was,
        CAST(d.line ->> 'to' AS numeric) AS "is",
        CASE WHEN d.line ->> 'from' IS NOT NULL AND d.line ->> 'to' IS NOT NULL
            THEN nullif(d.line -> 'fields', 'null') END AS fields
    FROM public.cloud_invoice_revisions AS r
    CROSS JOIN LATERAL jsonb_array_elements(r.details) WITH ORDINALITY AS d (line, position)
), listed AS (
    SELECT line.revision_id, count(*) AS lines,
        sum(coalesce(line."is", 0) - coalesce(line.was, 0)) AS difference
    FROM line GROUP BY line.revision_id
), revision AS (
    SELECT
        r.*, coalesce(l.lines, 0) AS listed,
        r.lines_added + r.lines_removed + r.lines_changed AS lines,
        r.amount_added - r.amount_removed + r.amount_changed - coalesce(l.difference, 0) AS rest
    FROM public.cloud_invoice_revisions AS r
    LEFT JOIN listed AS l ON l.revision_id = r.id
), shown AS (
    SELECT
        line.revision_id, line.position, line.change, line.product, line.group_description,
        line.description, line.started_at, line.was, line."is",
        coalesce(line."is", 0) - coalesce(line.was, 0) AS difference, line.fields
    FROM line
    UNION ALL
    SELECT r.id, r.listed + 1, 'further', NULL, NULL, NULL, NULL, NULL, NULL, r.rest, NULL
    FROM revision AS r WHERE r.lines > r.listed
    UNION ALL
    SELECT r.id, 0, 'amount', NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL
    FROM revision AS r WHERE r.lines = 0
)
SELECT
    r.account, s.revision_id, s.position, i.invoice_uuid, i.invoice_id, i.period, r.noticed_at,
    s.change, s.product, s.group_description, s.description, s.started_at, s.was, s."is",
    s.difference, s.fields, r.old_amount AS invoice_was, r.new_amount AS invoice_is,
    'USD' AS currency, r.noticed_at AS as_of, r.lines = r.listed AS complete
FROM shown AS s
JOIN revision AS r ON r.id = s.revision_id
JOIN public.cloud_invoices AS i ON i.id = r.invoice_id
