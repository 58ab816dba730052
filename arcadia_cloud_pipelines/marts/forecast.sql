/*
comment = """
What will the open month cost, and its next invoice? One row an account, month and method, from the
newest forecast. structure is the one to use: what runs runs on, line by line; last_invoice and
straight_line stand beside it for comparison.
"""
grain = ["account", "period", "method"]
example = """
SELECT period, method, low, expected, high, next_invoice, back_test_error FROM marts.forecast
ORDER BY method = 'structure' DESC, method
"""
[columns]
method = "structure: what runs runs on. last_invoice: the month before again. straight_line: the use so far, by the share of the month."
low = "US dollars: one of ten past months was below this share of its forecast. Null while fewer than five months could be tested."
expected = "US dollars of the whole month, taxes and credits included."
high = "US dollars: one of ten past months was above this share of its forecast. Null as low is."
taxes = "US dollars of taxes in expected. Null where the method does not tell them apart."
credits = "US dollars of credits in expected, negative. Null where the method does not tell them apart."
so_far = "US dollars until known_until. Null for last_invoice."
next_invoice = "US dollars that are not invoiced yet: expected less what was invoiced within the month."
back_test_error = "Mean error of the method at this day of the last twelve closed months, as a share of the month. Null as low is."
made_at = "When the forecast was made."
known_until = "It knows the use until then, and nothing later."
note = "Why complete is false. Null when all is well."
as_of = "The same as known_until."
complete = "True when the preview that it rests on was read whole and lately. The month is open: that is what a forecast is for."
*/
SELECT DISTINCT ON (f.account, f.method)
    f.account, f.period, f.method, f.low, f.expected, f.high, f.taxes, f.credits, f.so_far,
    f.expected - f.invoiced AS next_invoice, f.back_test_error, 'USD' AS currency, f.made_at,
    f.known_until, f.note, f.known_until AS as_of, f.whole AS complete
FROM public.cloud_forecasts AS f
WHERE f.period = (SELECT max(n.period) FROM public.cloud_forecasts AS n WHERE n.account = f.account)
ORDER BY f.account, f.method, f.made_at DESC, f.id DESC
