"""Mirror of a DigitalOcean account in PostgreSQL: inventory, cost and drift."""
