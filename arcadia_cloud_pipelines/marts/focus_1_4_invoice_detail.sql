/*
comment = """
Which items has an invoice, as FOCUS 1.4 has them (dataset InvoiceDetail)? One row an invoice, charge
category and product, as the summary of an invoice lists them; the charges that it is made of have
its InvoiceDetailId in focus_1_4. An item of 0 is listed, too.
"""
grain = ["InvoiceId", "InvoiceDetailId"]
example = """
SELECT "InvoiceId", "InvoiceDetailDescription", "BilledCost" FROM marts.focus_1_4_invoice_detail
WHERE "x_Period" = (SELECT max(period) FROM marts.billing_months WHERE complete)
ORDER BY "BilledCost" DESC
"""
[columns]
BilledCost = "US dollars of the item, credits negative."
InvoiceDetailId = "Invoice, category and product. Ours: DigitalOcean gives its items no identity."
*/
SELECT
    sum(c.amount) AS "BilledCost",
    c.account AS "BillingAccountId",
    c.currency AS "BillingCurrency",
    (c.period + interval '1 month') AT TIME ZONE 'UTC' AS "BillingPeriodEnd",
    CAST(c.period AS timestamp) AT TIME ZONE 'UTC' AS "BillingPeriodStart",
    c.charge_category AS "ChargeCategory",
    i.first_seen_at AS "InvoiceDetailCreated",
    CASE c.charge_category WHEN 'Usage' THEN c.product ELSE c.product || ' (' || c.charge_category || ')' END
        AS "InvoiceDetailDescription",
    jsonb_build_object('ServiceName', c.product, 'x_ChargeCategory', c.charge_category)
        AS "InvoiceDetailGrain",
    c.invoice_detail_id AS "InvoiceDetailId",
    greatest(i.first_seen_at, i.ingested_at) AS "InvoiceDetailLastUpdated",
    c.invoice_uuid AS "InvoiceId",
    i.issued_at AS "InvoiceIssueDate",
    -- The list of invoices holds no other.
    'Issued' AS "InvoiceIssueStatus",
    'DigitalOcean' AS "InvoiceIssuerName",
    CAST(NULL AS timestamptz) AS "PaymentDueDate",
    'Unspecified' AS "PaymentTerms",
    c.invoice_uuid AS "ReferenceInvoiceId",
    c.period AS "x_Period",
    i.invoice_id AS "x_InvoiceNumber",
    count(*) AS "x_Charges",
    min(c.as_of) AS "x_AsOf",
    bool_and(c.complete) AS "x_Complete"
FROM marts.focus_charges AS c
JOIN public.cloud_invoices AS i ON i.invoice_uuid = c.invoice_uuid
GROUP BY
    c.account, c.currency, c.period, c.charge_category, c.product, c.invoice_detail_id,
    c.invoice_uuid, i.first_seen_at, i.ingested_at, i.issued_at, i.invoice_id
