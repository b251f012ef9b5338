"""What models write down of what callers say, read and checked."""

from __future__ import annotations

import pytest

from antiphon import ToolError
from antiphon.tasks.email_address import read_email
from antiphon.tasks.person_name import read_name
from antiphon.tasks.phone_number import read_phone_number
from antiphon.tasks.postal_address import read_part, read_postal_code
from antiphon.tasks.spoken_digits import digits_in


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com. ", "ada@example.com"),
        ("<ada@x.com>", "ada@x.com"),
        ("mailto:ada@x.com", "ada@x.com"),
        ("ada at example dot com", "ada@example.com"),
        ("Ada dot Lovelace at example dot co dot uk", "ada.lovelace@example.co.uk"),
        ("john dash smith at my hyphen site dot org", "john-smith@my-site.org"),
        ("ada underscore 1 at gmail dot com", "ada_1@gmail.com"),
        ("ada plus news at x dot com", "ada+news@x.com"),
        ("ada at sign example period com", "ada@example.com"),
        ("ada (at) example (dot) com", "ada@example.com"),
        ("ada[at]example[dot]com", "ada@example.com"),
        ("a d a at example dot com", "ada@example.com"),
        ("a d a @ e x dot c o m", "ada@ex.com"),
        ("dash at example dot com", "dash@example.com"),
        ("jürgen@münchen.de", "jürgen@münchen.de"),
        ("o'hara+x_y@a-b.example", "o'hara+x_y@a-b.example"),
        (f"{'a' * 64}@b.de", f"{'a' * 64}@b.de"),
    ],
)
def test_email_addresses_are_read_as_they_are_spoken(given: str, address: str) -> None:
    assert read_email(given) == address
    assert read_email(address) == address


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "it has no @"),
        ("ada", "it has no @"),
        ("ada lovelace at x dot com", "it has a space; write it without, as the caller spells it"),
        ("a@b@c.com", "it has more than one @"),
        ("@b.com", "nothing stands before the @"),
        ("ada@", "nothing stands behind the @"),
        ("ada@example", "'example' behind the @ has no ending such as .com"),
        ("ada..b@x.com", "'ada..b' before the @ has a sign, or a dot, where none can be"),
        (".ada@x.com", "'.ada' before the @ has a sign, or a dot, where none can be"),
        ("a,b@x.com", "'a,b' before the @ has a sign, or a dot, where none can be"),
        (f"{'a' * 65}@b.de", "more than 64 characters stand before the @"),
        ("ada@x..com", "'x..com' behind the @ has two dots together, or one at its edge"),
        ("ada@-x.com", "'-x' behind the @ cannot be part of a domain"),
        ("ada@x_y.com", "'x_y' behind the @ cannot be part of a domain"),
        (f"ada@{'x' * 64}.com", f"'{'x' * 64}' behind the @ cannot be part of a domain"),
        ("ada@x.c", "no domain ends in .c"),
        ("ada@1.2.3.44", "no domain ends in .44"),
        (f"ada@{'.'.join(['x' * 60] * 5)}.com", "it is longer than 254 characters"),
    ],
)
def test_what_is_no_email_address_is_told_precisely(given: str, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        read_email(given)
    assert str(caught.value) == f"{given!r} is no e-mail address: {problem}"


@pytest.mark.parametrize(
    ("given", "code", "number"),
    [
        ("+49 30 1234567", None, "+49301234567"),
        ("0049 30/123-4567", None, "+49301234567"),
        ("+49 (0)30 1234567", None, "+49301234567"),
        ("plus 49 30 55 66 77", None, "+4930556677"),
        ("tel:+4930123456", None, "+4930123456"),
        ("030 1234567", None, "0301234567"),
        ("030 1234567", "49", "+49301234567"),
        ("30 1234567", "49", "+49301234567"),
        ("(415) 555-0123", "1", "+14155550123"),
        ("1 415 555 0123", "1", "+14155550123"),
        ("06 1234567", "39", "+39061234567"),
        ("+33 1 23 45 67 89", "49", "+33123456789"),
        ("five five five one two three four", None, "5551234"),
        ("double five 123 triple oh", None, "55123000"),
        ("+683 4000", None, "+6834000"),
        ("+123456789012345", None, "+123456789012345"),
    ],
)
def test_telephone_numbers_are_read_as_they_are_spoken(
    given: str, code: str | None, number: str
) -> None:
    assert read_phone_number(given, code) == number
    assert read_phone_number(number, code if number.startswith("+") else None) == number


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "'' has 0 digits; a telephone number has 7 to 15"),
        ("123456", "'123456' has 6 digits; a telephone number has 7 to 15"),
        (
            "+1234567890123456",
            "'+1234567890123456' has 16 digits; a telephone number has 7 to 15",
        ),
        (
            "+0301234567",
            "'+0301234567' is no telephone number: no country code begins with 0",
        ),
        ("call me", "'call me' is no telephone number: 'call' is no digit"),
        ("555 0123 triple", "'555 0123 triple' is no telephone number: 'triple' is no digit"),
        ("555 0123 ext 9", "'555 0123 ext 9' has an extension; give the number without it"),
        ("555 0123 x9", "'555 0123 x9' has an extension; give the number without it"),
    ],
)
def test_what_is_no_telephone_number_is_told_precisely(given: str, message: str) -> None:
    with pytest.raises(ToolError) as caught:
        read_phone_number(given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "digits", "other"),
    [
        ("0815", "0815", ""),
        ("zero eight - one, five", "0815", ""),
        ("double 8 1", "881", ""),
        ("٣٤", "34", ""),
        ("12 apples", "12", "apples"),
        ("double", "", "double"),
        ("double 12", "", "12"),
        ("½", "", "½"),
    ],
)
def test_digits_are_found_in_words(given: str, digits: str, other: str) -> None:
    assert digits_in(given) == (digits, other)


