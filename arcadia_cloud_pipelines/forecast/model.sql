-- The statements of model.py, in the order in which it runs them.

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('arcadia.forecast', 0));


-- name: create_cuts
-- What is asked: the month of each account as it stood at one instant.
CREATE TEMP TABLE forecast_cuts (
    account text NOT NULL,
    period date NOT NULL,
    day integer NOT NULL,
    at timestamptz NOT NULL,
    month_begin timestamptz NOT NULL,
    month_end timestamptz NOT NULL,
    has_lines boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account, period, day)
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
    begun_at timestamptz,
    ended_at timestamptz,
    amount numeric NOT NULL
) ON COMMIT DROP;

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
    seen_at timestamptz,
    begun_at timestamptz,
    ended_at timestamptz,
    amount numeric NOT NULL
) ON COMMIT DROP;

-- name: add_billed_source
INSERT INTO forecast_source
SELECT
    l.account, l.period, cloud_charge_class(l.product, l.description),
    coalesce(l.resource_key, l.resource_id::text, l.group_description), l.resource_id, l.product,
    l.description, l.started_at, greatest(l.started_at, c.month_begin),
    coalesce(l.ended_at, c.month_end), l.amount
FROM (SELECT DISTINCT account, period, month_begin, month_end FROM forecast_cuts) AS c
JOIN cloud_cost_lines AS l ON l.account = c.account AND l.period = c.period;

-- name: add_open_source
INSERT INTO forecast_source
SELECT
    l.account, l.period, cloud_charge_class(l.product, l.description),
    coalesce(l.resource_key, l.resource_id::text, l.group_description), l.resource_id, l.product,
    l.description, l.started_at, coalesce(l.started_at, c.month_begin),
    coalesce(l.ended_at, c.month_end), l.amount
FROM forecast_cuts AS c
JOIN cloud_open_month_lines AS l ON l.account = c.account AND l.period = c.period;

-- name: analyze_source
ANALYZE forecast_cuts, forecast_source;

-- name: time_backups
-- Backups go with their droplet: their own times are those of the first and the last one.
UPDATE forecast_source AS s
SET begun_at = host.begun_at, ended_at = host.ended_at
FROM (
    SELECT account, period, ident, min(begun_at) AS begun_at, max(ended_at) AS ended_at
    FROM forecast_source WHERE class IN ('run', 'gpu') AND ident IS NOT NULL
    GROUP BY account, period, ident
) AS host
WHERE s.class = 'backup' AND (host.account, host.period, host.ident) = (s.account, s.period, s.ident);

