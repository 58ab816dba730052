/*
comment = """
What is a product in the words of FOCUS? One row a rule: an invoice's product is the first one of
whose words it has one.
"""
grain = ["place"]
example = "SELECT place, words, service_category, service_subcategory, charge FROM marts.focus_services ORDER BY place"
[columns]
place = "Order in which the rules are tried."
words = "LIKE patterns on the product in lower case, with a blank for all that is no letter or digit, and one at each end."
service_category = "ServiceCategory of FOCUS."
service_subcategory = "ServiceSubcategory of FOCUS."
charge = "usage, plan (a subscription, and the usage beyond it), tax, credit (discounts too: they come after the fact), refund, or adjustment."
account = "Always null: rules belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
-- LIKE, not regular expressions: PostgreSQL keeps 32 of those and makes the others anew at each use.
SELECT
    CAST(NULL AS text) AS account, s.place, CAST(s.words AS text[]) AS words, s.service_category,
    s.service_subcategory, s.charge, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM (
    VALUES
        -- Money without a service.
        (10, '{% tax %,% taxes %,% vat %,% gst %,% hst %,% pst %,% qst %,% withholding %}',
            'Other', 'Other (Other)', 'tax'),
        (11, '{% refund%,% reversal%,% chargeback%,% correction%,% true up%}',
            'Other', 'Other (Other)', 'refund'),
        (12, '{% credit %,% credits %,% discount%,% promo%,% coupon%,% voucher%,% rebate%,% trial %,% trials %,% goodwill %,% courtesy %,% prepaid %,% prepayment%,% bonus %}',
            'Other', 'Other (Other)', 'credit'),
        (13, '{% adjustment%}', 'Other', 'Other (Other)', 'adjustment'),
        (14, '{% support %,% professional service%,% migration service%,% consulting service%,% training service%,% onboarding service%}',
            'Management and Governance', 'Support', 'plan'),
        -- Storage.
        (20, '{% spaces cdn %}', 'Networking', 'Content Delivery', 'usage'),
        (21, '{% space %,% spaces %,% object storage %,% cold storage %}',
            'Storage', 'Object Storage', 'plan'),
        (22, '{% container registr%,% registry %,% docr %}', 'Compute', 'Containers', 'plan'),
        (23, '{% bandwidth %,% overage%,% egress %,% data transfer %,% outbound transfer %,% network transfer %,% excess transfer %}',
            'Networking', 'Network Connectivity', 'usage'),
        (24, '{% snapshot%,% backup%,% custom image%,% images %,% image storage %}',
            'Storage', 'Backup Storage', 'usage'),
        (25, '{% nfs %,% file storage %,% file share%,% file system%}',
            'Storage', 'File Storage', 'usage'),
        (26, '{% block storage %,% volume %,% volumes %}', 'Storage', 'Block Storage', 'usage'),
        -- Computers. What is dedicated to inference is not a droplet.
        (30, '{% kubernetes %,% doks %,% k8s %}', 'Compute', 'Containers', 'usage'),
        (31, '{% inference%,% token %,% tokens %,% genai %,% gen ai %,% gradient %,% guardrail%,% evaluation%,% llm%,% foundation model%,% prompt%,% embedding%,% ai platform %,% model access %,% knowledge base%,% indexing %,% agent %,% agents %}',
            'AI and Machine Learning', 'Generative AI', 'usage'),
        (32, '{% custom model%,% model storage %,% fine tun%,% your own model %}',
            'AI and Machine Learning', 'Machine Learning', 'usage'),
        (33, '{% droplet %,% droplets %,% microdroplet%,% microvm%,% micro vm%,% virtual machine%,% gpu %,% gpus %,% bare metal %,% h100%,% h200%,% b200%,% b300%,% gb200%,% a100%,% l40%,% rtx %,% mi300%,% mi325%,% mi350%,% mi355%}',
            'Compute', 'Virtual Machines', 'usage'),
        -- Databases. One product bills clusters of all engines.
        (40, '{% vector database%,% vector db %,% vector store %}',
            'Databases', 'Other (Databases)', 'usage'),
        (41, '{% postgresql %,% postgres %,% mysql %}', 'Databases', 'Relational Databases', 'usage'),
        (42, '{% redis %,% valkey %,% caching %}', 'Databases', 'Caching', 'usage'),
        (43, '{% mongodb %}', 'Databases', 'NoSQL Databases', 'usage'),
        (44, '{% kafka %}', 'Integration', 'Messaging', 'usage'),
        (45, '{% opensearch %,% weaviate %}', 'Analytics', 'Search', 'usage'),
        (46, '{% database%,% dbaas %,% read replica%,% read only node%}',
            'Databases', 'Other (Databases)', 'usage'),
        -- Networks.
        (50, '{% load balanc%}', 'Networking', 'Application Networking', 'usage'),
        (51, '{% nat gateway%}', 'Networking', 'Network Routing', 'usage'),
        (52, '{% partner connect %,% partner attachment%,% partner interconnect %,% network connect %,% ip %,% ips %,% ipv4 %,% ipv6 %,% byoip %}',
            'Networking', 'Network Connectivity', 'usage'),
        (53, '{% cdn %}', 'Networking', 'Content Delivery', 'usage'),
        -- Platform.
        (60, '{% function%,% serverless %}', 'Compute', 'Serverless Compute', 'usage'),
        (61, '{% app %,% apps %,% app platform %,% static site%}',
            'Web', 'Application Platforms', 'usage'),
        (62, '{% uptime %}', 'Management and Governance', 'Observability', 'usage'),
        (63, '{% add on%,% addon%,% marketplace %}', 'Other', 'Other (Other)', 'usage'),
        -- Last: words that other products hold, too.
        (70, '{% fee %,% fees %,% surcharge%,% minimum charge %,% minimum spend %,% penalt%,% interest %,% rounding %}',
            'Other', 'Other (Other)', 'adjustment')
) AS s (place, words, service_category, service_subcategory, charge)
