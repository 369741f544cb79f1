"""The measured work: one realistic shop order, ten hashed fields, two items.

The same order goes through the bridge (mapping file and `translate`), through Meta's official Python SDK,
and through the floor: parse, ten SHA-256, write. The SDK hashes nine of the ten: it leaves `external_id` as
it is, and it checks no schema.
"""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData

from bridge.models import Request

NOW = datetime.now(UTC).replace(microsecond=0)
_CREATED = NOW - timedelta(hours=1)  # fresh enough for Meta whenever this runs
_COOKIE_MS = int(_CREATED.timestamp()) * 1000
NAME = "bench-orders"
SECRET = "a-secret-of-the-benchmark"

_VERIFY = '  verify: {scheme: hmac, header: X-Signature, encoding: hex, secret: "${BENCH_SECRET}"}\n'
_FETCH = 'fetch: {buyer: {from: crm, path: "/buyers/{id}"}}\n'
MAPPING = """version: 1
description: Orders of a shop, for the benchmark
send_to: main
receive:
  sent_by: server
{verify}event_name: Purchase
action_source: website
when:
  financial_status: [paid, partially_paid]
event_id: order-{{id}}
event_time: created_at
event_source_url: order_status_url
user_data:
  email: [email, customer.email]
  phone: [customer.phone, billing_address.phone]
  first_name: [customer.first_name, billing_address.first_name]
  last_name: [customer.last_name, billing_address.last_name]
  date_of_birth: customer.date_of_birth
  city: billing_address.city
  state: billing_address.province_code
  zip: billing_address.zip
  country: billing_address.country_code
  external_id: customer.id
  ip: client_details.browser_ip
  user_agent: client_details.user_agent
  fbc: note_attributes(name=_fbc).value
  fbp: note_attributes(name=_fbp).value
custom_data:
  value: total_price
  currency: currency
  order_id: id
  contents:
    for_each: line_items
    id: [variant_id, product_id]
    quantity: quantity
    item_price: price
  num_items: {{sum: line_items.*.quantity}}
defaults:
  content_type: product
"""

ORDER: dict[str, Any] = {
    "id": 820982911946154508,
    "email": " Jane.Doe@Example.com",
    "created_at": _CREATED.isoformat(),
    "currency": "EUR",
    "total_price": "129.95",
    "subtotal_price": "119.95",
    "total_tax": "10.00",
    "financial_status": "paid",
    "fulfillment_status": None,
    "order_number": 1001,
    "order_status_url": "https://shop.example/orders/820982911946154508/thank-you",
    "tags": "vip, newsletter",
    "test": False,
    "note_attributes": [
        {"name": "_fbp", "value": f"fb.1.{_COOKIE_MS}.1116446470"},
        {"name": "_fbc", "value": f"fb.1.{_COOKIE_MS}.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB"},
    ],
    "client_details": {
        "browser_ip": "203.0.113.7",
        "accept_language": "de-DE",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0",
    },
    "customer": {
        "id": 115310627314723954,
        "email": "jane.doe@example.com",
        "phone": "+14165550199",
        "first_name": "Jane",
        "last_name": "O'Connor",
        "date_of_birth": "1990-02-03",
        "orders_count": 3,
        "verified_email": True,
    },
    "billing_address": {
        "first_name": "Jane",
        "last_name": "O'Connor",
        "address1": "123 Amoebobacterieae St",
        "phone": "+14165550199",
        "city": "New York",
        "zip": "10011-1234",
        "province": "New York",
        "province_code": "NY",
        "country": "United States",
        "country_code": "US",
    },
    "line_items": [
        {
            "id": 866550311766439020,
            "variant_id": 808950810,
            "product_id": 632910392,
            "title": "IPod Nano - 8GB",
            "quantity": 1,
            "price": "79.95",
            "sku": "IPOD2008PINK",
        },
        {
            "id": 141249953214522974,
            "variant_id": 457924702,
            "product_id": 921728736,
            "title": "IPod Touch",
            "quantity": 2,
            "price": "25.00",
            "sku": "IPOD2009BLACK",
        },
    ],
}
BODY = json.dumps(ORDER).encode()
HASHED_BY_FLOOR = 10
FIRST_NUMBER = 10**17  # as long as the number it replaces


