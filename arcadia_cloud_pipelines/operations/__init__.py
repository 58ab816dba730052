"""Running it all: processes, start-up, retention, the doctor, the demo.

What belongs here: what one machine needs to run the deployment for years. What does not: anything
about resources, invoices or drift, beyond asking the warehouse how it is.
"""