-- name: add_past_lines
-- The lines of a closed month, cut at an instant. The rate of a line was known then, and so was
-- that it ran; when it would end was not. Of use that is counted (class counted) the days tell.
INSERT INTO forecast_lines (
    account, period, day, class, ident, product, description, begun_at, ended_at, amount
)
WITH used AS (
    SELECT
        c.account, c.period, c.day, t.class, t.ident, t.product, t.description, t.begun_at,
        CASE WHEN t.ended_at < c.at THEN t.ended_at END AS ended_at,
        t.amount * CASE
            WHEN t.class NOT IN ('run', 'gpu', 'backup') THEN 1
            ELSE least(extract(epoch FROM least(c.at, t.ended_at) - t.begun_at), 2419200)
                / greatest(1, least(extract(epoch FROM t.ended_at - t.begun_at), 2419200))
        END AS amount
    FROM forecast_cuts AS c
    JOIN forecast_source AS t USING (account, period)
    WHERE t.seen_at < c.at AND t.class <> 'counted'
), whole AS (
    SELECT account, period,
        sum(amount) FILTER (WHERE class NOT IN ('tax', 'credit')) AS charges,
        sum(amount) FILTER (WHERE class <> 'tax') AS taxable
    FROM forecast_source GROUP BY account, period
), discounted AS (
    -- Percentages grow with the use.
    SELECT u.*, sum(u.amount) FILTER (WHERE u.class NOT IN ('tax', 'credit')) OVER cut
        / nullif(w.charges, 0) AS used_share, w.taxable
    FROM used AS u JOIN whole AS w USING (account, period)
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
            * sum(t.grown) FILTER (WHERE t.class <> 'tax')
                OVER (PARTITION BY t.account, t.period, t.day)
        ELSE t.grown
    END
FROM taxed AS t
WHERE t.class <> 'tax' OR t.taxable > 0
UNION ALL
SELECT
    c.account, c.period, c.day, 'counted', NULL, d.product, NULL, c.month_begin, NULL,
    sum(d.amount)
FROM forecast_cuts AS c
JOIN cloud_daily_costs AS d
    ON d.account = c.account AND d.day >= c.period AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= c.at
WHERE cloud_charge_class(d.product, d.description) = 'counted'
GROUP BY c.account, c.period, c.day, d.product, c.month_begin;

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

-- name: create_months
-- Of the months before: what was counted, and what was taxed.
CREATE TEMP TABLE forecast_months ON COMMIT DROP AS
SELECT account, period,
    coalesce(sum(amount) FILTER (WHERE class = 'counted'), 0) AS counted,
    coalesce(sum(amount) FILTER (WHERE class = 'tax'), 0)
        / nullif(sum(amount) FILTER (WHERE class <> 'tax'), 0) AS tax_rate
FROM (
    SELECT l.account, l.period, l.amount, cloud_charge_class(l.product, l.description) AS class
    FROM (
        SELECT DISTINCT c.account, (c.period - make_interval(months => back))::date AS period
        FROM forecast_cuts AS c CROSS JOIN generate_series(1, 3) AS back
    ) AS m
    JOIN cloud_cost_lines AS l USING (account, period)
) AS line
GROUP BY account, period;

-- name: create_before
-- The month before each, as its invoices have it: what a line costs that runs a whole month.
CREATE TEMP TABLE forecast_before ON COMMIT DROP AS
WITH line AS MATERIALIZED (
    SELECT
        l.account, c.period, l.amount, l.product, l.description,
        cloud_charge_class(l.product, l.description) AS class,
        coalesce(l.resource_key, l.resource_id::text, l.group_description) AS ident,
        l.resource_id,
        extract(epoch FROM l.ended_at - l.started_at) / 3600 AS hours,
        coalesce(
            l.ended_at >= c.period::timestamp AT TIME ZONE 'UTC' - interval '1 hour', true
        ) AS runs_on
    FROM (SELECT DISTINCT account, period FROM forecast_cuts) AS c
    JOIN cloud_cost_lines AS l
        ON l.account = c.account AND l.period = (c.period - interval '1 month')::date
), host AS (
    SELECT account, period, ident, bool_or(runs_on) AS runs_on, max(hours) AS hours
    FROM line WHERE class IN ('run', 'gpu') AND ident IS NOT NULL
    GROUP BY account, period, ident
)
SELECT
    l.account, l.period, l.class, l.ident, l.product, l.description,
    coalesce(l.ident, '') || E'\n' || coalesce(l.product, '') || E'\n'
        || coalesce(l.description, '') AS key,
    max(l.resource_id) AS resource_id,
    sum(l.amount) AS amount,
    sum(CASE WHEN l.class IN ('run', 'gpu') AND l.hours >= 1
        THEN l.amount * 672 / least(l.hours, 672) ELSE l.amount END) AS about_monthly,
    sum(CASE
        WHEN l.class IN ('run', 'gpu') AND l.hours < 96 THEN NULL
        WHEN l.class IN ('run', 'gpu') THEN l.amount * 672 / least(l.hours, 672)
        WHEN l.class = 'backup' AND h.hours < 672 THEN NULL
        ELSE l.amount
    END) AS monthly
FROM line AS l
LEFT JOIN host AS h
    ON l.class = 'backup' AND (h.account, h.period, h.ident) = (l.account, l.period, l.ident)
WHERE CASE WHEN l.class = 'backup' THEN coalesce(h.runs_on, false) ELSE l.runs_on END
GROUP BY l.account, l.period, l.class, l.ident, l.product, l.description;

-- name: analyze_before
ANALYZE forecast_before;

-- name: join_by_hash
-- All of these sets are read whole. The planner takes several equal columns for a few rows and would
-- compare each with each, which is minutes for a month of thousands of lines.
SET LOCAL enable_nestloop = off;

-- name: create_projected
-- Each thing of the month at its end. A month is 672 hours at most: a resource that was resized
-- has used some of them under its other size.
CREATE TEMP TABLE forecast_projected ON COMMIT DROP AS
WITH line AS (
    SELECT
        l.account, l.period, l.day, l.class, l.ident, l.product, l.description, l.key,
        l.ended_at IS NULL AS runs,
        min(l.begun_at) AS begun_at, max(l.resource_id) AS resource_id, sum(l.amount) AS amount
    FROM forecast_lines AS l
    WHERE l.class NOT IN ('tax', 'credit')
    GROUP BY
        l.account, l.period, l.day, l.class, l.ident, l.product, l.description, l.key,
        l.ended_at IS NULL
), earlier AS (
    SELECT account, period, day, ident, product, begun_at, ended_at,
        extract(epoch FROM ended_at - begun_at) / 3600 AS hours
    FROM (
        SELECT DISTINCT account, period, day, ident, product, begun_at, ended_at
        FROM forecast_lines
        WHERE class IN ('run', 'gpu', 'backup') AND ended_at IS NOT NULL AND ident IS NOT NULL
    ) AS span
), used AS (
    SELECT l.account, l.period, l.day, l.class, l.key, sum(e.hours) AS hours
    FROM line AS l
    JOIN earlier AS e
        ON (e.account, e.period, e.day, e.ident, e.product)
            = (l.account, l.period, l.day, l.ident, l.product)
        AND e.ended_at <= l.begun_at + interval '1 minute'
    WHERE l.runs
    GROUP BY l.account, l.period, l.day, l.class, l.key
), plan AS (
    -- What a plan cost last month, for what is too young to have cost anything.
    SELECT account, period, product, slug, min(monthly) AS monthly
    FROM (
        SELECT b.*, substring(description FROM '\(([a-z0-9][a-z0-9._-]*)\)\s*$') AS slug
        FROM forecast_before AS b WHERE b.class IN ('run', 'gpu')
    ) AS named
    WHERE slug IS NOT NULL AND monthly IS NOT NULL
    GROUP BY account, period, product, slug
), known AS (
    SELECT
        l.*, b.amount AS before,
        coalesce(b.monthly, plan.monthly) AS monthly,
        extract(epoch FROM c.at - l.begun_at) / 3600 AS lived,
        extract(epoch FROM c.month_end - l.begun_at) / 3600 AS would_live,
        greatest(0, 672 - coalesce(used.hours, 0)) AS cap,
        c.at, c.month_end
    FROM line AS l
    JOIN forecast_cuts AS c USING (account, period, day)
    LEFT JOIN forecast_before AS b
        ON (b.account, b.period, b.class, b.key) = (l.account, l.period, l.class, l.key)
    LEFT JOIN plan
        ON (plan.account, plan.period, plan.product) = (l.account, l.period, l.product)
        AND plan.slug = substring(l.description FROM '\(([a-z0-9][a-z0-9._-]*)\)\s*$')
    LEFT JOIN used ON (used.account, used.period, used.day, used.class, used.key)
        = (l.account, l.period, l.day, l.class, l.key) AND l.runs
)
SELECT
    k.account, k.period, k.day, k.class, k.ident, k.resource_id, k.key, k.runs, k.begun_at,
    k.amount AS so_far, k.before, k.lived,
    least(k.would_live, k.cap) - least(k.lived, k.cap) AS rest,
    CASE
        WHEN NOT k.runs OR k.class IN ('fee', 'counted') THEN k.amount
        -- A fee looks like any other line, but is there from the first day as a whole.
        WHEN k.before IS NOT NULL AND abs(k.amount - k.before) <= 0.01
            AND k.lived < 600 THEN k.before
        WHEN k.monthly IS NOT NULL
            AND abs(k.amount - k.monthly * least(k.lived, k.cap) / 672)
                <= 0.02 + 0.02 * abs(k.amount)
            THEN k.monthly * least(k.would_live, k.cap) / 672
        WHEN k.lived > 0 AND k.cap > 0
            THEN k.amount * least(k.would_live, k.cap) / least(k.lived, k.cap)
        ELSE k.amount
    END AS whole
FROM known AS k;

-- name: shorten_gpu
-- GPU droplets are often made for some hours. One younger than three days lasts as those of the last
-- year did: some go on, the others end at the mean age of the short ones.
UPDATE forecast_projected AS p
SET whole = p.so_far + (p.whole - p.so_far) * least(1, life.long_share + (1 - life.long_share)
    * greatest(0, life.short_hours - p.lived) / nullif(p.rest, 0))
FROM (
    SELECT
        account, period,
        avg(CAST(hours >= 72 AS integer)) AS long_share,
        coalesce(avg(hours) FILTER (WHERE hours < 72), 0) AS short_hours
    FROM (
        SELECT c.account, c.period,
            sum(extract(epoch FROM l.ended_at - l.started_at)) / 3600 AS hours
        FROM (SELECT DISTINCT account, period FROM forecast_cuts) AS c
        JOIN cloud_cost_lines AS l
            ON l.account = c.account
            AND l.period BETWEEN c.period - interval '12 months' AND c.period - interval '1 day'
        WHERE cloud_charge_class(l.product, l.description) = 'gpu'
        GROUP BY c.account, c.period, coalesce(l.resource_key, l.resource_id::text, l.description)
    ) AS lived
    GROUP BY account, period
    HAVING count(*) >= 3
) AS life
WHERE (life.account, life.period) = (p.account, p.period)
  AND p.class = 'gpu' AND p.runs AND p.before IS NULL AND p.lived < 72;

-- name: add_unseen
-- What ran when the month before ended and cannot be seen yet: everything, before the month has
-- lines; backups, before the first one of the month is taken.
INSERT INTO forecast_projected
WITH host AS (
    SELECT account, period, day, ident, least(max(lived + rest), 672) / 672 AS share
    FROM forecast_projected WHERE class IN ('run', 'gpu') AND runs AND ident IS NOT NULL
    GROUP BY account, period, day, ident
)
SELECT
    b.account, b.period, c.day, b.class, b.ident, b.resource_id, b.key, true, c.month_begin, 0,
    b.amount, 0, least(672, extract(epoch FROM c.month_end - c.month_begin) / 3600),
    coalesce(b.monthly, b.about_monthly) * CASE WHEN b.class = 'backup' THEN coalesce(host.share, 1) ELSE 1 END
FROM forecast_before AS b
JOIN forecast_cuts AS c USING (account, period)
LEFT JOIN host
    ON (host.account, host.period, host.day, host.ident) = (c.account, c.period, c.day, b.ident)
LEFT JOIN forecast_projected AS seen
    ON (seen.account, seen.period, seen.day, seen.class, seen.key)
        = (c.account, c.period, c.day, b.class, b.key)
WHERE b.class IN ('run', 'gpu', 'backup', 'fee') AND seen.key IS NULL
  AND (NOT c.has_lines OR (b.class = 'backup' AND host.ident IS NOT NULL));

-- name: join_as_ever
SET LOCAL enable_nestloop = on;

-- name: end_deleted
-- What ran when the month before ended, and is deleted by now.
UPDATE forecast_projected AS p
SET runs = false, whole = p.whole * least(672, greatest(0,
        extract(epoch FROM r.deleted_at - p.begun_at) / 3600)) / nullif(p.rest, 0)
FROM cloud_resources AS r
WHERE r.id = p.resource_id AND r.deleted_at IS NOT NULL AND p.runs AND p.so_far = 0 AND p.rest > 0;

-- name: add_new
-- What the inventory has and the preview does not know yet: new resources, by the rate of their plan.
INSERT INTO forecast_projected
SELECT
    c.account, c.period, c.day, 'run', r.resource_id::text, r.resource_id, r.kind || r.resource_id,
    true, born.at, 0, NULL, 0, hours.left_,
    r.monthly_amount * hours.left_ / 672
FROM forecast_cuts AS c
JOIN marts.run_rate AS r ON r.account = c.account AND r.monthly_amount > 0
JOIN cloud_resources AS known ON known.id = r.resource_id
CROSS JOIN LATERAL (SELECT coalesce(known.created_at, known.first_seen_at) AS at) AS born
CROSS JOIN LATERAL (
    SELECT greatest(0, least(672, extract(epoch FROM c.month_end - born.at) / 3600)) AS left_
) AS hours
WHERE born.at >= c.at - interval '1 day' AND born.at < c.month_end
  AND NOT EXISTS (
    SELECT FROM forecast_lines AS l
    WHERE l.account = c.account AND l.resource_id = r.resource_id
  );

-- name: add_resized
-- What was resized since the preview was made: the difference of the plans for the rest of the month.
INSERT INTO forecast_projected
SELECT
    c.account, c.period, c.day, 'run', r.id::text, r.id, 'resized ' || r.id, true, e.occurred_at, 0,
    NULL, 0, p.rest,
    (now_.monthly_amount - was.monthly_amount)
        * greatest(0, least(p.rest, extract(epoch FROM c.month_end - e.occurred_at) / 3600)) / 672
FROM forecast_cuts AS c
JOIN cloud_resource_events AS e
    ON e.occurred_at > c.at AND e.event = 'updated' AND e.changes ? 'size_slug'
JOIN cloud_resources AS r
    ON r.id = e.resource_id AND r.account = c.account AND r.deleted_at IS NULL
JOIN (
    SELECT account, resource_id, max(rest) AS rest FROM forecast_projected
    WHERE class IN ('run', 'gpu') AND runs AND resource_id IS NOT NULL
    GROUP BY account, resource_id
) AS p ON (p.account, p.resource_id) = (r.account, r.id)
JOIN marts.rates AS was
    ON was.account = r.account AND was.kind = r.kind AND was.is_current
    AND was.size_slug = e.changes -> 'size_slug' ->> 'from'
JOIN marts.rates AS now_
    ON now_.account = r.account AND now_.kind = r.kind AND now_.is_current
    AND now_.size_slug = e.changes -> 'size_slug' ->> 'to';

-- name: create_totals
CREATE TEMP TABLE forecast_totals ON COMMIT DROP AS
WITH counted AS (
    -- Use that is counted, such as traffic, goes on as on most of the last 28 days: a lump that
    -- came once does not come each day. Where no days are known, by its share of the month; before
    -- it has begun, as in the middle one of the last three months.
    SELECT
        c.account, c.period, c.day,
        CASE
            WHEN recent.amount IS NOT NULL THEN recent.amount * rest.days
            WHEN known.counted > 0 THEN known.counted * rest.days / greatest(1, rest.gone)
            -- Of a past month nothing is known without its days, not even what was until then.
            ELSE coalesce(old.amount, 0) * CASE WHEN :live
                THEN rest.days / (rest.days + rest.gone) ELSE 1 END
        END AS amount
    FROM forecast_cuts AS c
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM c.month_end - c.at) / 86400 AS days,
            extract(epoch FROM c.at - c.month_begin) / 86400 AS gone
    ) AS rest
    LEFT JOIN LATERAL (
        SELECT CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY day.amount) AS numeric) AS amount
        FROM (
            SELECT d.day, coalesce(sum(d.amount) FILTER (
                WHERE cloud_charge_class(d.product, d.description) = 'counted'), 0) AS amount
            FROM cloud_daily_costs AS d
            WHERE d.account = c.account
              AND d.day >= (c.at AT TIME ZONE 'UTC')::date - 28
              AND d.day < (c.at AT TIME ZONE 'UTC')::date
            GROUP BY d.day
        ) AS day
        HAVING count(*) >= 7
    ) AS recent ON true
    LEFT JOIN (
        SELECT l.account, l.period, l.day, sum(l.amount) AS counted
        FROM forecast_lines AS l WHERE l.class = 'counted' GROUP BY l.account, l.period, l.day
    ) AS known ON (known.account, known.period, known.day) = (c.account, c.period, c.day)
    LEFT JOIN LATERAL (
        SELECT CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY m.counted) AS numeric) AS amount
        FROM forecast_months AS m
        WHERE m.account = c.account AND m.period BETWEEN c.period - interval '3 months' AND c.period
    ) AS old ON true
), used AS (
    SELECT account, period, day, sum(so_far) AS so_far, sum(whole) AS whole
    FROM forecast_projected GROUP BY account, period, day
), said AS (
    SELECT
        account, period, day,
        sum(amount) FILTER (WHERE class = 'tax') AS taxes,
        sum(amount) FILTER (WHERE class = 'credit' AND description ~ '\d ?%') AS discounts,
        sum(amount) FILTER (WHERE class = 'credit' AND description !~ '\d ?%') AS credits,
        sum(amount) FILTER (WHERE class NOT IN ('tax', 'credit')) AS charges
    FROM forecast_lines GROUP BY account, period, day
), built AS (
    SELECT
        c.account, c.period, c.day, c.at,
        coalesce(u.whole, 0) + coalesce(counted.amount, 0) AS charges,
        coalesce(counted.amount, 0) AS counted, coalesce(s.taxes, 0) AS taxes_so_far,
        coalesce(s.credits, 0) + coalesce(s.discounts, 0) AS credits_so_far,
        coalesce(u.so_far, 0) + coalesce(s.credits, 0) + coalesce(s.discounts, 0)
            + coalesce(s.taxes, 0) AS so_far,
        coalesce(s.credits, 0) + coalesce(
            s.discounts / nullif(s.charges, 0) * (coalesce(u.whole, 0) + coalesce(counted.amount, 0)),
            0
        ) AS credits,
        coalesce(
            s.taxes / nullif(s.charges + coalesce(s.credits, 0) + coalesce(s.discounts, 0), 0),
            -- A preview without taxes says that there are none.
            CASE WHEN s.charges > 0 THEN 0 ELSE m.tax_rate END, 0
        ) AS tax_rate
    FROM forecast_cuts AS c
    LEFT JOIN used AS u USING (account, period, day)
    LEFT JOIN said AS s USING (account, period, day)
    LEFT JOIN counted USING (account, period, day)
    LEFT JOIN forecast_months AS m
        ON m.account = c.account AND m.period = (c.period - interval '1 month')::date
)
SELECT
    b.account, b.period, b.day, b.at, b.so_far, b.credits, b.counted, b.taxes_so_far,
    b.credits_so_far,
    round(greatest(0, b.charges + b.credits) * b.tax_rate, 2) AS taxes,
    round(b.charges + b.credits
        + round(greatest(0, b.charges + b.credits) * b.tax_rate, 2), 2) AS expected
