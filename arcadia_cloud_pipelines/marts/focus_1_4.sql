/*
comment = """
What was charged, as FOCUS 1.4 has it (dataset CostAndUsage)? One row a charge: an invoice line, a part
of an invoice without a line, or a provisional line of the open month. Per InvoiceId the sum of
BilledCost is the invoice. docs/focus.md says what each column is made from.
"""
grain = ["BillingAccountId", "x_Period", "InvoiceId", "x_LineNumber", "ChargeCategory"]
example = """
SELECT "ServiceName", "ChargeCategory", sum("BilledCost") FROM marts.focus_1_4
WHERE "x_Period" = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY 1, 2 ORDER BY 3 DESC
"""
*/
SELECT
    c.amount AS "BilledCost",
    c.account AS "BillingAccountId",
    CAST(NULL AS text) AS "BillingAccountName",
    'Team' AS "BillingAccountType",
    c.currency AS "BillingCurrency",
    (c.period + interval '1 month') AT TIME ZONE 'UTC' AS "BillingPeriodEnd",
    CAST(c.period AS timestamp) AT TIME ZONE 'UTC' AS "BillingPeriodStart",
    c.charge_category AS "ChargeCategory",
    c.charge_class AS "ChargeClass",
    c.description AS "ChargeDescription",
    c.charge_frequency AS "ChargeFrequency",
    c.ends_at AS "ChargePeriodEnd",
    c.starts_at AS "ChargePeriodStart",
    -- Quantities need a SkuPriceId, and DigitalOcean names none: see x_Quantity.
    CAST(NULL AS numeric) AS "ConsumedQuantity",
    CAST(NULL AS text) AS "ConsumedUnit",
    c.amount AS "ContractedCost",
    CAST(NULL AS numeric) AS "ContractedUnitPrice",
    c.amount AS "EffectiveCost",
    'DigitalOcean' AS "HostProviderName",
    c.invoice_detail_id AS "InvoiceDetailId",
    c.invoice_uuid AS "InvoiceId",
    'DigitalOcean' AS "InvoiceIssuerName",
    c.amount AS "ListCost",
    CAST(NULL AS numeric) AS "ListUnitPrice",
    CAST(NULL AS text) AS "PricingCategory",
    CAST(NULL AS numeric) AS "PricingQuantity",
    CAST(NULL AS text) AS "PricingUnit",
    c.region AS "RegionId",
    c.region_name AS "RegionName",
    c.resource_urn AS "ResourceId",
    CASE WHEN c.resource_urn IS NOT NULL THEN c.resource_name END AS "ResourceName",
    CASE WHEN c.resource_urn IS NOT NULL THEN c.kind END AS "ResourceType",
    c.service_category AS "ServiceCategory",
    c.product AS "ServiceName",
    'DigitalOcean' AS "ServiceProviderName",
    c.service_subcategory AS "ServiceSubcategory",
    c.sku AS "SkuId",
    CASE WHEN c.sku IS NOT NULL THEN c.product END AS "SkuMeter",
    CAST(NULL AS jsonb) AS "SkuPriceDetails",
    CAST(NULL AS text) AS "SkuPriceId",
    c.project_uuid AS "SubAccountId",
    CASE WHEN c.project_uuid IS NOT NULL THEN c.project_name END AS "SubAccountName",
    CASE WHEN c.project_uuid IS NOT NULL THEN 'Project' END AS "SubAccountType",
    c.tags AS "Tags",
    c.period AS "x_Period",
    c.line_number AS "x_LineNumber",
    c.entry AS "x_Entry",
    c.entry = 'provisional' AS "x_IsProvisional",
    c.kind AS "x_Kind",
    c.resource_id AS "x_ResourceId",
    c.match_method AS "x_MatchedBy",
    c.unmatched_reason AS "x_UnmatchedReason",
    c.project_name AS "x_ProjectName",
    c.project_source AS "x_ProjectSource",
    c.tenant_id AS "x_TenantId",
    c.hours AS "x_Quantity",
    c.hours_unit AS "x_QuantityUnit",
    c.as_of AS "x_AsOf",
    c.complete AS "x_Complete"
FROM marts.focus_cost_and_usage AS c
