"""Calls that make a provider's object, written as model strings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import libcst as cst

from .findings import Findings

Slot = Literal["stt", "llm", "tts", "vad"]

_SLOT = re.compile(r"(?P<slot>STT|LLM|TTS|VAD)(v\d)?")
_VARIANT = {"stt": ("language",), "tts": ("voice", "voice_id")}
_POOLED = "antiphon opens and shares the connections"
_DROPPED = {
    "http_session": _POOLED,
    "client": _POOLED,
    "conn_options": "time limits and retries are the session's: conn_options= there",
    "sample_rate": "the rates are agreed on by what provider and transport can do",
    "encoding": "audio is 16-bit PCM throughout",
    "force_cpu": "",
    "max_buffered_speech": "",
    "onnx_file_path": "",
    "prefix_padding_duration": "the STT is given the audio before the start of speech as well",
}
_GATEWAY = {
    name: "requests go to the vendor itself, with its own key: see `antiphon doctor`"
    for name in ("base_url", "api_key", "api_secret")
}
VAD_SETTINGS = {
    "activation_threshold": "threshold",
    "deactivation_threshold": "negative_threshold",
    "min_speech_duration": "min_speech",
    "min_silence_duration": "min_silence",
}
"""What settings of a VAD are called here."""
_SETTINGS = "settings have antiphon's names: `antiphon check FILE` tells of those it does not know"


@dataclass(slots=True)
class _Made:
    """A model string in the making."""

    text: str
    """What stands before the expression: `acme/`, or the whole of it."""
    expression: cst.BaseExpression | None = None
    """A computed model name."""
    variant: str | None = None
    variant_name: str = ""
    settings: list[cst.Arg] = field(default_factory=list)
    quote: str = '"'


def is_model(parts: list[str]) -> bool:
    """Whether a name, given from the plugin on, makes a slot when it is called."""
    return slot_of(parts) is not None


def slot_of(parts: list[str]) -> Slot | None:
    """The slot that a class fills: `acme.STT`, `acme.VAD.load`, `acme.LLM.with_other`."""
    for part in parts[1:]:
        match = _SLOT.fullmatch(part)
        if match is not None and "realtime" not in parts:
            slot: Slot = match["slot"].lower()  # type: ignore[assignment]
            return slot
    return None


def plugin_model(
    parts: list[str], call: cst.Call, findings: Findings, line: int
) -> cst.BaseExpression | None:
    """What `acme.STT(model="ear-1", language="en")` becomes: `"acme/ear-1:en"`."""
    slot = slot_of(parts)
    if slot is None:
        return None
    provider = parts[0]
    if parts[-1].startswith("with_"):
        provider = parts[-1].removeprefix("with_").replace("x_ai", "xai")
    return _model(provider, None, slot, call, findings, line, ".".join(parts))


def gateway_model(
    name: str, call: cst.Call, findings: Findings, line: int
) -> cst.BaseExpression | None:
    """What `inference.STT("acme/ear-1", language="en")` becomes."""
    match = _SLOT.fullmatch(name)
    if match is None:
        return None
    slot: Slot = match["slot"].lower()  # type: ignore[assignment]
    return _model(None, "gateway", slot, call, findings, line, f"inference.{name}")


def _model(
    provider: str | None,
    gateway: str | None,
    slot: Slot,
    call: cst.Call,
    findings: Findings,
    line: int,
    what: str,
) -> cst.BaseExpression | None:
    args = list(call.args)
    model: cst.BaseExpression | None = None
    if args and args[0].keyword is None and not args[0].star:
        model = args.pop(0).value
    if any(arg.keyword is None and not arg.star for arg in args):
        findings.left(line, what, f'write the model string: {slot}="PROVIDER/MODEL"')
        return None
    made = _Made(f"{provider}/" if provider else "")
    fallback: list[cst.BaseExpression] = []
    dropped = {**_DROPPED, **(_GATEWAY if gateway else {})}
    for arg in args:
        name = arg.keyword.value if arg.keyword is not None else "**"
        if name == "model":
            model = arg.value
        elif name in dropped:
            findings.note(line, f"{what}({name}=)", dropped[name])
        elif name in _VARIANT.get(slot, ()):
            _set_variant(made, slot, arg)
        elif name == "extra_kwargs":
            _set_extra(made, arg)
        elif name == "fallback":
            fallback = _fallbacks(arg.value)
        elif name == "provider":
            findings.left(line, f"{what}(provider=)", 'name the provider in the string: "acme/…"')
            return None
        elif slot == "vad":
            made.settings.append(_setting(VAD_SETTINGS.get(name, name), arg))
        else:
            made.settings.append(_setting(name, arg))
    written = _written(made, model, gateway is not None, findings)
    if written is None:
        findings.left(line, what, f'write the model string: {slot}="PROVIDER/MODEL"')
        return None
    if any(arg.keyword is None or arg.keyword.value != "language" for arg in made.settings):
        findings.note(line, what, _SETTINGS)
    if fallback:
        return cst.List([cst.Element(each) for each in (written, *fallback)])
    return written


def _setting(name: str, arg: cst.Arg) -> cst.Arg:
    if arg.keyword is None:
        return arg
    return _plain(arg.with_changes(keyword=cst.Name(name)))


def _plain(arg: cst.Arg) -> cst.Arg:
    return arg.with_changes(
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        comma=cst.MaybeSentinel.DEFAULT,
        whitespace_after_arg=cst.SimpleWhitespace(""),
    )


def _set_variant(made: _Made, slot: Slot, arg: cst.Arg) -> None:
    value = _text(arg.value)
    name = "voice" if slot == "tts" else "language"
    if value and not re.search(r"[:/\s]", value):
        made.variant, made.variant_name = value, name
    made.settings.append(_setting(name, arg))


def _set_extra(made: _Made, arg: cst.Arg) -> None:
    """The entries of a dict that is written out are settings; any other goes to the vendor."""
    if isinstance(arg.value, cst.Dict):
        names = [
            _text(each.key) if isinstance(each, cst.DictElement) else None
            for each in arg.value.elements
        ]
        if all(name is not None and name.isidentifier() for name in names):
            for name, each in zip(names, arg.value.elements, strict=True):
                made.settings.append(_plain(cst.Arg(each.value, keyword=cst.Name(str(name)))))
            return
    made.settings.append(_setting("extra", arg))


def _fallbacks(value: cst.BaseExpression) -> list[cst.BaseExpression]:
    if isinstance(value, cst.List | cst.Tuple):
        return [each.value for each in value.elements]
    return [value]


def _written(
    made: _Made, model: cst.BaseExpression | None, whole: bool, findings: Findings
) -> cst.BaseExpression | None:
    """The string, or the `Model(…)`; None when there is none to be written."""
    text = None if model is None else _text(model)
    if isinstance(model, cst.SimpleString):
        made.quote = model.quote[-1:]
    if model is None:
        if whole:
            return None
        made.text = made.text.rstrip("/")
    elif text is not None:
        made.text += text
    else:
        made.expression = model
    provider = made.text.partition("/")[0]
    if provider:
        findings.providers.add(provider)
    string = made.text
    if made.variant is not None and "/" in string and made.expression is None:
        tail = string.rpartition("/")[2]
        if ":" not in tail:
            string = f"{string}:{made.variant}"
        made.settings = [arg for arg in made.settings if not _names(arg, made.variant_name)]
    literal: cst.BaseExpression = cst.SimpleString(f"{made.quote}{string}{made.quote}")
    if made.expression is not None:
        literal = _joined(made, whole)
    if not made.settings:
        return literal
    args = [cst.Arg(literal), *made.settings]
    return cst.Call(cst.Name("Model"), args)


def _names(arg: cst.Arg, name: str) -> bool:
    return arg.keyword is not None and arg.keyword.value == name


def _joined(made: _Made, whole: bool) -> cst.BaseExpression:
    assert made.expression is not None
    if whole:
        return made.expression
    if isinstance(made.expression, cst.Name | cst.Attribute):
        code = cst.Module([]).code_for_node(made.expression)
        return cst.parse_expression(f"f{made.quote}{made.text}{{{code}}}{made.quote}")
    plus = made.expression.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    atom = isinstance(made.expression, cst.Call | cst.Subscript)
    return cst.BinaryOperation(
        cst.SimpleString(f"{made.quote}{made.text}{made.quote}"),
        cst.Add(),
        made.expression if atom else plus,
    )


def _text(node: cst.BaseExpression) -> str | None:
    """The value of a string that is written out, else None."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None
