-- The statements of projection.py, in the order in which it runs them.

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
        coalesce(
            l.resource_key, l.resource_id::text, l.group_description,
            'named ' || regexp_replace(l.description, '\s*\([^()]*\)\s*$', '')
        ) AS host,
        l.resource_id,
        extract(epoch FROM l.ended_at - l.started_at) / 3600 AS hours,
        coalesce(
            l.ended_at >= c.period::timestamp AT TIME ZONE 'UTC' - interval '1 hour', true
        ) AS runs_on
    FROM (SELECT DISTINCT account, period FROM forecast_cuts) AS c
    JOIN cloud_cost_lines AS l
        ON l.account = c.account AND l.period = (c.period - interval '1 month')::date
), host AS (
    SELECT account, period, host, bool_or(runs_on) AS runs_on, max(hours) AS hours
    FROM line WHERE class IN ('run', 'gpu') AND host IS NOT NULL
    GROUP BY account, period, host
)
SELECT
    l.account, l.period, l.class, l.ident, l.host, l.product, l.description,
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
    ON l.class = 'backup' AND (h.account, h.period, h.host) = (l.account, l.period, l.host)
WHERE CASE WHEN l.class = 'backup' THEN coalesce(h.runs_on, false) ELSE l.runs_on END
GROUP BY l.account, l.period, l.class, l.ident, l.host, l.product, l.description;

-- name: analyze_before
ANALYZE forecast_before;

-- name: create_projected
-- Each thing of the month at its end. A month is 672 hours at most: a resource that was resized
-- has used some of them under its other size.
CREATE TEMP TABLE forecast_projected ON COMMIT DROP AS
WITH line AS (
    SELECT
        l.account, l.period, l.day, l.class, l.ident, l.host, l.product, l.description, l.key,
        l.ended_at IS NULL AS runs,
        min(l.begun_at) AS begun_at, max(l.resource_id) AS resource_id, sum(l.amount) AS amount
    FROM forecast_lines AS l
    WHERE l.class NOT IN ('tax', 'credit')
    GROUP BY
        l.account, l.period, l.day, l.class, l.ident, l.host, l.product, l.description, l.key,
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
    k.account, k.period, k.day, k.class, k.ident, k.host, k.resource_id, k.key, k.runs, k.begun_at,
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
    SELECT account, period, day, host, least(max(lived + rest), 672) / 672 AS share
    FROM forecast_projected WHERE class IN ('run', 'gpu') AND runs AND host IS NOT NULL
    GROUP BY account, period, day, host
)
SELECT
    b.account, b.period, c.day, b.class, b.ident, b.host, b.resource_id, b.key, true,
    c.month_begin, 0,
    b.amount, 0, least(672, extract(epoch FROM c.month_end - c.month_begin) / 3600),
    coalesce(b.monthly, b.about_monthly) * CASE WHEN b.class = 'backup' THEN coalesce(host.share, 1) ELSE 1 END
FROM forecast_before AS b
JOIN forecast_cuts AS c USING (account, period)
LEFT JOIN host
    ON (host.account, host.period, host.day, host.host) = (c.account, c.period, c.day, b.host)
LEFT JOIN forecast_projected AS seen
    ON (seen.account, seen.period, seen.day, seen.class, seen.key)
        = (c.account, c.period, c.day, b.class, b.key)
WHERE b.class IN ('run', 'gpu', 'backup', 'fee') AND seen.key IS NULL
  AND (NOT c.has_lines OR (b.class = 'backup' AND host.host IS NOT NULL));

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
    c.account, c.period, c.day, 'run', r.resource_id::text, r.resource_id::text, r.resource_id,
    r.kind || r.resource_id,
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
    c.account, c.period, c.day, 'run', r.id::text, r.id::text, r.id, 'resized ' || r.id, true, e.occurred_at, 0,
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
