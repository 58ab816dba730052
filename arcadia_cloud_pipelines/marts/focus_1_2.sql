/*
comment = """
What was charged, as FOCUS 1.2 has it, for importers that do not know 1.4? The same rows as focus_1_4;
the columns that differ are those of provider, quantities and SKU.
"""
grain = ["BillingAccountId", "x_Period", "InvoiceId", "x_LineNumber", "ChargeCategory"]
example = """
SELECT "SubAccountName", "ResourceType", sum("EffectiveCost") FROM marts.focus_1_2
WHERE "x_Period" = (SELECT max(period) FROM marts.billing_months WHERE complete)
GROUP BY 1, 2 ORDER BY 3 DESC
"""
[columns]
ConsumedQuantity = "Quantity as billed, 1 where the invoice gives none. Null for what is not Usage."
ConsumedUnit = "Hours, Backups, or Units where the invoice gives no quantity."
PricingQuantity = "Quantity as billed, 1 where the invoice gives none. Null for Tax."
PricingUnit = "Hours, Backups, or Units where the invoice gives no quantity."
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
    -- With decimals, for programs that tell a column's type by its values.
    CASE WHEN c.charge_category = 'Usage' THEN round(coalesce(c.hours, 1), 2) END
        AS "ConsumedQuantity",
    CASE WHEN c.charge_category = 'Usage' THEN coalesce(c.hours_unit, 'Units') END AS "ConsumedUnit",
    c.amount AS "ContractedCost",
    c.amount AS "EffectiveCost",
    c.invoice_uuid AS "InvoiceId",
    'DigitalOcean' AS "InvoiceIssuerName",
    c.amount AS "ListCost",
    CASE WHEN c.charge_category <> 'Tax' THEN round(coalesce(c.hours, 1), 2) END
        AS "PricingQuantity",
    CASE WHEN c.charge_category <> 'Tax' THEN coalesce(c.hours_unit, 'Units') END AS "PricingUnit",
    'DigitalOcean' AS "ProviderName",
    'DigitalOcean' AS "PublisherName",
    c.region AS "RegionId",
    c.region_name AS "RegionName",
    c.resource_urn AS "ResourceId",
    CASE WHEN c.resource_urn IS NOT NULL THEN c.resource_name END AS "ResourceName",
    CASE WHEN c.resource_urn IS NOT NULL THEN c.kind END AS "ResourceType",
    c.service_category AS "ServiceCategory",
    c.product AS "ServiceName",
    c.service_subcategory AS "ServiceSubcategory",
    c.project_uuid AS "SubAccountId",
    CASE WHEN c.project_uuid IS NOT NULL THEN c.project_name END AS "SubAccountName",
    CASE WHEN c.project_uuid IS NOT NULL THEN 'Project' END AS "SubAccountType",
    c.tags AS "Tags",
    -- SkuId must not be null in 1.2, and is known of some charges only.
    c.sku AS "x_SkuId",
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
    c.as_of AS "x_AsOf",
    c.complete AS "x_Complete"
FROM marts.focus_cost_and_usage AS c
