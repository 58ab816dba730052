/*
comment = """
What does a plan cost, since when, and who says so? One row an account, plan and time. An invoice's
own rate goes before the catalogue's; there are never two at one instant.
"""
grain = ["account", "kind", "size_slug", "valid_from"]
example = """
SELECT size_slug, amount, monthly_amount, source, valid_from FROM marts.rates
WHERE is_current ORDER BY monthly_amount DESC
"""
[columns]
size_slug = "The plan, as droplets carry it and as invoice lines name it."
region = "Always null: plans cost the same in every region."
unit = "hour."
amount = "US dollars an hour, to five digits."
monthly_amount = "US dollars for a whole month: 672 hours, beyond which DigitalOcean bills nothing."
is_current = "True for the rate that holds now."
valid_from = "Since when. The first rate that is known may have held before."
valid_to = "Until when, exclusive. Null while it holds."
source = "invoice: amount by hours of the months' lines, the middle one of its months. catalogue: the list price."
complete = "True for the catalogue, and for months whose invoices are read whole."
*/
WITH runs AS (
    -- Months in a row with one rate are one row. What a cent of rounding makes in 100 hours is no other
    -- rate: a dollar a month, the smallest step of prices, is 0.0015.
    SELECT
        b.*,
        sum(CASE WHEN abs(b.hourly - b.before) <= 0.00006 THEN 0 ELSE 1 END) OVER (
            PARTITION BY b.account, b.size_slug ORDER BY b.period
        ) AS run
    FROM (
        SELECT
            billed.*,
            lag(hourly) OVER (PARTITION BY account, size_slug ORDER BY period) AS before
        FROM marts.billed_rates AS billed
    ) AS b
), invoiced AS (
    SELECT
        r.account, r.size_slug,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY r.hourly) AS hourly,
        -- As a timestamp first: a date would begin at midnight of the session's time zone.
        CAST(min(r.period) AS timestamp) AT TIME ZONE 'UTC' AS valid_from,
        CAST(lead(min(r.period)) OVER (
            PARTITION BY r.account, r.size_slug ORDER BY min(r.period)
        ) AS timestamp) AT TIME ZONE 'UTC' AS valid_to,
        (max(r.period) + interval '1 month') AT TIME ZONE 'UTC' AS seen_until,
        min(r.as_of) AS as_of,
        bool_and(r.complete) AS complete
    FROM runs AS r
    GROUP BY r.account, r.size_slug, r.run
), listed AS (
    SELECT
        c.*,
        c.valid_from > min(c.valid_from) OVER (PARTITION BY c.account, c.size_slug) AS is_change
    FROM public.cloud_rates AS c
), later AS (
    -- List prices that changed after the last month with an invoice.
    SELECT l.*
    FROM listed AS l
    LEFT JOIN invoiced AS i
        ON i.account = l.account AND i.size_slug = l.size_slug AND i.valid_to IS NULL
    WHERE i.size_slug IS NULL OR (l.is_change AND l.valid_from >= i.seen_until)
)
SELECT
    rate.*,
    rate.valid_from <= now() AND coalesce(rate.valid_to > now(), true) AS is_current
FROM (
    SELECT
        i.account, 'droplet' AS kind, i.size_slug, CAST(NULL AS text) AS region, 'hour' AS unit,
        i.hourly AS amount, round(i.hourly * 672, 2) AS monthly_amount, 'USD' AS currency,
        i.valid_from,
        coalesce(i.valid_to, (
            SELECT min(l.valid_from) FROM later AS l
            WHERE l.account = i.account AND l.size_slug = i.size_slug
        )) AS valid_to,
        'invoice' AS source, i.as_of, i.complete
    FROM invoiced AS i
    UNION ALL
    SELECT
        l.account, 'droplet', l.size_slug, NULL, 'hour', l.hourly, l.monthly, 'USD', l.valid_from,
        l.valid_to, 'catalogue', l.valid_from, true
    FROM later AS l
) AS rate
