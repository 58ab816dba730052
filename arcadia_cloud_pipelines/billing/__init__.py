"""What the account costs: balance, invoices, their lines, and the resources the lines paid for."""
