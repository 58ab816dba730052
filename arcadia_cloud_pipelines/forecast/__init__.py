"""What the open month will cost, and how well that was said of past months.

`model` builds a forecast from what runs, line by line; the same statements say what they would have
said of past months. Facts of what was billed belong into `billing`; answers in SQL into `marts`.
"""
