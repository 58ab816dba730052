/*
comment = """
How fresh and how complete is each source? One row an account and source: every kind of resource,
project, and the sources that are no kind: balance, invoice_list, invoice_lines, open_month,
daily_costs, prepayment, forecast, terraform_specs and drift, of which the newest good attempt alone
is kept. What as_of and complete of all other views
rest on.
"""
grain = ["account", "source"]
example = """
SELECT source, as_of, complete, error FROM marts.freshness WHERE is_late OR NOT complete ORDER BY as_of
"""
[columns]
source = "Kind of resource as cloud_resources.kind spells it, project, or a source that is no kind."
source_group = "inventory, billing or drift: the group of its asset."
as_of = "When the newest complete listing began. Null when there never was one."
complete = "True when the newest attempt was read whole and nothing in it was implausible."
last_attempt_at = "When the newest attempt began, good or not."
available = "False when the newest attempt was answered with 403, or with 404 for a feature never used."
rows_seen = "Things that the newest attempt listed. Null when it failed, and for sources that are no kind."
error = "Why the newest attempt failed or was not complete. Null when all is well."
late_after = "Age from which the source is late: three times its schedule's interval."
is_late = "True when as_of is older than late_after, in the future, or missing."
*/
WITH RECURSIVE known (account) AS (
    -- Each account that was ever synced once, by one look into the index for each.
    (
        SELECT r.account FROM public.cloud_sync_runs AS r
        WHERE r.account IS NOT NULL ORDER BY r.account LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT r.account FROM public.cloud_sync_runs AS r
        WHERE r.account > k.account ORDER BY r.account LIMIT 1
    )
    FROM known AS k WHERE k.account IS NOT NULL
), account AS (
    SELECT k.account FROM known AS k WHERE k.account IS NOT NULL
    UNION SELECT p.account FROM public.cloud_projects AS p
    UNION SELECT i.account FROM public.cloud_invoices AS i
), other AS (
    -- Sources that leave no row in cloud_sync_runs: their own tables say when they were read.
    SELECT b.account, 'balance' AS source, max(b.captured_at) AS as_of, true AS complete,
        CAST(NULL AS text) AS error
    FROM public.cloud_balance_snapshots AS b GROUP BY b.account
    UNION ALL
    SELECT l.account, 'invoice_list', l.read_at, l.complete, l.problem
    FROM public.cloud_invoice_lists AS l
    UNION ALL
    SELECT i.account, 'invoice_lines', max(i.ingested_at),
        bool_and(i.ingest_status = 'ingested'), max(i.last_error)
    FROM public.cloud_invoices AS i GROUP BY i.account
    UNION ALL
    SELECT m.account, 'open_month', m.read_at, m.note IS NULL, m.note
    FROM public.cloud_open_months AS m
    UNION ALL
    SELECT d.account, 'daily_costs', max(d.last_read_at), true, NULL
    FROM public.cloud_cost_days AS d GROUP BY d.account
    UNION ALL
    SELECT p.account, 'prepayment', max(p.last_read_at), true, NULL
    FROM public.cloud_prepayments AS p GROUP BY p.account
    UNION ALL
    SELECT f.account, 'forecast', f.made_at, f.complete, f.note
    FROM marts.forecast AS f WHERE f.method = 'structure'
    UNION ALL
    -- States of Terraform belong to no account: the oldest of those that are configured counts.
    SELECT account.account, 'terraform_specs', state.as_of, state.complete, state.problem
    FROM (
        SELECT min(t.read_at) AS as_of, bool_and(t.status = 'ok') AS complete,
            string_agg(t.problem, ' ' ORDER BY t.path) AS problem
        FROM public.cloud_provisioned_sources AS t WHERE t.configured
        HAVING count(*) > 0
    ) AS state
    CROSS JOIN account
    UNION ALL
    -- One detection run looks at every account, and says which kinds of which it left out.
    SELECT account.account, 'drift', run.started_at, skipped.kinds IS NULL,
        'left out: ' || skipped.kinds
    FROM (
        SELECT s.started_at, s.kinds_skipped FROM public.cloud_drift_sweeps AS s
        ORDER BY s.started_at DESC LIMIT 1
    ) AS run
    CROSS JOIN account
    CROSS JOIN LATERAL (
        SELECT string_agg(split_part(k.name, '/', 2), ', ' ORDER BY k.name) AS kinds
        FROM jsonb_object_keys(run.kinds_skipped) AS k (name)
        WHERE split_part(k.name, '/', 1) = account.account
    ) AS skipped
), source (source) AS (
    (SELECT s.kind FROM public.cloud_sync_runs AS s ORDER BY s.kind LIMIT 1)
    UNION ALL
    SELECT (
        SELECT s.kind FROM public.cloud_sync_runs AS s WHERE s.kind > l.source ORDER BY s.kind LIMIT 1
    )
    FROM source AS l WHERE l.source IS NOT NULL
)
SELECT
    account.account,
    source.source,
    grouped.source_group,
    whole.started_at AS as_of,
    newest.complete AND NOT newest.implausible AS complete,
    newest.started_at AS last_attempt_at,
    newest.available,
    newest.rows_seen,
    newest.error,
    grouped.late_after,
    whole.started_at IS NULL
        OR now() - whole.started_at NOT BETWEEN interval '-1 minute' AND grouped.late_after AS is_late
FROM source
CROSS JOIN account
CROSS JOIN LATERAL (
    -- An attempt that failed before it knew its account counts for every account.
    SELECT s.* FROM public.cloud_sync_runs AS s
    WHERE s.kind = source.source AND (s.account = account.account OR s.account IS NULL)
    ORDER BY s.started_at DESC LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT s.started_at FROM public.cloud_sync_runs AS s
    WHERE s.kind = source.source AND s.account = account.account AND s.complete AND s.available
    ORDER BY s.started_at DESC LIMIT 1
) AS whole ON true
LEFT JOIN marts.sources AS known ON known.source = source.source
CROSS JOIN LATERAL (
    -- A kind of another release is no source of this one.
    SELECT coalesce(known.source_group, 'inventory') AS source_group,
        coalesce(known.late_after, interval '3 hours') AS late_after
) AS grouped
WHERE source.source IS NOT NULL
UNION ALL
SELECT
    o.account, o.source, known.source_group, o.as_of, o.complete, o.as_of, true, NULL, o.error,
    known.late_after,
    o.as_of IS NULL OR now() - o.as_of NOT BETWEEN interval '-1 minute' AND known.late_after
FROM other AS o
JOIN marts.sources AS known ON known.source = o.source
