"""What is wrong with an item, in the codes and the words of the HTTP door: its own sentences, asked of its own fields."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rest_framework import serializers

from chimera.kernel.errors import Refused
from chimera.kernel.http.problem import OWN_CODES
from swarm.consumers.fields import HALF_SURROGATE

ERRORS_MAX = 20  # of one item that are named
ECHO_MAX = 200  # characters of what was said that are said back
Models = Mapping[str, type[BaseModel]]
Location = tuple[int | str, ...]


def refused(error: ValidationError, models: Models) -> Refused:
    """`models`, by kind: the kind is where each location begins."""
    errors = [_named(fault, models) for fault in error.errors(include_url=False)[:ERRORS_MAX]]
    first = errors[0]
    where = f"{first['field']}: " if first["field"] else ""
    code = first["code"] if len(errors) == 1 and first["code"] in OWN_CODES else "invalid"
    return Refused(f"{where}{first['message']}", code=code, status=422, errors=errors)


def _named(fault: ErrorDetails, models: Models) -> dict[str, str]:
    said: dict[str, Any] = fault.get("ctx", {})
    if "field" in said:  # fields.wrong: raised by us, in words that are the API's already
        return {"field": said["field"] or _path(fault["loc"][1:]), "code": fault["type"], "message": fault["msg"]}
    code, message = _told(fault, said, models)
    return {"field": _path(fault["loc"][1:]), "code": code, "message": message}


def _told(fault: ErrorDetails, limit: Mapping[str, Any], models: Models) -> tuple[str, str]:
    """Its code and its sentence."""
    said = fault["input"]
    match fault["type"]:
        case "missing":
            return "required", _of(serializers.Field, "required")
        case "extra_forbidden":
            return (
                "unknown_field",
                f"There is no such field; the fields are: {', '.join(_beside(fault['loc'], models))}.",
            )
        case _ if said is None:
            return "null", _of(serializers.Field, "null")
        case "string_too_long" | "too_long":
            kind = serializers.CharField if isinstance(said, str) else serializers.ListField
            return "max_length", _of(kind, "max_length", max_length=limit["max_length"])
        case "literal_error":
            return "invalid_choice", _of(serializers.ChoiceField, "invalid_choice", input=str(said)[:ECHO_MAX])
        case "greater_than_equal":
            return "min_value", _of(serializers.IntegerField, "min_value", min_value=limit["ge"])
        case "less_than_equal":
            return "max_value", _of(serializers.IntegerField, "max_value", max_value=limit["le"])
        case "list_type":
            return "not_a_list", _of(serializers.ListField, "not_a_list", input_type=type(said).__name__)
        case "string_unicode":
            return "invalid", HALF_SURROGATE
        case _:
            return "invalid", _mistyped(fault["type"], said) or fault["msg"]


def _mistyped(fault: str, said: Any) -> str:
    """What should have stood there; empty for a type that no field of ours has."""
    match fault.partition("_")[0]:
        case "string":
            return _of(serializers.CharField, "invalid")
        case "int":
            return _of(serializers.IntegerField, "invalid")
        case "bool":
            return _of(serializers.BooleanField, "invalid")
        case "model" | "dict":
            return _of(serializers.Serializer, "invalid", datatype=type(said).__name__)
    return ""


def _of(kind: Any, code: str, **said: Any) -> str:
    """A sentence of this kind of field of Django REST framework, or of what it is made from."""
    messages = next(c.default_error_messages for c in kind.__mro__ if code in vars(c).get("default_error_messages", {}))
    return str(messages[code]).format(**said)


def _beside(location: Location, models: Models) -> list[str]:
    """The fields that could have stood there."""
    model: Any = models[str(location[0])]
    for part in location[1:-1]:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation)
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds: itself, one or none, a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)


def _path(parts: Location) -> str:
    """As the API names fields: error.code, artifacts.0.type."""
    return ".".join(str(part)[:60] for part in parts).replace("\x00", "")
