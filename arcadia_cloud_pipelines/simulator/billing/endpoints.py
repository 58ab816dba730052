"""The billing endpoints, all behind `billing:read`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from starlette.responses import Response

from ..api_errors import not_found_error, unprocessable
from ..call import Call, json_response
from ..paging import page_of
from ..registry import Route, register_route
from .books import UnknownInvoiceError
from .invoice import PERSON_PREFIX, Entry, Invoice

_PAGING = frozenset({"page", "per_page"})
_MY = "/v2/customers/my"
_MOST_DAYS = 31
_PER_PAGE = 200
_ONE = f"{_MY}/invoices/{{invoice_uuid}}"


def _invoice(call: Call) -> Invoice:
    wanted = call.path_params["invoice_uuid"]
    try:
        invoice = call.account.billing.find(wanted)
    except UnknownInvoiceError:
        raise not_found_error() from None
    if wanted not in (invoice.uuid, "preview"):
        raise not_found_error()  # by period: a convenience of the simulator's own
    return invoice


def _balance(call: Call) -> Response:
    return json_response(call.account.billing.balance())


def _prepayment(call: Call) -> Response:
    status = call.account.billing.prepayment
    if status is None:
        raise not_found_error()
    return json_response({"status": status})


def _prepayment_config(call: Call) -> Response:
    if call.account.billing.prepayment is None:
        raise not_found_error()
    return json_response({"config": {"prepay_threshold": "50.00"}})


def _history(call: Call) -> Response:
    return page_of(call, "billing_history", call.account.billing.history(), Entry.as_json)


def _invoices(call: Call) -> Response:
    billing = call.account.billing
    preview = billing.preview()
    beside = {"invoice_preview": preview.header()} if preview is not None else {}
    return page_of(call, "invoices", billing.invoices(), Invoice.header, beside=beside)


def _items(call: Call) -> Response:
    invoice = _invoice(call)
    return page_of(call, "invoice_items", invoice.lines, invoice.item)


def _summary(call: Call) -> Response:
    return json_response(_invoice(call).summary())


def _file(call: Call, invoice: Invoice, content: bytes, extension: str, media: str) -> Response:
    name = invoice.file_name(call.account.billing.account_number, extension)
    # No charset, as in reality: Starlette would add one to a media type.
    headers = {"content-type": media, "content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers)


def _csv(call: Call) -> Response:
    invoice = _invoice(call)
    content = invoice.csv(call.account.billing.dialect)
    return _file(call, invoice, content, "csv", "text/csv")


def _pdf(call: Call) -> Response:
    invoice = _invoice(call)
    text = f"{PERSON_PREFIX}Ada Example, invoice {invoice.id}, {invoice.period}: {invoice.amount}"
    return _file(call, invoice, _pdf_page(text), "pdf", "application/pdf")


def _insights(call: Call) -> Response:
    """A page of data points: numbered, without links and meta."""
    if call.path_params["account_urn"] != f"do:team:{call.account.team_uuid}":
        raise not_found_error()
    try:
        first = date.fromisoformat(call.path_params["start_date"])
        last = date.fromisoformat(call.path_params["end_date"])
        page, size = int(call.params.get("page", 1)), int(call.params.get("per_page", 20))
    except ValueError:
        raise unprocessable("invalid date or page") from None
    if not 0 <= (last - first).days <= _MOST_DAYS or page < 1 or not 1 <= size <= _PER_PAGE:
        raise unprocessable("the date range or the page is not allowed")
    points = call.account.billing.days.points(first, last)
    return json_response(
        {
            "data_points": points[(page - 1) * size : page * size],
            "total_items": len(points),
            "total_pages": max(1, -(-len(points) // size)),
            "current_page": page,
        }
    )


def _pdf_page(text: str) -> bytes:
    """A PDF with one line of text, as small as one may be."""
    stream = f"BT /F1 12 Tf 50 750 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body = "%PDF-1.4\n"
    table = "0000000000 65535 f \n"
    for number, content in enumerate(objects, 1):
        table += f"{len(body):010d} 00000 n \n"
        body += f"{number} 0 obj\n{content}\nendobj\n"
    count = len(objects) + 1
    tail = f"trailer << /Size {count} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {count}\n{table}{tail}".encode("ascii")


def _register(path: str, handle: Callable[[Call], Response], paged: bool = False) -> None:
    params = _PAGING if paged else frozenset()
    register_route(
        Route(method="GET", path=path, scope="billing:read", handle=handle, params=params)
    )


_register(f"{_MY}/balance", _balance)
_register(f"{_MY}/prepayment_status", _prepayment)
_register(f"{_MY}/prepayment_config", _prepayment_config)
_register(f"{_MY}/billing_history", _history, paged=True)
_register(f"{_MY}/invoices", _invoices, paged=True)
_register(_ONE, _items, paged=True)
_register(f"{_ONE}/summary", _summary)
_register(f"{_ONE}/csv", _csv)
_register(f"{_ONE}/pdf", _pdf)
_register("/v2/billing/{account_urn}/insights/{start_date}/{end_date}", _insights, paged=True)