FROM built AS b
ORDER BY b.account, b.period, b.day;

-- name: due_months
-- The last closed months whose test is missing, or was made by other rules or from other lines.
SELECT m.account, m.period, m.read_at AS lines_read_at
FROM (
    SELECT i.account, i.period, greatest(max(i.ingested_at), max(before.read_at)) AS read_at,
        row_number() OVER (PARTITION BY i.account ORDER BY i.period DESC) AS nth
    FROM cloud_invoices AS i
    JOIN (
        SELECT account, (period + interval '1 month')::date AS period, max(ingested_at) AS read_at
        FROM cloud_invoices GROUP BY account, period
        HAVING bool_and(ingest_status = 'ingested')
    ) AS before ON (before.account, before.period) = (i.account, i.period)
    WHERE i.period + interval '1 month' <= CAST(:now AS timestamptz) AT TIME ZONE 'UTC'
    GROUP BY i.account, i.period
    HAVING bool_and(i.ingest_status = 'ingested')
) AS m
WHERE m.nth <= :months
  AND NOT EXISTS (
    SELECT FROM cloud_forecast_tests AS t
    WHERE t.account = m.account AND t.period = m.period AND t.rules = :rules
      AND t.lines_read_at >= m.read_at
  )
ORDER BY m.account, m.period;

