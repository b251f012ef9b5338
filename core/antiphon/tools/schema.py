"""What a function takes, as a JSON schema and as the check of a call's arguments.

pydantic and docstring_parser are imported when the first schema is built, not before.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from ..errors import ToolDefinitionError, did_you_mean
from .arguments import ToolArgumentsError
from .signature import (
    NO_TYPE,
    annotations_of,
    function_of,
    is_run_context,
    parameters_of,
    resolve,
    shown,
)

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """The parameters of one tool."""

    tool: str
    """The tool's name, for messages."""
    description: str
    parameters: dict[str, Any]
    """A JSON schema of type object; not to be changed."""
    context_names: tuple[str, ...]
    """The parameters that get the `RunContext`."""
    model: type[BaseModel] | None = None
    """None for a raw schema, and where there is nothing to fill."""
    computed: frozenset[str] = frozenset()
    """Parameters whose default is pydantic's to give, e.g. `x: int = Field(5, ge=0)`."""

    def check(self, arguments: dict[str, Any], text: str) -> dict[str, Any]:
        """The keyword arguments for the function; raises `ToolArgumentsError` naming the fields."""
        if self.model is None:
            if arguments:
                names = ", ".join(repr(name) for name in arguments)
                raise ToolArgumentsError(f"{self.tool!r} takes no arguments; it was given {names}")
            return {}
        from pydantic import ValidationError

        try:
            filled = self.model.__pydantic_validator__.validate_json(text)
        except ValidationError as error:
            problems = "; ".join(self._problem(each) for each in error.errors(include_url=False))
            raise ToolArgumentsError(
                f"the arguments of {self.tool!r} are not valid: {problems}"
            ) from None
        return {
            field.alias or name: getattr(filled, name)
            for name, field in self.model.model_fields.items()
            if name in filled.model_fields_set or field.alias in self.computed
        }

    def _problem(self, error: Any) -> str:
        where = ".".join(str(part) for part in error["loc"])
        if error["type"] == "missing":
            return f"{where!r} is missing"
        if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            if len(error["loc"]) > 1:
                return f"{where!r} is unknown"
            names = list(self.parameters["properties"])
            return (
                f"{where!r} is unknown (there are: {', '.join(names)}){did_you_mean(where, names)}"
            )
        given = repr(error["input"])
        given = given if len(given) <= 60 else given[:57] + "..."
        message = error["msg"]
        return f"{where!r}: {message[:1].lower()}{message[1:]}, not {given}"


def build_schema(
    fn: Callable[..., Any],
    *,
    tool: str,
    bound: bool,
    names: Mapping[str, Any],
    description: str | None,
    raw_parameters: dict[str, Any] | None = None,
) -> ToolSchema:
    """Reads the signature, the types and the docstring of a function.

    `bound` leaves out its first parameter; `names` are local names that its annotations may use.
    Raises `ToolDefinitionError` that names tool, parameter and type.
    """
    function = inspect.unwrap(function_of(fn))
    annotations = annotations_of(function)
    fixed: Mapping[str, Any] = fn.keywords if isinstance(fn, functools.partial) else {}
    parameters = [each for each in parameters_of(fn)[1 if bound else 0 :] if each.name not in fixed]
    summary, notes = _read_docstring(function.__doc__, needs_notes=len(parameters) > 0)
    description = summary if description is None else description
    context_names: list[str] = []
    hints: dict[str, tuple[Any, inspect.Parameter]] = {}
    for parameter in parameters:
        name = parameter.name
        annotation = annotations.get(name, NO_TYPE)
        hint = resolve(annotation, function, names, f"tool {tool!r}: parameter {name!r}")
        if is_run_context(hint):
            context_names.append(name)
        elif raw_parameters is not None:
            if name != "raw_arguments" and parameter.default is parameter.empty:
                raise ToolDefinitionError(
                    f"tool {tool!r} has a raw schema: parameter {name!r} would stay empty; take "
                    "`raw_arguments: dict[str, object]`, and a `RunContext` if wanted"
                )
        elif hint is NO_TYPE:
            example = f"{name}: {'RunContext' if name in ('ctx', 'context') else 'str'}"
            raise ToolDefinitionError(
                f"tool {tool!r}: parameter {name!r} has no type; annotate it, e.g. `{example}`"
            )
        else:
            hints[name] = (hint, parameter)
    if raw_parameters is not None:
        return ToolSchema(tool, description, raw_parameters, tuple(context_names))
    if not hints:
        empty: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
        return ToolSchema(tool, description, empty, tuple(context_names))
    model, computed = _model(tool, hints, notes)
    schema = _tidy(model.model_json_schema(schema_generator=_generator()))
    schema.pop("description", None)
    return ToolSchema(tool, description, schema, tuple(context_names), model, computed)


