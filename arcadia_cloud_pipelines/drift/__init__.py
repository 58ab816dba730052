"""What was meant to be, beside what is: specs, the comparison, and the inbox of differences.

What belongs here: where specs come from (people, adoption, Terraform states), when two values are
the same, and decisions. What is, `inventory/` knows; how bad a difference is, says `kinds/`.
"""
