"""What the account costs: balance, invoices, their lines, and the resources the lines paid for.

What belongs here: reading what was billed, and finding what each line is about. Who pays for it is
`allocation/`, what the open month will cost is `forecast/`, and answers in SQL are `marts/`.
"""