-- name: add_test_cuts
INSERT INTO forecast_cuts (account, period, day, at, month_begin, month_end)
SELECT m.account, m.period, d.day,
    (CAST(m.period AS timestamp) + make_interval(days => d.day)) AT TIME ZONE 'UTC',
    CAST(m.period AS timestamp) AT TIME ZONE 'UTC',
    (m.period + interval '1 month') AT TIME ZONE 'UTC'
FROM unnest(CAST(:accounts AS text[]), CAST(:periods AS date[])) AS m (account, period)
CROSS JOIN unnest(CAST(:days AS integer[])) AS d (day);

-- name: add_open_cuts
-- The month of today of each account that has a preview or an invoice of the month before.
INSERT INTO forecast_cuts (account, period, day, at, month_begin, month_end)
SELECT a.account, n.period,
    CAST(floor(extract(epoch FROM known.at - n.month_begin) / 86400) AS integer),
    known.at, n.month_begin, (n.period + interval '1 month') AT TIME ZONE 'UTC'
FROM (
    SELECT date_trunc('month', CAST(:now AS timestamptz), 'UTC') AS month_begin,
        CAST(date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE 'UTC') AS date) AS period
) AS n
CROSS JOIN (
    SELECT account FROM cloud_invoices UNION SELECT account FROM cloud_open_months
) AS a
LEFT JOIN cloud_open_months AS o ON o.account = a.account AND o.period = n.period
CROSS JOIN LATERAL (
    SELECT CASE WHEN o.account IS NULL THEN n.month_begin
        ELSE greatest(n.month_begin, least(coalesce(o.updated_at, o.read_at), :now)) END AS at
) AS known
WHERE o.account IS NOT NULL OR EXISTS (
    SELECT FROM cloud_invoices AS i
    WHERE i.account = a.account AND i.period = (n.period - interval '1 month')::date
      AND i.ingest_status = 'ingested'
);

