/*
comment = """
What is a product in the words of FOCUS? One row a rule: an invoice's product is the first one whose
pattern it fits, without regard to case.
"""
grain = ["place"]
example = "SELECT place, pattern, service_category, service_subcategory, charge FROM marts.focus_services ORDER BY place"
[columns]
place = "Order in which the rules are tried."
pattern = "Regular expression on the product, as PostgreSQL has them."
service_category = "ServiceCategory of FOCUS."
service_subcategory = "ServiceSubcategory of FOCUS."
charge = "usage, plan (a subscription, and the usage beyond it), tax, credit (discounts too: they come after the fact), refund, or adjustment."
account = "Always null: rules belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
SELECT
    CAST(NULL AS text) AS account, s.place, s.pattern, s.service_category, s.service_subcategory,
    s.charge, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM (
    VALUES
        -- Money without a service.
        (10, '\y(tax|taxes|vat|gst|hst|pst|qst|withholding)\y', 'Other', 'Other (Other)', 'tax'),
        (11, '\y(refunds?|reversals?|chargebacks?|corrections?|true[ -]?ups?)\y',
            'Other', 'Other (Other)', 'refund'),
        (12, '\y(credits?|discounts?|promos?|promotions?|promotional|coupons?|vouchers?|rebates?|trials?|goodwill|courtesy|prepaid|prepayments?)\y',
            'Other', 'Other (Other)', 'credit'),
        (13, '\yadjustments?\y', 'Other', 'Other (Other)', 'adjustment'),
        (14, '\ysupport\y|\y(professional|migration|consulting|training|onboarding) services?\y',
            'Management and Governance', 'Support', 'plan'),
        -- Storage.
        (20, '\yspaces cdn\y', 'Networking', 'Content Delivery', 'usage'),
        (21, '\yspaces\y|\y(object|cold) storage\y', 'Storage', 'Object Storage', 'plan'),
        (22, '\ycontainer registr|^(registry|docr)$', 'Compute', 'Containers', 'plan'),
        (23, '\y(bandwidth|overages?|egress|(data|outbound|network|excess) transfer)\y',
            'Networking', 'Network Connectivity', 'usage'),
        (24, '\ysnapshots?\y|\ybackups?\y|\ycustom images?\y|^images?$|\yimage storage\y',
            'Storage', 'Backup Storage', 'usage'),
        (25, '\ynfs\y|\y(network )?file (storage|shares?|systems?)\y|\ynetwork file\y',
            'Storage', 'File Storage', 'usage'),
        (26, '\yblock storage\y|\yvolumes?\y', 'Storage', 'Block Storage', 'usage'),
        -- Computers. What is dedicated to inference is not a droplet.
        (30, '\y(kubernetes|doks|k8s)\y', 'Compute', 'Containers', 'usage'),
        (31, '\yinferences?\y|\y(tokens?|genai|gen ai|gradient|guardrails?|evaluations?|llms?|foundation models?|prompts?|embeddings?|ai platform|model access)\y',
            'AI and Machine Learning', 'Generative AI', 'usage'),
        (32, '\yknowledge bases?\y|\yindexing\y|\yagents?\y', 'AI and Machine Learning',
            'Generative AI', 'usage'),
        (33, '\ycustom models?\y|\ymodel storage\y|\yfine[ -]tun|\yyour own model\y',
            'AI and Machine Learning', 'Machine Learning', 'usage'),
        (34, '\y(micro ?)?droplets?\y|\ymicro ?vms?\y|\yvirtual machines?\y|\y(gpus?|bare metal|h[12]00(x[0-9]+)?|[bg]b?[23]00|a100|l40|rtx|mi3[0-9]+x?)\y',
            'Compute', 'Virtual Machines', 'usage'),
        -- Databases. One product bills clusters of all engines.
        (40, '\yvector (databases?|db|store)\y', 'Databases', 'Other (Databases)', 'usage'),
        (41, '\y(postgresql|postgres|mysql)\y', 'Databases', 'Relational Databases', 'usage'),
        (42, '\y(redis|valkey|caching)\y', 'Databases', 'Caching', 'usage'),
        (43, '\ymongodb\y', 'Databases', 'NoSQL Databases', 'usage'),
        (44, '\ykafka\y', 'Integration', 'Messaging', 'usage'),
        (45, '\y(opensearch|weaviate)\y', 'Analytics', 'Search', 'usage'),
        (46, '\y(databases?|dbaas|read replicas?|read-only nodes?)\y', 'Databases', 'Other (Databases)', 'usage'),
        -- Networks.
        (50, '\yload balanc', 'Networking', 'Application Networking', 'usage'),
        (51, '\ynat gateways?\y', 'Networking', 'Network Routing', 'usage'),
        (52, '\y(partner|network) .*(connect|attachments?|interconnect)\y|\ynetwork connect\y',
            'Networking', 'Network Connectivity', 'usage'),
        (53, '\yip(v[46])?s?\y|\ybyoip\y', 'Networking', 'Network Connectivity', 'usage'),
        (54, '\ycdn\y', 'Networking', 'Content Delivery', 'usage'),
        -- Platform.
        (60, '\yfunctions?\y|\yserverless\y', 'Compute', 'Serverless Compute', 'usage'),
        (61, '\yapps?( platform| services)?\y|\ystatic sites?\y', 'Web', 'Application Platforms', 'usage'),
        (62, '\yuptime\y', 'Management and Governance', 'Observability', 'usage'),
        (63, '\yadd[ -]?ons?\y|\ymarketplace\y', 'Other', 'Other (Other)', 'usage'),
        -- Last: words that other products hold, too.
        (70, '\y(fees?|surcharges?|minimum (charge|spend)|penalt(y|ies)|interest|rounding)\y',
            'Other', 'Other (Other)', 'adjustment')
) AS s (place, pattern, service_category, service_subcategory, charge)
