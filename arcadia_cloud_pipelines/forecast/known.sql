-- The statements of known.py, in the order in which it runs them.

-- name: create_source
-- The lines of the months that are asked for, each with how it goes on.
CREATE TEMP TABLE forecast_source (
    account text NOT NULL,
    period date NOT NULL,
    class text NOT NULL,
    ident text,
    resource_id bigint,
    product text,
    description text,
    -- What a backup is of: the id of its droplet, else the name before the brackets of both texts.
    host text GENERATED ALWAYS AS (
        coalesce(ident, 'named ' || regexp_replace(description, '\s*\([^()]*\)\s*$', ''))
    ) STORED,
    seen_at timestamptz,
    begun_at timestamptz,
    ended_at timestamptz,
    amount numeric NOT NULL
) ON COMMIT DROP;

-- name: create_lines
-- What was known of the month then: the use until the cut. A line that goes on has no end.
CREATE TEMP TABLE forecast_lines (
    account text NOT NULL,
    period date NOT NULL,
    day integer NOT NULL,
    class text NOT NULL,
    ident text,
    resource_id bigint,
    product text,
    description text,
    -- What is the same thing in two months.
    key text GENERATED ALWAYS AS (
        coalesce(ident, '') || E'\n' || coalesce(product, '') || E'\n' || coalesce(description, '')
    ) STORED,
    -- As in forecast_source.
    host text GENERATED ALWAYS AS (
        coalesce(ident, 'named ' || regexp_replace(description, '\s*\([^()]*\)\s*$', ''))
    ) STORED,
    begun_at timestamptz,
    ended_at timestamptz,
    amount numeric NOT NULL
) ON COMMIT DROP;

-- name: add_billed_source
INSERT INTO forecast_source (
    account, period, class, ident, resource_id, product, description, seen_at, begun_at, ended_at,
    amount
)
SELECT
    l.account, l.period, cloud_charge_class(l.product, l.description),
    coalesce(l.resource_key, l.resource_id::text, l.group_description), l.resource_id, l.product,
    l.description, l.started_at, greatest(l.started_at, c.month_begin),
    coalesce(l.ended_at, c.month_end), l.amount
FROM (SELECT DISTINCT account, period, month_begin, month_end FROM forecast_cuts) AS c
JOIN cloud_cost_lines AS l ON l.account = c.account AND l.period = c.period;

-- name: add_open_source
INSERT INTO forecast_source (
    account, period, class, ident, resource_id, product, description, seen_at, begun_at, ended_at,
    amount
)
SELECT
    l.account, l.period, cloud_charge_class(l.product, l.description),
    coalesce(l.resource_key, l.resource_id::text, l.group_description), l.resource_id, l.product,
    l.description, l.started_at, coalesce(l.started_at, c.month_begin),
    coalesce(l.ended_at, c.month_end), l.amount
FROM forecast_cuts AS c
JOIN cloud_open_month_lines AS l ON l.account = c.account AND l.period = c.period;

-- name: analyze_source
ANALYZE forecast_cuts, forecast_source;

-- name: join_by_hash
-- All of these sets are read whole. The planner takes several equal columns for a few rows and would
-- compare each with each, which is minutes for a month of thousands of lines.
SET LOCAL enable_nestloop = off;

-- name: time_backups
-- Backups go with their droplet: their own times are those of the first and the last one.
UPDATE forecast_source AS s
SET begun_at = host.begun_at, ended_at = host.ended_at
FROM (
    SELECT account, period, host, min(begun_at) AS begun_at, max(ended_at) AS ended_at
    FROM forecast_source WHERE class IN ('run', 'gpu') AND host IS NOT NULL
    GROUP BY account, period, host
) AS host
WHERE s.class = 'backup' AND (host.account, host.period, host.host) = (s.account, s.period, s.host);