-- name: create_said
-- What each method says of each cut.
CREATE TEMP TABLE forecast_said ON COMMIT DROP AS
SELECT t.account, t.period, t.day, t.at, 'structure' AS method, t.expected, t.taxes, t.credits,
    t.so_far
FROM forecast_totals AS t
UNION ALL
SELECT c.account, c.period, c.day, c.at, 'last_invoice', sum(i.amount), sum(i.taxes), NULL, NULL
FROM forecast_cuts AS c
JOIN cloud_invoices AS i
    ON i.account = c.account AND i.period = (c.period - interval '1 month')::date
GROUP BY c.account, c.period, c.day, c.at
UNION ALL
SELECT t.account, t.period, t.day, t.at, 'straight_line',
    round(t.so_far * CAST(extract(epoch FROM c.month_end - c.month_begin)
        / extract(epoch FROM c.at - c.month_begin) AS numeric), 2),
    NULL, NULL, t.so_far
FROM forecast_totals AS t JOIN forecast_cuts AS c USING (account, period, day)
WHERE c.at >= c.month_begin + interval '1 day';

-- name: forget_tests
DELETE FROM cloud_forecast_tests AS t
USING unnest(CAST(:accounts AS text[]), CAST(:periods AS date[])) AS m (account, period)
WHERE (t.account, t.period) = (m.account, m.period);

