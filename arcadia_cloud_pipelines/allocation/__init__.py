"""Who pays: each cent of each invoice belongs to a tenant by a rule, or to none for a reason.

What invoices hold and how lines find their resource is `billing/`; whose a project is, is
`inventory/`. Here is what follows: rules, their application, and the statements of closed months.
"""
