"""Published vectors: what Meta documents, and what Meta's own libraries and two large gateways test with."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from facebook_business.adobjects.serverside.normalize import Normalize

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.normalize import Normalized, normalize_value

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def normalized(field, value, country=None):
    return normalize_value(field, value, country, now=NOW)


# field, country, input, cleaned, SHA-256: printed in Meta's page of customer information, or by its parameter
# builder's own tests, or built by the documented rule; every hash computed with hashlib over UTF-8.
VECTORS = """
em||John_Smith@gmail.com|john_smith@gmail.com|62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f
em||  Jane@Example.COM |jane@example.com|8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d
ph|US|(650)555-1212|16505551212|e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176
ph||+1 (616) 954-78 88|16169547888|bb2fa2e6d2cea4746530c99686d0c7886ab2019875dca2d7e9e171c0e6ada00d
ph||+001 (616) 954-78 88|16169547888|bb2fa2e6d2cea4746530c99686d0c7886ab2019875dca2d7e9e171c0e6ada00d
ph||01(650)123-4567|16501234567|1f41a6876308cc581e7c096db4b342524d51f06f1df35537e30859e3956b5e89
ph||+44 20 7946 0958|442079460958|35e206e5dec4c89b9e8b71b8c32724a5bb518483ac5a20c6617d738375b3b823
ph||+44 (0)7911 123456|447911123456|40b5c38342a9c584ec707e8679b003f8c779c6aaa138c976ef94e049cc05208f
fn||Mary|mary|6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec
fn||정|정|8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14
fn||Valéry|valéry|08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c
ln||O'Connor|oconnor|7a0fbfdf40cbeb97429bdb88f512cecd27f0d44b7e57986ab578423bb61936ac
ln||O'Brien|obrien|b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba
fn||St. John|stjohn|2012ca9043ebe0e4ad081f0033e5a72bc380249a621f1c5705fc50deebc51663
fn||José María González|josémaríagonzález|e937754fb6ecc9fe3559140a7551036dd6c0f5cbede750c375e7119ee9fe5cb7
ge||female|f|252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111
ge||male|m|62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a
db||2/16/1997|19970216|01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c
db||1995-05-03|19950503|bcb778a22f07347da62c2fc5be7f43cf35ce546b2703fd5d1f1adc0e384ec365
ct||Paris|paris|1670f2e42fefa5044d59a65349e47c566009488fc57d7b4376dd5787b59e3c57
ct||London|london|6089854c94ca5454b76be6752c562901a985f64c9a946f62976aeab593b83161
ct||New York|newyork|350c754ba4d38897693aa077ef43072a859d23f613443133fecbbd90a3512ca5
ct||Menlo-Park|menlopark|0007a3d64c01e23d5075203c5977c14e4f7e01a3fc570686fcc50b5e1dd42685
ct||São Paulo|sãopaulo|3eda1428ae1aece064071f8d40f08fe2bc59ffa66c171a163caf15122ec4d7f0
st||Arizona|az|9c0ada37bf74aeefae949fdfc90db0cf6eaf90192eff67d65887771f0585e055
st||AZ|az|9c0ada37bf74aeefae949fdfc90db0cf6eaf90192eff67d65887771f0585e055
st||California|ca|6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126
st||CA|ca|6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126
zp||94035|94035|1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e
zp|US|37221-3312|37221|4c8aef49c98ac36122e884c4bb76b30384118053921db0ffd3ec31c4f1d93a40
zp|GB|M1 1AE|m11ae|1dc694c2070e697769fb959b50671d76cafd430d8ca191fbdd0affcaea344ac5
zp|FR|75018|75018|8dc3075ea745609c169d1c120d3fcd1c42673d16f18b423f4374e894d34a098a
zp|BR|01310-100|01310100|9a4a139dfbfcd2fc89a3cb4302dad65a35abd8d29a56c09a962b69c5cf3bca40
country||United States|us|79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621
country||United Kingdom|gb|0b407281768f0e833afef47ed464b6571d01ca4d53c12ce5c51d1462f4ad6677
""".strip().splitlines()


@pytest.mark.parametrize("line", VECTORS)
def test_a_documented_vector_comes_out_with_its_hash(line):
    field, country, given, cleaned, digest = line.split("|")
    assert normalized(field, given, country or None) == Normalized(field, cleaned, digest, None)


def test_a_decomposed_name_hashes_as_the_composed_one():
    assert normalized("fn", "Vale\u0301ry").sent == normalized("fn", "Valéry").sent


# What the tests of other projects expect without a country; where they contradict each other, see DECIDED.
PUBLISHED = [
    ("em", "NICK@EMAIL.com", "nick@email.com"),
    ("em", "     John_Smith@gmail.com    ", "john_smith@gmail.com"),
    ("em", "  Test.User+Tag123@Sub-Domain.Example.COM  ", "test.user+tag123@sub-domain.example.com"),
    ("em", "First.Last@Sub.Domain.COM", "first.last@sub.domain.com"),
    ("em", "invalid-email", None),
    ("em", "user@", None),
    ("em", "@example.com", None),
    ("em", "user@@example.com", None),
    ("em", "user name@example.com", None),
    ("em", '"test user"@example.com', None),
    ("em", "", None),
    ("em", "   ", None),
    ("ph", "1(650)123-4567", "16501234567"),
    ("ph", "  4792813113", "4792813113"),
    ("ph", "  3227352263", "3227352263"),
    ("ph", "alreadyHasPhoneCode: false; phoneCode: '+86'; phoneNumber: '12345678'", "8612345678"),
    ("ph", "alreadyHasPhoneCode: true; phoneNumber: '322-735-2263'", "3227352263"),
    ("ph", "+1 (555) 123-4567", "15551234567"),
    ("ph", "0015551234567", "15551234567"),
    ("ph", "0000015551234567", "15551234567"),
    ("ph", "+44 20 1234 5678", "442012345678"),
    ("ph", "+33 1 42 86 83 26", "33142868326"),
    ("ph", "+81-3-5843-2301", "81358432301"),
    ("ph", "+61 2 9374 4000", "61293744000"),
    ("ph", "+49 30 12345678", "493012345678"),
    ("ph", "Call me at +1 (555) 123-4567 today!", "15551234567"),
    ("ph", "0000", None),
    ("ph", "()- +.", None),
    ("ge", "Boy", "m"),
    ("ge", "M", "m"),
    ("ge", "Girl", "f"),
    ("ge", "        Woman         ", "f"),
    ("ge", "unknown", None),
    ("fn", "    Na'than-Boile    ", "nathanboile"),
    ("ln", "    Doe-Doe    ", "doedoe"),
    ("fn", "  John Smith  ", "johnsmith"),
    ("ct", "    Menlo-Park  ", "menlopark"),
    ("ct", "  San Francisco  ", "sanfrancisco"),
    ("st", "    California.   ", "ca"),
    ("st", "  TE", "te"),
    ("st", "    C/a/lifo,rnia.  ", "ca"),
    ("st", "  New York  ", "ny"),
    ("zp", "  90210-1234  ", "90210"),
    ("zp", "37221", "37221"),
    ("zp", "12345 9876", "123459876"),
    ("st", " New South Wales", "newsouthwales"),
    ("country", "U S ", "us"),
    ("country", "Portugal ", "pt"),
    ("ph", "+1-510-555-0011 ", "15105550011"),
    ("ge", "FEMALE   ", "f"),
    ("ge", "other", None),
    ("country", "       United States       ", "us"),
    ("country", "       US       ", "us"),
    ("country", "  Germany  ", "de"),
    ("db", "01/15/1990", "19900115"),
    ("db", "invalid-date", None),
    ("external_id", "abcdef123456", "abcdef123456"),
]


@pytest.mark.parametrize(("field", "given", "cleaned"), PUBLISHED)
def test_a_vector_of_another_project_comes_out_the_same(field, given, cleaned):
    result = normalized(field, given)
    assert result.normalized == cleaned
    assert result.sent == (sha256(cleaned.encode()).hexdigest() if cleaned else None)


# Where Meta's documents and libraries contradict each other: what others make of it, and what we do.
DECIDED = [
    pytest.param("ph", "(555) 123-4567", None, "5551234567", None, id="a national number without country"),
    pytest.param("ph", "+1-555-123-4567 ext. 123", None, "15551234567123", "15551234567", id="an extension"),
    pytest.param(
        "ph",
        "alreadyHasPhoneCode: false; countryCode: 'US'; phoneCode: '1'; phoneNumber: '(650)123-4567'",
        None,
        "16501234567",
        None,
        id="digits of another part, as in `Room 1, 650 123 4567`",
    ),
    pytest.param("ph", "+44 (0)7911 123456", None, "4407911123456", "447911123456", id="a trunk zero"),
    pytest.param(
        "ph", "+1-555-123-4567-890-123-456-789", None, "15551234567890123456789", None, id="too long"
    ),
    pytest.param("ph", "1-800-FLOWERS", None, "1800", None, id="letters for digits"),
    pytest.param("ln", "O’Brien", None, "o’brien", "obrien", id="a typographic apostrophe"),
    pytest.param("ct", "São Paulo", None, "sopaulo", "sãopaulo", id="an accent in a city"),
    pytest.param("ct", "Москва", None, None, "москва", id="a city in Cyrillic"),
    pytest.param("st", "Bavaria", "DE", "ba", "bavaria", id="a state outside North America"),
    pytest.param("st", "Washington D.C.", "US", "wa", "dc", id="the District of Columbia"),
    pytest.param("st", "US-CA", None, "us", "ca", id="an ISO 3166-2 code"),
    pytest.param("zp", "M1 1AE", "GB", "m1 1ae", "m11ae", id="a blank in a postal code"),
    pytest.param("zp", "01310-100", "BR", "01310", "01310100", id="a dash in a postal code"),
    pytest.param("zp", "940351234", "US", "940351234", "94035", id="nine digits without a dash"),
    pytest.param("zp", "2139", "US", "2139", "02139", id="a lost leading zero"),
    pytest.param("ph", " 510 555 0011", None, "5105550011", None, id="ten digits without country"),
    pytest.param("st", "Ontario", None, "ontario", "on", id="a Canadian province without country"),
    pytest.param("country", "South Korea", None, "southkorea", "kr", id="South Korea"),
    pytest.param("country", "UK", None, "uk", "gb", id="UK"),
    pytest.param("country", "Polska", None, "po", "pl", id="a country in its own language"),
    pytest.param("country", "Great Britain", None, "gr", "gb", id="Great Britain"),
    pytest.param("country", "Schweiz", None, "sc", "ch", id="Schweiz"),
    pytest.param("db", "03/04/1997", None, "19970304", None, id="an ambiguous date"),
    pytest.param("db", "19970230", None, "19970230", None, id="a day no calendar has"),
    pytest.param("external_id", "ExTeRnAl123", None, "external123", "ExTeRnAl123", id="the case of an id"),
    pytest.param(
        "em", "d41d8cd98f00b204e9800998ecf8427e", None, "d41d8cd98f00b204e9800998ecf8427e", None, id="MD5"
    ),
]


@pytest.mark.parametrize(("field", "given", "country", "theirs", "ours"), DECIDED)
def test_a_contradiction_is_decided_as_the_rule_file_says(field, given, country, theirs, ours):
    assert theirs != ours
    assert normalized(field, given, country).normalized == ours
    assert load_meta_spec().user_data[field].decision


SDK_AGREES = [
    ("em", " John_Smith@Gmail.com"),
    ("ph", "+1 (616) 954-78 88"),
    ("ph", "+4915123456789"),
    ("ct", "New York"),
    ("ct", "São Paulo"),
    ("ct", "Москва"),
    ("zp", "94035"),
    ("zp", "37221-3312"),
    ("country", "US"),
    ("fn", "Mary"),
    ("ln", "Müller"),
    ("st", "CA"),
]


@pytest.mark.parametrize(("field", "given"), SDK_AGREES)
def test_metas_python_sdk_agrees_where_nothing_is_contradictory(field, given):
    assert normalized(field, given).sent == Normalize.normalize(field, given, True)


HASH = sha256(b"jane@example.com").hexdigest()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param(HASH, HASH, id="lower case"),
        pytest.param(HASH.upper(), HASH, id="upper case"),
        pytest.param(f" {HASH} ", HASH, id="with blanks"),
        pytest.param(f"{HASH}.AQ", f"{HASH}.AQ", id="with a legacy token"),
        pytest.param(f"{HASH.upper()}.AQICAQEC", f"{HASH}.AQICAQEC", id="with a token of version 2"),
    ],
)
@pytest.mark.parametrize(
    "field", ["em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country", "external_id"]
)
def test_a_value_that_is_hashed_already_passes_through(field, given, sent):
    assert normalized(field, given) == Normalized(field, sent, sent, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "undefined",
        "none",
        "nan",
        "n/a",
        "unknown",
        "test",
        "0",
        "true",
        "[object object]",
        "NULL",
    ],
)
@pytest.mark.parametrize("field", ["em", "ph", "fn", "ct", "zp", "external_id"])
def test_the_hash_of_nothing_is_dropped_even_when_it_arrives_hashed(field, text):
    assert normalized(field, sha256(text.encode()).hexdigest()).sent is None
    assert normalized(field, text).sent is None