-- name: store_tests
INSERT INTO cloud_forecast_tests (
    account, period, method, day, known_until, expected, taxes, credits, actual, rules,
    lines_read_at
)
SELECT s.account, s.period, s.method, s.day, s.at, s.expected, s.taxes, s.credits, i.actual,
    :rules, i.read_at
FROM forecast_said AS s
JOIN LATERAL (
    SELECT sum(i.amount) FILTER (WHERE i.period = s.period) AS actual, max(i.ingested_at) AS read_at
    FROM cloud_invoices AS i
    WHERE i.account = s.account
      AND i.period IN (s.period, (s.period - interval '1 month')::date)
) AS i ON true;

-- name: store_forecasts
-- The range is where nine of ten past months were not above, and nine of ten not below, at the same
-- day or the last one before it that is tested.
INSERT INTO cloud_forecasts (
    account, period, method, known_until, expected, taxes, credits, made_at, so_far, invoiced, low,
    high, back_test_error, whole, note
)
SELECT
    s.account, s.period, s.method, s.at, s.expected, s.taxes, s.credits, :now, s.so_far,
    coalesce(i.amount, 0),
    least(s.expected, round(s.expected * past.low, 2)),
    greatest(s.expected, round(s.expected * past.high, 2)),
    past.error,
    doubt.note IS NULL, doubt.note