-- name: add_past_lines
-- The lines of a closed month, cut at an instant. The rate of a line was known then, and so was
-- that it ran; when it would end was not. Of use that is counted (class counted) the days tell.
INSERT INTO forecast_lines (
    account, period, day, class, ident, product, description, begun_at, ended_at, amount
)
WITH span AS (
    SELECT DISTINCT account, period, ident, product, begun_at, ended_at FROM forecast_source
    WHERE class IN ('run', 'gpu') AND ident IS NOT NULL
), earlier AS (
    -- Of the month's 672 hours, those that the resource has used before, under another size.
    SELECT s.account, s.period, s.ident, s.product, s.begun_at,
        sum(extract(epoch FROM e.ended_at - e.begun_at)) AS seconds
    FROM (SELECT DISTINCT account, period, ident, product, begun_at FROM span) AS s
    JOIN span AS e
        ON (e.account, e.period, e.ident, e.product) = (s.account, s.period, s.ident, s.product)
        AND e.ended_at <= s.begun_at + interval '1 minute'
    GROUP BY s.account, s.period, s.ident, s.product, s.begun_at
), used AS (
    SELECT
        c.account, c.period, c.day, t.class, t.ident, t.product, t.description, t.begun_at,
        CASE WHEN t.ended_at < c.at THEN t.ended_at END AS ended_at,
        t.amount * CASE
            WHEN t.class NOT IN ('run', 'gpu', 'backup') THEN 1
            ELSE least(extract(epoch FROM least(c.at, t.ended_at) - t.begun_at), cap.seconds)
                / greatest(1, least(extract(epoch FROM t.ended_at - t.begun_at), cap.seconds))
        END AS amount
    FROM forecast_cuts AS c
    JOIN forecast_source AS t USING (account, period)
    LEFT JOIN earlier AS e
        ON t.class IN ('run', 'gpu')
        AND (e.account, e.period, e.ident, e.product, e.begun_at)
            = (t.account, t.period, t.ident, t.product, t.begun_at)
    CROSS JOIN LATERAL (
        SELECT greatest(0, 2419200 - coalesce(e.seconds, 0)) AS seconds
    ) AS cap
    WHERE t.seen_at < c.at AND t.class <> 'counted'
), whole AS (
    SELECT account, period,
        sum(amount) FILTER (WHERE class NOT IN ('tax', 'credit')) AS charges,
        sum(amount) FILTER (WHERE class <> 'tax') AS taxable
    FROM forecast_source GROUP BY account, period
), counted AS (
    SELECT c.account, c.period, c.day, c.month_begin, d.product, sum(d.amount) AS amount
    FROM forecast_cuts AS c
    JOIN cloud_daily_costs AS d
        ON d.account = c.account AND d.day >= c.period
        AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= c.at
    WHERE cloud_charge_class(d.product, d.description) = 'counted'
    GROUP BY c.account, c.period, c.day, c.month_begin, d.product
), discounted AS (
    -- Percentages grow with the use, and what is counted is use.
    SELECT u.*, coalesce(n.amount, 0) AS counted, (
            coalesce(sum(u.amount) FILTER (WHERE u.class NOT IN ('tax', 'credit')) OVER cut, 0)
            + coalesce(n.amount, 0)
        ) / nullif(w.charges, 0) AS used_share, w.taxable
    FROM used AS u
    JOIN whole AS w USING (account, period)
    LEFT JOIN (
        SELECT account, period, day, sum(amount) AS amount FROM counted GROUP BY account, period, day
    ) AS n USING (account, period, day)
    WINDOW cut AS (PARTITION BY u.account, u.period, u.day)
), taxed AS (
    SELECT d.*, CASE
        WHEN d.class = 'credit' AND d.description ~ '\d ?%' THEN d.amount * coalesce(d.used_share, 1)
        ELSE d.amount
    END AS grown
    FROM discounted AS d
)
SELECT
    t.account, t.period, t.day, t.class, t.ident, t.product, t.description, t.begun_at, t.ended_at,
    CASE
        WHEN t.class = 'tax' THEN t.amount / nullif(t.taxable, 0)
            -- Nothing but the tax: no use has begun yet.
            * (t.counted + coalesce(sum(t.grown) FILTER (WHERE t.class <> 'tax')
                OVER (PARTITION BY t.account, t.period, t.day), 0))
        ELSE t.grown
    END
FROM taxed AS t
WHERE t.class <> 'tax' OR t.taxable > 0
UNION ALL
SELECT
    n.account, n.period, n.day, 'counted', NULL, n.product, NULL, n.month_begin, NULL, n.amount
FROM counted AS n;

-- name: add_open_lines
-- The month that is open, as the preview has it, and what was invoiced within it already. A line
-- goes on when it ends where the preview does, nothing of the same thing follows it, and its
-- resource is there. The end is a date in some previews, so a day is allowed for.
INSERT INTO forecast_lines (
    account, period, day, class, ident, resource_id, product, description, begun_at, ended_at, amount
)
WITH timed AS (
    SELECT s.*, c.day, c.at FROM forecast_source AS s JOIN forecast_cuts AS c USING (account, period)
), newest AS (
    SELECT account, ident, product, max(begun_at) AS begun_at
    FROM timed WHERE ident IS NOT NULL AND class <> 'backup'
    GROUP BY account, ident, product
)
SELECT
    t.account, t.period, t.day, t.class, t.ident, t.resource_id, t.product, t.description,
    t.begun_at,
    CASE
        WHEN t.ended_at < t.at - interval '1 day' THEN t.ended_at
        WHEN n.begun_at >= t.ended_at - interval '1 minute' AND n.begun_at > t.begun_at
            THEN t.ended_at
        WHEN r.deleted_at IS NOT NULL THEN least(t.ended_at, greatest(t.begun_at, r.deleted_at))
    END,
    t.amount
FROM timed AS t
LEFT JOIN newest AS n ON (n.account, n.ident, n.product) = (t.account, t.ident, t.product)
LEFT JOIN cloud_resources AS r ON r.id = t.resource_id;

-- name: mark_cuts
UPDATE forecast_cuts AS c SET has_lines = true
WHERE (c.account, c.period, c.day) IN (
    SELECT l.account, l.period, l.day FROM forecast_lines AS l WHERE l.class = 'run'
);

-- name: analyze_lines
ANALYZE forecast_cuts, forecast_lines;
