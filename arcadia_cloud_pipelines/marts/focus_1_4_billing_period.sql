/*
comment = """
Which months are billed and which run, as FOCUS 1.4 has them (dataset BillingPeriod)? One row a month:
the standard knows periods of an issuer, not of an account.
"""
grain = ["BillingPeriodStart"]
example = """
SELECT "BillingPeriodStart", "BillingPeriodStatus" FROM marts.focus_1_4_billing_period
ORDER BY "BillingPeriodStart" DESC
"""
*/
SELECT
    CAST(m.period AS timestamp) AT TIME ZONE 'UTC' AS "BillingPeriodCreated",
    (m.period + interval '1 month') AT TIME ZONE 'UTC' AS "BillingPeriodEnd",
    greatest(CAST(m.period AS timestamp) AT TIME ZONE 'UTC', max(m.updated_at))
        AS "BillingPeriodLastUpdated",
    CAST(m.period AS timestamp) AT TIME ZONE 'UTC' AS "BillingPeriodStart",
    CASE WHEN bool_and(m.is_closed) THEN 'Closed' ELSE 'Open' END AS "BillingPeriodStatus",
    'DigitalOcean' AS "InvoiceIssuerName",
    m.period AS "x_Period",
    count(DISTINCT m.account) AS "x_Accounts",
    min(m.as_of) AS "x_AsOf",
    bool_and(m.complete) AS "x_Complete"
FROM (
    SELECT
        b.account, b.period, b.is_billed AND i.is_read AS is_closed, i.updated_at, b.as_of,
        b.complete
    FROM marts.billing_months AS b
    JOIN (
        SELECT
            account, period, max(greatest(first_seen_at, ingested_at)) AS updated_at,
            -- Once read, a month stays closed: what is read again is a correction.
            bool_and(ingested_at IS NOT NULL) AS is_read
        FROM public.cloud_invoices GROUP BY account, period
    ) AS i USING (account, period)
    UNION ALL
    SELECT o.account, o.period, false, o.read_at, coalesce(o.updated_at, o.read_at), false
    FROM public.cloud_open_months AS o
) AS m
GROUP BY m.period
