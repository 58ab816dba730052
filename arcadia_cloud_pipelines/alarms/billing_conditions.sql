-- The statements of billing_conditions.py.

-- name: unknown_products
SELECT product, count(*) AS lines, sum(amount) AS amount
FROM cloud_cost_lines
WHERE unmatched_reason = 'unknown_product'
GROUP BY product
ORDER BY abs(sum(amount)) DESC, product
LIMIT 200;

-- name: budgets
-- Of the open month alone: what a closed one came to cannot be helped.
SELECT account, name, scope, period, amount, used, expected, state
FROM marts.budgets
WHERE period = CAST(date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE 'UTC') AS date)
ORDER BY account, name;

-- name: anomalies
SELECT a.account, a.unit, a.period, a.scope, a.expected, a.amount, a.because
FROM marts.anomalies AS a
WHERE CASE a.unit
    WHEN 'day' THEN a.period >= CAST(CAST(:now AS timestamptz) AT TIME ZONE 'UTC' AS date) - 7
    ELSE EXISTS (
        SELECT FROM marts.billing_months AS m
        WHERE m.account = a.account AND m.period = a.period AND m.is_last_closed
    )
END
ORDER BY a.excess DESC
LIMIT 50;

-- name: prepayments
SELECT account, balance, blocked, days_left FROM marts.prepayment ORDER BY account;