FROM forecast_said AS s
LEFT JOIN LATERAL (
    SELECT sum(i.amount) AS amount FROM cloud_invoices AS i
    WHERE i.account = s.account AND i.period = s.period
) AS i ON true
LEFT JOIN LATERAL (
    SELECT
        percentile_disc(0.1) WITHIN GROUP (ORDER BY t.actual / t.expected) AS low,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY t.actual / t.expected) AS high,
        avg(abs(t.expected / nullif(t.actual, 0) - 1)) AS error
    FROM cloud_forecast_tests AS t
    WHERE t.account = s.account AND t.method = s.method AND t.expected > 0 AND t.actual > 0
      AND t.day = (SELECT max(d.day) FROM cloud_forecast_tests AS d
                   WHERE d.account = s.account AND d.method = s.method AND d.day <= s.day)
      AND t.period IN (
        SELECT DISTINCT p.period FROM cloud_forecast_tests AS p WHERE p.account = s.account
        ORDER BY p.period DESC LIMIT :months
      )
    HAVING count(*) >= :least_months
) AS past ON true
CROSS JOIN LATERAL (
    SELECT concat_ws(' ',
        CASE WHEN o.account IS NULL AND :now >= (s.period + interval '2 days') AT TIME ZONE 'UTC'
            THEN 'There is no preview of the month.' END,
        CASE WHEN o.read_at < CAST(:now AS timestamptz) - interval '2 days'
            THEN 'The preview was last read on ' || to_char(o.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') || '.' END,
        o.note
    ) AS text
    FROM (SELECT s.account) AS a
    LEFT JOIN cloud_open_months AS o ON o.account = a.account AND o.period = s.period
) AS said
CROSS JOIN LATERAL (SELECT nullif(said.text, '') AS note) AS doubt
RETURNING account, period, method, low, expected, high, taxes, back_test_error, note;

-- name: replace_lines
WITH gone AS (
    DELETE FROM cloud_forecast_lines AS l USING forecast_cuts AS c WHERE l.account = c.account
)
INSERT INTO cloud_forecast_lines (account, period, class, resource_id, what, so_far, expected)
SELECT p.account, p.period, p.class, p.resource_id,
    nullif(concat_ws(': ', nullif(split_part(p.key, E'\n', 2), ''), nullif(split_part(p.key, E'\n', 3), '')), ''),
    round(p.so_far, 2), round(p.whole, 2)
FROM forecast_projected AS p
UNION ALL
-- What is no use: what counted use will come to, credits, taxes.
SELECT t.account, t.period, rest.class, NULL, rest.what, rest.so_far, rest.expected
FROM forecast_totals AS t
CROSS JOIN LATERAL (
    VALUES
        ('counted', 'counted use of the rest of the month', CAST(0 AS numeric), round(t.counted, 2)),
        ('credit', 'credits and discounts', round(t.credits_so_far, 2), round(t.credits, 2)),
        ('tax', 'taxes', round(t.taxes_so_far, 2), t.taxes)
) AS rest (class, what, so_far, expected)
WHERE rest.so_far <> 0 OR rest.expected <> 0;
