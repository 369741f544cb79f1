"""What a field of an unknown webhook is: by name in seven languages, by value, and never somebody else's."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.meta_spec.shipped_files import shipped
from bridge.recognize.guess import RULES, recognize, rules_for
from bridge.recognize.known_shapes import known_shape
from bridge.recognize.ownership import payload_context
from bridge.recognize.payload_fields import joined_path, payload_fields
from bridge.recognize.recognition_tables import folded, recognition_tables

TABLES = recognition_tables()


def best(data: object) -> dict[str, str]:
    """Return the first path of each destination."""
    found: dict[str, str] = {}
    for guess in recognize(data):
        found.setdefault(guess.destination, guess.field.path)
    return found


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {"First Name": "Dana", "Last Name": "Sample", "E-mail": "d@example.com", "Zip Code": "90001"},
            {"first_name": "First Name", "last_name": "Last Name", "email": "E-mail", "zip": "Zip Code"},
            id="English",
        ),
        pytest.param(
            {
                "Vorname": "Jörg",
                "Nachname": "Weiß",
                "E-Mail-Adresse": "j@example.de",
                "Handynr": "",
                "PLZ": "01067",
                "Ort": "Köln",
                "Telefonnummer": "0151 2345678",
                "Geburtsdatum": "24.12.1980",
            },
            {
                "first_name": "Vorname",
                "last_name": "Nachname",
                "email": "E-Mail-Adresse",
                "zip": "PLZ",
                "city": "Ort",
                "phone": "Telefonnummer",
                "date_of_birth": "Geburtsdatum",
            },
            id="German",
        ),
        pytest.param(
            {
                "prénom": "Zoé",
                "nom de famille": "Dupont",
                "courriel": "z@example.fr",
                "téléphone": "06 12 34 56 78",
                "code postal": "74100",
                "ville": "Annemasse",
                "pays": "France",
            },
            {
                "first_name": "prénom",
                "last_name": "nom de famille",
                "email": "courriel",
                "phone": "téléphone",
                "zip": "code postal",
                "city": "ville",
                "country": "pays",
            },
            id="French",
        ),
        pytest.param(
            {
                "nombre": "Ana",
                "apellidos": "García López",
                "correo electrónico": "a@example.es",
                "móvil": "612 345 678",
                "código postal": "28013",
                "ciudad": "Madrid",
                "país": "España",
            },
            {
                "first_name": "nombre",
                "last_name": "apellidos",
                "email": "correo electrónico",
                "phone": "móvil",
                "zip": "código postal",
                "city": "ciudad",
                "country": "país",
            },
            id="Spanish",
        ),
        pytest.param(
            {
                "nome completo": "Ana Exemplo",
                "telefone": "5511955501234",
                "cidade": "São Paulo",
                "CEP": "01310-100",
                "endereço de e-mail": "ana@example.com.br",
                "data de nascimento": "1990-02-03",
            },
            {
                "full_name": "nome completo",
                "phone": "telefone",
                "city": "cidade",
                "zip": "CEP",
                "email": "endereço de e-mail",
                "date_of_birth": "data de nascimento",
            },
            id="Portuguese",
        ),
        pytest.param(
            {
                "Nome": "Giulia",
                "Cognome": "Rossi",
                "indirizzo email": "g@example.it",
                "cellulare": "333 1234567",
                "CAP": "00184",
                "città": "Roma",
                "provincia": "RM",
            },
            {
                "first_name": "Nome",
                "last_name": "Cognome",
                "email": "indirizzo email",
                "phone": "cellulare",
                "zip": "CAP",
                "city": "città",
                "state": "provincia",
            },
            id="Italian",
        ),
        pytest.param(
            {
                "voornaam": "Sanne",
                "achternaam": "de Vries",
                "e-mailadres": "s@example.nl",
                "telefoonnummer": "0612345678",
                "postcode": "1012 AB",
                "woonplaats": "Amsterdam",
            },
            {
                "first_name": "voornaam",
                "last_name": "achternaam",
                "email": "e-mailadres",
                "phone": "telefoonnummer",
                "zip": "postcode",
                "city": "woonplaats",
            },
            id="Dutch",
        ),
    ],
)
def test_fields_are_recognised_by_their_names(payload, expected):
    found = best(payload)
    assert {name: found.get(f"user_data.{name}") for name in expected} == expected


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        pytest.param("IwAR0abc", True, id="a short one, as examples have it"),
        pytest.param("Xy7aBcDeF0123456789", True, id="a beginning that Meta has not used yet"),
        pytest.param("", True, id="empty, as in a test of the form"),
        pytest.param("Facebook", False, id="a word"),
        pytest.param("2026112810", False, id="a number"),
        pytest.param(True, False, id="yes or no"),
    ],
)
def test_a_click_id_needs_no_known_beginning_under_its_own_name(value, is_one):
    assert best({"fbclid": value}) == ({"user_data.fbclid": "fbclid"} if is_one else {})
    assert best({"q17": value}) == {}


@pytest.mark.parametrize(
    ("value", "destination"),
    [
        pytest.param("dana.sample@example.com", "user_data.email", id="an e-mail"),
        pytest.param("+49 151 23456789", "user_data.phone", id="a phone with its country"),
        pytest.param("(202) 555-0143", "user_data.phone", id="a North American phone"),
        pytest.param("fb.1.1795000000000.IwAR2xYzAbCdEf", "user_data.fbc", id="fbc"),
        pytest.param("fb.1.1795000000000.1019141", "user_data.fbp", id="fbp"),
        pytest.param("IwAR0examplefbclid", "user_data.fbclid", id="fbclid"),
        pytest.param("Mozilla/5.0 (X11; Linux x86_64)", "user_data.user_agent", id="user agent"),
    ],
)
def test_some_values_need_no_name(value, destination):
    assert best({"q17": value}) == {destination: "q17"}


@pytest.mark.parametrize(
    "value", ["1795219200", "5451", "hello", "2025550143", True, 12, None, "", [], "{{1.email}}"]
)
def test_other_values_without_a_telling_name_are_nothing(value):
    assert best({"q17": value}) == {}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"owner": {"email": "sales@example.com", "phone": "+4930123456"}}, id="the sales owner"),
        pytest.param(
            {"owner_email": "sales@example.com", "ownerPhone": "+4930123456"}, id="owner in the name"
        ),
        pytest.param({"contact": {"owner": {"email": "sales@example.com"}}}, id="the contact's owner"),
        pytest.param({"company": {"phone": "+4930123456", "city": "Berlin"}}, id="the company"),
        pytest.param({"company_phone": "+4930123456", "store": {"country": "DE"}}, id="company and store"),
        pytest.param({"organizer": {"name": "Host Example", "email": "host@example.com"}}, id="a host"),
        pytest.param(
            {"location": {"city": "Springfield", "postalCode": "62701", "state": "IL"}}, id="the office"
        ),
        pytest.param({"Verkäufer E-Mail": "v@example.de", "Firma Telefon": "+4930123456"}, id="in German"),
        pytest.param({"tracking_phone_number": "+15550100180"}, id="a tracking number"),
        pytest.param({"previous": {"email": "old@example.com"}}, id="what it was before"),
        pytest.param({"assigned_to": {"first_name": "Sam", "last_name": "Seller"}}, id="the assigned"),
    ],
)
def test_other_peoples_data_is_never_the_customers(payload):
    assert {name for name in best(payload) if name.startswith("user_data.")} == set()


def test_the_customers_own_fields_win_over_everybody_elses():
    payload = {
        "user": {"email": "rep@example.com"},
        "shop": {"email": "shop@example.com", "phone": "+4930123456"},
        "customer": {"email": "jane@example.com", "phone": "+4915112345678"},
    }
    found = best(payload)
    assert (found["user_data.email"], found["user_data.phone"]) == ("customer.email", "customer.phone")


SAM = {"id": 1, "name": "Sam Agent", "email": "sam@dealer.example.com", "phone": "+12025550100"}
JANE = {"id": 77, "name": "Jane Doe", "email": "jane.doe@example.com", "phone": "+12025550143"}


@pytest.mark.parametrize(
    ("payload", "email"),
    [
        pytest.param(
            {"ticket": {"requester": JANE, "assignee": SAM}}, "ticket.requester.email", id="a ticket"
        ),
        pytest.param({"user": JANE, "admin": SAM}, "user.email", id="a user and an admin"),
        pytest.param({"from": JANE, "to": [SAM]}, "from.email", id="a message"),
        pytest.param(
            {"direction": "outbound", "from": SAM, "to": JANE}, "to.email", id="an outbound message"
        ),
        pytest.param({"booking": {"guest": JANE, "property": SAM}}, "booking.guest.email", id="a hotel"),
        pytest.param(
            {"call": {"contact": JANE, "user": SAM, "number": SAM}}, "call.contact.email", id="a call"
        ),
        pytest.param(
            {"data": {"user": SAM, "contact": None}}, None, id="an agent, and a contact that is empty"
        ),
        pytest.param(
            {"name": "order.updated", "customer": JANE}, "customer.email", id="the name of an event"
        ),
        pytest.param(
            {"lead": {**JANE, "emergency_contact": SAM}}, "lead.email", id="somebody to call instead"
        ),
        pytest.param({"customer_email": None, "card": SAM}, "customer_email", id="a card"),
    ],
)
def test_no_address_but_the_customers_is_guessed_not_even_as_the_second_choice(payload, email):
    people = ("user_data.email", "user_data.phone", "user_data.full_name")
    guessed = [guess.field for guess in recognize(payload) if guess.destination in people]
    assert {
        field.path for field in guessed if "Sam" in str(field.value) or "0100" in str(field.value)
    } == set()
    assert best(payload).get("user_data.email") == email


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        pytest.param({"contact[email]": "a@example.com"}, "contact[email]", id="flat brackets"),
        pytest.param({"data__email": "a@example.com"}, "data__email", id="double underscores"),
        pytest.param(
            {"properties": {"email": {"value": "a@example.com"}}}, "properties.email.value", id="value below"
        ),
        pytest.param(
            {"fields": [{"label": "Name", "value": "A"}, {"label": "Your e-mail", "value": "a@example.com"}]},
            "fields(label=Your e-mail).value",
            id="questions and answers",
        ),
        pytest.param(
            {"answers": [{"type": "email", "email": "a@example.com"}]},
            "answers(type=email).email",
            id="answers by type",
        ),
        pytest.param(
            {"emails": [{"value": "a@example.com", "primary": True}]},
            "emails.first.value",
            id="first of a list",
        ),
        pytest.param({"E-mail": ["a@example.com"]}, "E-mail.first", id="a list of one"),
        pytest.param(
            {"E-mail (work, please)": "a@example.com"}, "[E-mail (work, please)]", id="a key with signs"
        ),
    ],
)
def test_the_path_of_a_field_is_as_a_mapping_would_write_it(payload, path):
    assert best(payload)["user_data.email"] == path


def test_a_key_is_written_so_that_the_language_reads_it_back():
    assert [joined_path("a", key) for key in ("b", "1.3", "b c", "Phone (home)", "*")] == [
        "a.b", "a.1.3", "a.b c", "a[Phone (home)]", "a[*]",
    ]  # fmt: skip


def test_a_state_that_is_a_status_is_no_region():
    assert "user_data.state" not in best({"state": "paid"})
    assert best({"state": "CA"})["user_data.state"] == "state"


def test_taxes_and_shipping_are_not_the_amount():
    payload = {"tax_total": "8.20", "shipping_total": "5.00", "total": "90.16", "discount": "1.00"}
    assert best(payload)["custom_data.value"] == "total"


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        pytest.param({"portal-id": 1, "properties": {}}, "a HubSpot workflow webhook", id="by its keys"),
        pytest.param({"properties": {}}, None, id="one key is not enough"),
        pytest.param([], None, id="a list"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_a_sender_is_recognised_by_the_shape_of_its_payload(payload, name):
    shape = known_shape(payload)
    assert (shape.name if shape else None) == name


def test_names_are_compared_without_case_accents_and_signs():
    assert folded("Prénom") == folded("PRENOM") == folded("pre-nom") == "prenom"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150)
@given(JSON_VALUES)
def test_no_payload_upsets_the_recognition(data):
    assert all(guess.strength > 0 for guess in recognize(data))


def test_a_huge_payload_is_looked_at_only_so_far():
    assert len(payload_fields([{"email": "a@example.com"}] * 100_000)) == 5_000
    deep: object = Decimal(1)
    for _ in range(1_000):
        deep = {"a": deep}
    assert payload_fields(deep) == ()


# --- what is looked at ------------------------------------------------------------------------------


def bodies():
    """Yield the JSON bodies of all vendors that are recorded here and with the shipped mappings."""
    for folder in (Path(__file__).parent / "bodies", shipped("mappings") / "samples"):
        for file in sorted(folder.rglob("*.json")):
            if not file.name.endswith(".headers.json") and file.name != "facts.json":
                yield json.loads(file.read_bytes())


def test_no_rule_that_a_name_rules_out_would_have_said_anything():
    asked = skipped = 0
    for data in bodies():
        fields = payload_fields(data)
        context = payload_context(fields, TABLES)
        for field in fields:
            left = {known.destination for known, _ in rules_for(field.name, field.within)}
            for known in (known for known in TABLES.fields if known.rule):
                asked += 1
                if known.destination not in left:
                    skipped += 1
                    assert RULES[known.rule](field, known, context, TABLES) == 0, (field.path, known.rule)
    assert skipped > asked / 2 > 1000