def _read_docstring(doc: str | None, *, needs_notes: bool) -> tuple[str, dict[str, str]]:
    """The description of a function, and those of its parameters: Google, NumPy or Sphinx style."""
    text = inspect.cleandoc(doc) if doc else ""
    if (not needs_notes and "\n" not in text) or (":" not in text and "---" not in text):
        return text, {}
    from docstring_parser import parse

    parsed = parse(text)
    if not parsed.meta:
        return text, {}
    notes: dict[str, str] = {}
    for each in parsed.params:
        for name in each.arg_name.split(","):
            if each.description:
                notes[name.strip().lstrip("*")] = " ".join(each.description.split())
    gap = "\n\n" if parsed.blank_after_short_description else "\n"
    parts = (parsed.short_description, parsed.long_description)
    return gap.join(part for part in parts if part), notes


def _model(
    tool: str, hints: dict[str, tuple[Any, inspect.Parameter]], notes: dict[str, str]
) -> tuple[type[BaseModel], frozenset[str]]:
    from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
    from pydantic.fields import Field, FieldInfo

    class Arguments(BaseModel):
        model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

    fields: dict[str, Any] = {}
    computed: set[str] = set()
    for index, (name, (hint, parameter)) in enumerate(hints.items()):
        options: dict[str, Any] = {"alias": name, "validation_alias": name}
        if parameter.default is None:
            hint = typing.Optional[hint]  # noqa: UP045 - `|` fails on some special forms
        if isinstance(parameter.default, FieldInfo):
            hint = Annotated[hint, parameter.default]
            if not parameter.default.is_required():
                computed.add(name)
        elif parameter.default is not parameter.empty:
            options["default"] = parameter.default
        note = _described(hint) or notes.get(name)
        if note:
            options["description"] = note
        # Not by the parameter's own name: pydantic keeps some for itself (`copy`, `_private`).
        fields[f"p{index}"] = (hint, Field(**options))
    try:
        model = create_model(tool, __base__=Arguments, **fields)
        model.model_json_schema(schema_generator=_generator())
    except Exception as error:  # the types are foreign code: whatever they raise
        for name, (hint, _) in hints.items():
            try:
                TypeAdapter(hint).json_schema()
            except Exception as cause:
                raise ToolDefinitionError(
                    f"tool {tool!r}: parameter {name!r} has the type {shown(hint)!r}, which has "
                    "no JSON schema; use str, int, float, bool, list, Literal, Enum, a dataclass "
                    "or a pydantic model"
                ) from cause
        raise ToolDefinitionError(f"tool {tool!r}: its parameters make no JSON schema") from error
    return model, frozenset(computed)


def _described(hint: Any) -> str | None:
    """The description that `Annotated` carries: of a `Field`, or a bare string."""
    if typing.get_origin(hint) is not Annotated:
        return None
    for each in reversed(hint.__metadata__):
        text = each if isinstance(each, str) else getattr(each, "description", None)
        if text:
            return str(text)
    return None


@functools.cache
def _generator() -> Any:
    from pydantic.json_schema import GenerateJsonSchema

    class Quiet(GenerateJsonSchema):
        """Leaves a default out without a warning when it has no JSON form."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    return Quiet


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without generated titles, its `$ref`s written out unless they are circular.

    Vendors differ in what they take of `$defs`; all of them take a schema without.
    """
    definitions = schema.pop("$defs", {})
    circular: set[str] = set()

    def tidy(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [tidy(each, inside) for each in node]
        if not isinstance(node, dict):
            return node
        ref = node.get("$ref")
        if isinstance(ref, str):
            name = ref.rpartition("/")[2]
            if name in inside:
                circular.add(name)
                return dict(node)
            rest = {key: value for key, value in node.items() if key != "$ref"}
            node = {**definitions[name], **rest}
            inside = (*inside, name)
        out: dict[str, Any] = {}
        for key, value in node.items():
            if key in ("title", "discriminator") or (key == "default" and value is None):
                continue
            if key == "properties":
                out[key] = {name: tidy(each, inside) for name, each in value.items()}
            elif key in ("default", "const", "enum", "examples"):
                out[key] = value
            else:
                out[key] = tidy(value, inside)
        return out

    result: dict[str, Any] = tidy(schema, ())
    if circular:
        kept: dict[str, Any] = {}
        while missing := sorted(circular - kept.keys()):
            for name in missing:
                kept[name] = tidy(definitions[name], (name,))
        result["$defs"] = kept
    return result
