"""What Pydantic finds wrong with a document, as problem+json tells it: a place, a stable code, and a sentence for whoever wrote it."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

FAULTS_MAX = 20
_SAID = {
    "extra_forbidden": "Is not known here; look for a slip of the pen, or leave it out.",
    "missing": "Is missing.",
    "none_required": "Must be left out.",
    "string_type": "Must be a text.",
    "string_too_short": "Must have at least {min_length} characters.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_pattern_mismatch": "Must look like {pattern}.",
    "int_type": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "float_type": "Must be a number.",
    "float_parsing": "Must be a number.",
    "finite_number": "Must be a finite number.",
    "decimal_type": "Must be a number.",
    "decimal_parsing": "Must be a number.",
    "bool_type": "Must be true or false.",
    "bool_parsing": "Must be true or false.",
    "greater_than": "Must be more than {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than": "Must be less than {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "list_type": "Must be a list.",
    "tuple_type": "Must be a list.",
    "too_short": "Must have at least {min_length} entries; it has {actual_length}.",
    "too_long": "Must have at most {max_length} entries.",
    "dict_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "literal_error": "Must be {expected}.",
    "enum": "Must be {expected}.",
    "value_error": "{error}",
}


def faults_of(error: ValidationError, under: str) -> list[dict[str, str]]:
    """{field, code, message} of the first FAULTS_MAX; `under` is the field that holds the document."""
    found = error.errors(include_url=False, include_input=False)[:FAULTS_MAX]
    return [{"field": place_of(under, *one["loc"]), "code": one["type"], "message": _words(one)} for one in found]


def place_of(*parts: int | str) -> str:
    """`rules.payees.allowed.0`."""
    return ".".join(str(part)[:60] for part in parts).replace("\x00", "")


def _words(fault: ErrorDetails) -> str:
    context: dict[str, Any] = fault.get("ctx", {})
    said = _SAID.get(fault["type"])
    return said.format_map(context) if said else f"{fault['msg']}."
