"""`antiphon talk`: a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..app import App
    from ..provider import SlotName
    from ..transport import Transport
    from .calling import Call
    from .choosing import Choice
    from .overrides import Overrides
    from .transcript import Transcript

_MODEL = "STRING"


def talk(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="A Python file with one App, or one Agent class. Without it: an agent to try out.",
        ),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Type instead of speaking.")] = False,
    input: Annotated[
        Path | None, typer.Option("--input", metavar="WAV", help="What the caller says.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="WAV", help="Record: caller left, agent right."),
    ] = None,
    stt: Annotated[
        str | None, typer.Option("--stt", metavar=_MODEL, help="Replaces the speech recognition.")
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", metavar=_MODEL, help="Replaces the language model.")
    ] = None,
    tts: Annotated[
        str | None, typer.Option("--tts", metavar=_MODEL, help="Replaces the voice.")
    ] = None,
    vad: Annotated[
        str | None,
        typer.Option("--vad", metavar=_MODEL, help="Replaces the voice activity detection."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SLOT.NAME=VALUE", help="Replaces a setting: --set tts.speed=1.1"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Every event as a JSON object on a line.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the session report, as JSON."),
    ] = None,
) -> None:
    """Talks to the agents of FILE: by microphone, by typing, or with WAV files.

    Ctrl-C ends the call and shows what it was; so does SIGTERM. A second Ctrl-C stops at once.
    """
    from ..app import App, app_for_agent
    from ..app.file import load_app
    from ..logs import showing_errors
    from .calling import Call, run_call
    from .environment import read_dotenv
    from .first_agent import Host
    from .output import warn
    from .overrides import read_settings
    from .summary import show_summary, write_report
    from .transcript import Transcript

    if output is not None and input is None:
        raise typer.BadParameter("--output records a call of --input FILE.wav; give that as well")
    if text and (input is not None or output is not None):
        raise typer.BadParameter("--text and --input/--output exclude each other")
    read_dotenv(Path.cwd() / ".env")
    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {str(report.parent)!r} for --report")
    found = Host if file is None else load_app(file)
    app = found if isinstance(found, App) else app_for_agent(found)
    given: dict[SlotName, str | None] = {"stt": stt, "llm": llm, "tts": tts, "vad": vad}
    talking = _Talk(
        app,
        Transcript(style="json" if as_json else "auto"),
        file=file,
        wav=(input, output) if input is not None or output is not None else None,
        typed=text,
        replace={slot: string for slot, string in given.items() if string is not None},
        settings=read_settings(settings or ()),
    )
    call = Call()
    try:
        with showing_errors():
            run_call(lambda: talking.prepare(call), call)
    finally:
        if call.report is not None:
            if not as_json:
                show_summary(call.report)
            if report is not None:
                write_report(call.report, report)
                talking.transcript.note(f"report: {report}")
    if input is not None and call.heard_out and not call.understood:
        warn(_nothing_heard(input, call.voice_heard))
    call.finish()


def _nothing_heard(recording: Path, voice_heard: bool) -> str:
    if voice_heard:
        return (
            f"somebody was heard in {str(recording)!r}, and no words were understood; "
            "try another recogniser: --stt"
        )
    return (
        f"nothing was heard in {str(recording)!r}: no voice was found in it; "
        "is it the right file, and loud enough?"
    )


class _Talk:
    """One call of `antiphon talk`, from what was asked to a job that can run."""

    def __init__(
        self,
        app: App,
        transcript: Transcript,
        *,
        file: str | None,
        wav: tuple[Path | None, Path | None] | None,
        typed: bool,
        replace: dict[SlotName, str],
        settings: dict[SlotName, dict[str, str]],
    ) -> None:
        self.app = app
        self.transcript = transcript
        self._file = file
        self._wav = wav
        self._typed = typed
        self._replace = replace
        self._settings = settings

    async def prepare(self, call: Call) -> Any:
        """The job, ready to be run."""
        import asyncio
        import sys

        from ..app.local_job import LocalJob
        from ..app.local_room import LocalRoom
        from ..registry import default_registry
        from .output import is_terminal

        # A file that cannot be read is told before anything is chosen or loaded.
        recorded = self._transport() if self._wav is not None else None
        choice = await self._choose()
        transport = recorded if recorded is not None else self._transport()
        if self._file is None:
            self._introduce(choice)
        from .typing_in import LEAVE, PipedTransport

        if self._typed and is_terminal(sys.stdin):
            self.transcript.note(f"type what you say; {LEAVE} or Ctrl-C ends the call")

        def on_session(session: Any) -> None:
            call.follow(session)
            self.transcript.attach(session)
            if isinstance(transport, PipedTransport) and transport.session is None:
                transport.session = session
            asyncio.get_running_loop().call_later(0.5, _freeze)

        return LocalJob(
            self.app,
            room=LocalRoom(transport),
            registry=default_registry(),
            override=self._overrides(choice),
            on_session=on_session,
        )

    async def _choose(self) -> Choice:
        import os

        from ..errors import ConfigurationError
        from ..registry import default_registry
        from .choosing import choose
        from .sound import why_no_microphone

        registry = default_registry()
        if not self._typed and self._wav is None:
            why = why_no_microphone()
            if why is not None:
                self._type_instead(why)
        needed: tuple[SlotName, ...] = ("llm",) if self._typed else ("stt", "llm", "tts", "vad")
        asked = [slot for slot in needed if slot not in self._replace]
        choice = await choose(registry, asked, os.environ)
        if choice.missing and self._file is None and not self._typed:
            what = f"no installed provider can be used for: {', '.join(choice.missing)}"
            if self._wav is not None or "llm" in choice.missing:
                raise ConfigurationError(f"{what}; see: antiphon providers")
            self._type_instead(f"{what} (see: antiphon providers)")
            choice = await choose(
                registry, [slot for slot in ("llm",) if slot not in self._replace], os.environ
            )
        if self._file is None and "llm" in choice.missing:
            raise ConfigurationError(
                "no installed provider can be used for: llm; see: antiphon providers"
            )
        return choice

    def _type_instead(self, why: str) -> None:
        self._typed = True
        self.transcript.note(f"{why}; so this is a typed conversation")

    def _transport(self) -> Transport:
        import sys

        if self._wav is not None:
            from ..transports.wav import WavTransport

            return WavTransport(*self._wav)
        if not self._typed:
            from ..transports.microphone import MicrophoneTransport

            return MicrophoneTransport()
        from .output import is_terminal
        from .typing_in import PipedTransport, TerminalTransport

        if not is_terminal(sys.stdin):
            return PipedTransport()
        return TerminalTransport(self.transcript, echoed=is_terminal(sys.stdout))

    def _introduce(self, choice: Choice) -> None:
        note = self.transcript.note
        if choice.models:
            note(f"models: {choice.strings()}")
        if choice.stand_ins:
            note(choice.honest_sentence())
        from .first_agent import Host

        note("try: " + ", ".join(f'"{example}"' for example in Host().examples))

    def _overrides(self, choice: Choice) -> Overrides:
        from ..registry import default_registry
        from .overrides import Overrides

        def took_default(slot: SlotName, model: str) -> None:
            if self._file is None:
                return
            text = f'{self._file} names no {slot}: {slot}="{model}" was chosen'
            if slot in choice.stand_ins:
                text += f" ({choice.stand_ins[slot]}, a built-in stand-in"
                text += (
                    f"; set {choice.wanted_keys[0]} for a real one)" if choice.wanted_keys else ")"
                )
            self.transcript.note(text)

        return Overrides(
            default_registry(),
            replace=self._replace,
            silenced=("stt", "tts", "vad", "turn_detector") if self._typed else (),
            defaults=choice.models,
            settings=self._settings,
            took_default=took_default,
        )


def _freeze() -> None:
    """Takes everything that was loaded out of the garbage collector's rounds: shorter pauses."""
    import gc

    gc.collect()
    gc.freeze()