def request(body: bytes = BODY) -> Request:
    """Return the order as it arrives."""
    return Request(
        method="POST",
        url=f"https://bridge.example/hooks/{NAME}",
        headers={"content-type": "application/json", "user-agent": "shop/1.0"},
        query={},
        body=body,
        ip="198.51.100.20",
        received_at=NOW,
    )


def write_mapping(folder: Path, *, name: str = NAME, signed: bool = False, fetches: bool = False) -> Path:
    """Write the mapping of the order into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.yaml"
    text = MAPPING.format(verify=_VERIFY if signed else "  on_problem: hold\n")
    if fetches:
        text = text.replace("email: [email,", "email: [$buyer.email, email,") + _FETCH
    file.write_text(text)
    return file


def numbered(number: int) -> bytes:
    """Return the order under another number, so that no two webhooks are the same."""
    return BODY.replace(b"820982911946154508", b"%d" % (FIRST_NUMBER + number))


def people(count: int) -> list[bytes]:
    """Return orders from that many different people, so that remembering the last one gains nothing."""
    return [_of_person(number) for number in range(1, count + 1)]


def _of_person(number: int) -> bytes:
    order = copy.deepcopy(ORDER)
    first, last = _name(number), _name(number * 7919)
    order["id"] += number
    order["email"] = f" {first}.{last}{number}@Example.com"
    order["client_details"]["browser_ip"] = f"203.0.{number % 113}.{number % 251}"
    customer, address = order["customer"], order["billing_address"]
    customer |= {
        "id": customer["id"] + number,
        "email": f"{first}{number}@example.com",
        "phone": f"+1416555{number % 10_000:04d}",
        "first_name": first,
        "last_name": f"O'{last}",
        "date_of_birth": f"19{number % 90 + 10}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
    }
    address |= {"first_name": first, "last_name": f"O'{last}", "zip": f"{number % 90_000 + 10_000}-1234"}
    order["note_attributes"][0]["value"] = f"fb.1.{_COOKIE_MS}.{1116446470 + number}"
    return json.dumps(order).encode()


def _name(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 26**place % 26] for place in range(4)).capitalize()


def with_the_sdk(body: bytes) -> str:
    """Do the same with Meta's official Python SDK, the way it sends: build, normalize, serialize."""
    order = json.loads(body)
    customer, address, client = order["customer"], order["billing_address"], order["client_details"]
    notes = {note["name"]: note["value"] for note in order["note_attributes"]}
    user_data = UserData(
        email=order["email"],
        phone=customer["phone"],
        first_name=customer["first_name"],
        last_name=customer["last_name"],
        date_of_birth=customer["date_of_birth"].replace("-", ""),
        city=address["city"],
        state=address["province_code"],
        zip_code=address["zip"],
        country_code=address["country_code"],
        external_id=str(customer["id"]),
        client_ip_address=client["browser_ip"],
        client_user_agent=client["user_agent"],
        fbc=notes["_fbc"],
        fbp=notes["_fbp"],
    )
    contents = [
        Content(
            product_id=str(item["variant_id"]), quantity=item["quantity"], item_price=float(item["price"])
        )
        for item in order["line_items"]
    ]
    custom_data = CustomData(
        value=float(order["total_price"]),
        currency=order["currency"],
        order_id=str(order["id"]),
        contents=contents,
        content_type="product",
        num_items=sum(item["quantity"] for item in order["line_items"]),
    )
    event = Event(
        event_name="Purchase",
        event_id=f"order-{order['id']}",
        event_time=int(datetime.fromisoformat(order["created_at"]).timestamp()),
        event_source_url=order["order_status_url"],
        action_source=ActionSource.WEBSITE,
        user_data=user_data,
        custom_data=custom_data,
    )
    request = EventRequest(pixel_id="1000000000000001", events=[event], access_token="none")
    return json.dumps(request.get_params()["data"])


def floor(body: bytes) -> bytes:
    """Do the minimum: parse, ten hashes, write."""
    order = orjson.loads(body)
    text = order["email"].encode()
    order["hashes"] = [hashlib.sha256(text).hexdigest() for _ in range(HASHED_BY_FLOOR)]
    return orjson.dumps(order)