@pytest.mark.parametrize("name", ["Ada", "O’Neill", "Jean-Luc", "d'Arc", "李", "van  der Berg"])  # noqa: RUF001
def test_names_are_as_many_as_people(name: str) -> None:
    assert read_name(f" {name} ", "first name") == " ".join(name.split())


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "it is empty"),
        ("42", "it has no letters"),
        ("ada@example.com", "it has signs that are in no name"),
        ("R2D2", "it has signs that are in no name"),
        ("a" * 101, "it has more than 100 characters"),
    ],
)
def test_what_is_no_name_is_told_precisely(given: str, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        read_name(given, "first name")
    assert str(caught.value) == f"{given!r} cannot be the first name: {problem}; ask the caller"


@pytest.mark.parametrize("code", ["62701", "62701-1234", "SW1A 1AA", "1010", "K1A 0B1", ""])
def test_postal_codes_are_read(code: str) -> None:
    assert read_postal_code(f" {code.lower()} ") == code


@pytest.mark.parametrize("code", ["1", "12345678901", "a_b", "don't know"])
def test_what_is_no_postal_code_is_told(code: str) -> None:
    with pytest.raises(ToolError) as caught:
        read_postal_code(code)
    assert str(caught.value) == (
        f"{code!r} is no postal code: it has 2 to 10 letters and digits; ask the caller"
    )


def test_parts_of_an_address_are_checked() -> None:
    assert read_part(" Am  Markt 1, ", "street", required=True) == "Am Markt 1"
    assert read_part("", "region", required=False) == ""
    for given, message in (
        ("", "the street is missing; ask the caller"),
        ("-", "'-' cannot be the street: it has no letters or digits"),
        ("x" * 121, f"{'x' * 121!r} cannot be the street; ask the caller"),
    ):
        with pytest.raises(ToolError) as caught:
            read_part(given, "street", required=True)
        assert str(caught.value) == message
