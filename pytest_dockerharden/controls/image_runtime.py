"""What an image says about how its containers start, are watched and stop."""

from __future__ import annotations

import json
import re

from pytest_dockerharden.model.build import has_posix_shell, holds_files_only, instructions, is_windows, plain
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, insert_line, remove_lines, replace_text
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.model.signals import canonical


def _signal(instruction: Instruction, name: str, effect: Class = "behaviour-changing") -> Remedy:
    return replace_text(instruction.words[0], name, text=f"STOPSIGNAL {name}", effect=effect)


def _full_name(names: set[str]) -> str:
    return next(name for name in names if name.startswith("SIG"))


def _as_array(instruction: Instruction) -> Remedy:
    """The words in double quotes, where single ones stand around each."""
    keyword, place = instruction.keyword, instruction.origin
    single = re.fullmatch(r"\[\s*'[^'\"\\]*'(?:\s*,\s*'[^'\"\\]*')*\s*\]", instruction.text.strip())
    if single is None or place.line != place.end_line or instruction.flags or keyword == "HEALTHCHECK":
        return advice(f'{keyword} ["a", "b"]')
    return replace_text(place, f"{keyword} {single[0]}".replace("'", '"'))


def _exposed(word: Word) -> Remedy:
    mapping = re.fullmatch(r"\d+:(\d+(?:/\w+)?)", word.raw)
    return replace_text(word, mapping[1], text=f"EXPOSE {mapping[1]}") if mapping else advice("EXPOSE 8080")


@control(
    severity="low",
    plan="P3",
    optional=True,
    cis="4.6",
    equivalents={
        "kics": "healthcheck_instruction_missing",
        "trivy": "DS-0026",
        "checkov": "CKV_DOCKER_2",
        "hadolint": "DL3057",
        "dockle": "CIS-DI-0006",
        "terrascan": "AC_DOCKER_0047",
        "docker-bench": "4.6",
    },
)
def image_healthcheck(dockerfile: Dockerfile) -> Findings:
    """The image says how to tell that it works.

    Without HEALTHCHECK a container counts as fine as long as its process lives, hung or not. `NONE` throws away the
    one of the base image. The stage that ships counts, with the stages it builds on.

    Bad::

        FROM nginx:1.27.3  # <-
        COPY site /usr/share/nginx/html

    Bad::

        FROM nginx:1.27.3
        HEALTHCHECK NONE  # <-

    Good::

        FROM nginx:1.27.3
        HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD curl -fsS http://localhost:8080/health || exit 1
    """
    stage = dockerfile.final
    if stage is None or holds_files_only(stage):
        not_applicable("the image runs nothing")
    if stage.is_fragment:
        not_applicable("what it is a fragment of is not known")
    check = stage.last("HEALTHCHECK")
    if check is None:
        yield stage.finding("there is no HEALTHCHECK", advice("HEALTHCHECK CMD ..."))
    elif check.none:
        yield check.finding("HEALTHCHECK NONE switches the check off", advice("HEALTHCHECK CMD ..."))


@control(
    severity="medium",
    equivalents={
        "kics": "multiple_cmd_instructions_listed",
        "trivy": "DS-0016",
        "hadolint": "DL4003",
        "semgrep": "multiple-cmd-instructions",
        "buildkit": "MultipleInstructionsDisallowed",
        "sonar": "S6589",
        "terrascan": "AC_DOCKER_0053",
    },
)
def cmd_stands_once(stage: Stage) -> Findings:
    """CMD stands once in a stage.

    Only the last one counts. Whoever reads the first is mistaken about what the image starts.

    Bad::

        FROM debian:12-slim
        CMD ["first"]  # <-
        CMD ["second"]

    Good::

        FROM debian:12-slim AS base
        CMD ["first"]
        FROM base
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["second"]
    """
    yield from _overridden(stage, "CMD")


@control(
    severity="medium",
    equivalents={
        "kics": "multiple_entrypoint_instructions_listed",
        "trivy": "DS-0007",
        "hadolint": "DL4004",
        "semgrep": "multiple-entrypoint-instructions",
        "buildkit": "MultipleInstructionsDisallowed",
        "sonar": "S6589",
    },
)
def entrypoint_stands_once(stage: Stage) -> Findings:
    """ENTRYPOINT stands once in a stage.

    Only the last one counts. Whoever reads the first is mistaken about what the image starts.

    Bad::

        FROM debian:12-slim
        ENTRYPOINT ["/first"]  # <-
        ENTRYPOINT ["/second"]

    Good::

        FROM debian:12-slim AS base
        ENTRYPOINT ["/first"]
        FROM base
        ENTRYPOINT ["/second"]
    """
    yield from _overridden(stage, "ENTRYPOINT")


@control(
    severity="medium",
    equivalents={
        "trivy": "DS-0023",
        "hadolint": "DL3012",
        "buildkit": "MultipleInstructionsDisallowed",
    },
)
def healthcheck_stands_once(stage: Stage) -> Findings:
    """HEALTHCHECK stands once in a stage.

    Only the last one counts: the other is never run.

    Bad::

        FROM debian:12-slim
        HEALTHCHECK CMD /check-database  # <-
        HEALTHCHECK CMD /check-web

    Good::

        FROM debian:12-slim
        HEALTHCHECK CMD /check-database && /check-web
    """
    yield from _overridden(stage, "HEALTHCHECK")


def _overridden(stage: Stage, keyword: str) -> Findings:
    for overridden in stage.of(keyword)[:-1]:
        remedy = remove_lines(overridden.origin, text="remove it", effect="safe")
        yield overridden.finding(f"a later {keyword} overrides this one", remedy)


@control(
    severity="low",
    plan="P2",
    optional=True,
    equivalents={
        "kics": "not_using_json_in_cmd_and_entrypoint_arguments",
        "hadolint": "DL3025",
        "semgrep": "prefer-json-notation",
        "buildkit": "JSONArgsRecommended",
        "sonar": "S7019",
    },
)
def exec_form_start(stage: Stage) -> Findings:
    """CMD and ENTRYPOINT are written as a JSON array.

    In the shell form `/bin/sh -c` is process 1 and need not pass signals on: `docker stop` then waits its ten seconds
    and kills. A shell ENTRYPOINT also ignores CMD. With an explicit SHELL the form is a choice, and `exec` hands over.

    Bad::

        FROM debian:12-slim
        CMD server --port 80  # <-

    Good::

        FROM debian:12-slim
        CMD ["server", "--port", "80"]

    Good::

        FROM debian:12-slim
        CMD exec server --port "$PORT"
    """
    starts = list(instructions(stage, "CMD", "ENTRYPOINT"))
    if not starts:
        not_applicable("nothing is started")
    explicit = any(part.of("SHELL") for part in stage.chain())
    for start in starts:
        first = start.text.split(None, 1)[0] if start.text else ""
        if start.form == "shell" and not explicit and first != "exec" and not _almost_json(start.text, strict=False):
            yield start.finding(f"a shell is process 1, because {start.keyword} is no JSON array", _in_exec_form(start))


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "not_using_json_in_cmd_and_entrypoint_arguments",
        "hadolint": "DL3025",
        "semgrep": "prefer-json-notation",
        "buildkit": "JSONArgsRecommended",
        "sonar": "S7019",
    },
)
def start_needs_no_shell(stage: Stage) -> Findings:
    """CMD and ENTRYPOINT start their program without a shell.

    `exec` hands process 1 over, but the shell has to be in the image for it, and what it expands is not seen by
    `docker inspect`. A JSON array needs neither.

    Bad::

        FROM debian:12-slim
        CMD exec server --port 80  # <-

    Good::

        FROM debian:12-slim
        CMD ["server", "--port", "80"]
    """
    if any(part.of("SHELL") for part in stage.chain()):
        not_applicable("the shell is chosen by SHELL")
    for start in instructions(stage, "CMD", "ENTRYPOINT"):
        if start.form == "shell" and start.text.split(None, 1)[:1] == ["exec"]:
            yield start.finding(f"{start.keyword} needs a shell to start", advice(f'{start.keyword} ["...", "..."]'))


def _in_exec_form(start: Instruction) -> Remedy:
    written, place = _as_json(start), start.origin
    if "..." in written or place.line != place.end_line or start.flags:
        return advice(written)
    return replace_text(place, written, breaks="a program that cannot be process 1; set `init: true` then")


def _as_json(start: Instruction) -> str:
    words = start.text.split()
    simple = len(words) < 8 and not re.search(r"[\"'$&|;<>`*\\(]", start.text)
    return (
        f"{start.keyword} [{', '.join(chr(34) + word + chr(34) for word in words)}]"
        if simple
        else f'{start.keyword} ["...", "..."]'
    )


_TEST = pattern(r"\[\[?\s")
_QUOTES = pattern("[\"'\u201c\u201d\u2018\u2019]")


def _almost_json(text: str, *, strict: bool) -> bool:
    """Whether text in the shell form was meant as a JSON array. ``strict``: where a `[ test ]` is as likely."""
    if not text.startswith("["):
        return False
    inner = text[1:].rstrip()
    ends = inner.endswith("]")
    if _TEST.match(text) and (strict or not ends or re.search(r"\s(=|==|!=|-\w+)\s", text)):
        return ends and "," in inner and bool(_QUOTES.match(inner.lstrip()))
    return (ends or "," in inner) and not re.search(r"\]\s*(&&|\|\||;)", inner)


@control(
    severity="high",
    equivalents={
        "tally": "tally/invalid-json-form",
        "sonar": "S7030",
        # what they call the shell form it becomes
        "kics": "not_using_json_in_cmd_and_entrypoint_arguments",
        "hadolint": "DL3025",
        "semgrep": "prefer-json-notation",
        "buildkit": "JSONArgsRecommended",
    },
)
def valid_exec_form(stage: Stage) -> Findings:
    """What looks like a JSON array is one.

    With single quotes, a comma too many or a bracket missing the builder takes it for the shell form and runs a
    program named `[node,`: the container does not start.

    Bad::

        FROM node:22-slim
        CMD ['node', 'server.js']  # <-

    Bad::

        FROM node:22-slim
        ENTRYPOINT ["node", "server.js",]  # <-

    Good::

        FROM node:22-slim
        RUN [ -f server.js ] && [ "$CI" = "1" ] || true
        CMD ["node", "server.js"]
    """
    for instruction in instructions(stage, "CMD", "ENTRYPOINT", "RUN", "HEALTHCHECK"):
        text = instruction.text
        if instruction.keyword == "HEALTHCHECK":
            text = re.sub(r"(?i)\ACMD\s+", "", text)
        if instruction.form == "shell" and _almost_json(text, strict=instruction.keyword == "RUN"):
            yield instruction.finding("it looks like a JSON array and is not one", _as_array(instruction))
    for volume in instructions(stage, "VOLUME"):
        if volume.text.startswith("[") and not _is_json_list(volume.text):
            yield volume.finding("it looks like a JSON array and is not one", advice('VOLUME ["/a", "/b"]'))


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


@control(
    severity="low",
    equivalents={"tally": "tally/no-ungraceful-stopsignal"},
)
def stop_signal_can_be_handled(stage: Stage) -> Findings:
    """STOPSIGNAL is a signal that the program can handle.

    SIGKILL and SIGSTOP cannot be caught: nothing is flushed, nothing is finished, every stop is a crash. A name that
    is no signal fails when the container is made.

    Bad::

        FROM debian:12-slim
        STOPSIGNAL SIGKILL  # <-

    Bad::

        FROM debian:12-slim
        STOPSIGNAL TREM  # <-

    Good::

        FROM nginx:1.27.3
        STOPSIGNAL SIGQUIT

    Good::

        FROM debian:12-slim
        STOPSIGNAL RTMIN+3
    """
    for instruction in instructions(stage, "STOPSIGNAL"):
        value = instruction.words[0].value if instruction.words else None
        if value is None:
            continue
        signal = value.upper().removeprefix("SIG")
        if signal in {"KILL", "9", "STOP", "19"}:
            yield instruction.finding(f"{value} cannot be handled", _signal(instruction, "SIGTERM"))
        elif not _is_signal(signal):
            yield instruction.finding(f"{value} is no signal", _signal(instruction, "SIGTERM"))


def _is_signal(name: str) -> bool:
    if name.isdigit():
        return 0 < int(name[:4]) < 65
    return name in _SIGNALS or re.match(r"RT(MIN|MAX)([+-]\d+)?\Z", name) is not None


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-canonical-stopsignal"})
def canonical_stop_signal(stage: Stage) -> Findings:
    """STOPSIGNAL is written as a signal's full name.

    Numbers differ between architectures, and `SIGQUIT` is what people and tools look for.

    Bad::

        FROM debian:12-slim
        STOPSIGNAL 15  # <-

    Good::

        FROM debian:12-slim
        STOPSIGNAL SIGTERM
    """
    for instruction in instructions(stage, "STOPSIGNAL"):
        value = instruction.words[0].value if instruction.words else None
        if value is not None and not re.match(r"SIG[A-Z]+\d?([+-]\d+)?\Z", value):
            yield instruction.finding(
                f"{value} is not the full name", _signal(instruction, canonical(value), effect="safe")
            )


_SIGNALS = frozenset(
    """HUP INT QUIT ILL TRAP ABRT IOT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT TSTP TTIN TTOU URG
    XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS UNUSED""".split()  # noqa: SIM905
)


@control(severity="low", optional=True, equivalents={"tally": "tally/prefer-nginx-sigquit"})
def nginx_is_stopped_by_sigquit(dockerfile: Dockerfile) -> Findings:
    """nginx is stopped by the signal that lets it finish.

    It drops its connections at SIGTERM and finishes them at SIGQUIT. The official image sets it.

    Bad::

        FROM debian:12-slim
        CMD ["nginx", "-g", "daemon off;"]  # <-

    Bad::

        FROM nginx:1.27.3
        STOPSIGNAL SIGTERM  # <-

    Good::

        FROM nginx:1.27.3
        CMD ["nginx", "-g", "daemon off;"]
    """
    stage = dockerfile.final
    base = parse_reference(stage.root_base() or "").familiar if stage is not None else ""
    if stage is None or not (_program(stage)[0] in {"nginx", "openresty"} or "nginx" in base):
        not_applicable("no nginx is started")
    yield from _stopped_by(stage, "nginx", {"SIGQUIT", "QUIT", "3"}, default="nginx" in base)


@control(severity="low", optional=True, equivalents={"tally": "tally/prefer-systemd-sigrtmin-plus-3"})
def systemd_is_stopped_by_its_signal(dockerfile: Dockerfile) -> Findings:
    """systemd as process 1 is stopped by SIGRTMIN+3.

    It ignores SIGTERM: every stop then takes its ten seconds and kills the services.

    Bad::

        FROM debian:12
        CMD ["/sbin/init"]  # <-

    Good::

        FROM debian:12
        STOPSIGNAL SIGRTMIN+3
        CMD ["/sbin/init"]
    """
    stage = dockerfile.final
    program, path = _program(stage) if stage is not None else ("", "")
    if stage is None or not (program == "systemd" or path in {"/sbin/init", "/usr/sbin/init"}):
        not_applicable("no systemd is started")
    yield from _stopped_by(stage, "systemd", {"SIGRTMIN+3", "RTMIN+3", "37"}, default=False)


def _program(stage: Stage) -> tuple[str, str]:
    """Name and path of what the image starts."""
    start = stage.last("ENTRYPOINT") or stage.last("CMD")
    first = start.script.commands[0] if start and start.script.commands else None
    return (first.name, plain(first.words[0])) if first and first.words else ("", "")


def _stopped_by(stage: Stage, server: str, wanted: set[str], *, default: bool) -> Findings:
    """A finding where another signal is set, or none is and the base image has no better ``default``."""
    signal, start = stage.last("STOPSIGNAL"), stage.last("ENTRYPOINT") or stage.last("CMD")
    given = signal.words[0].value if signal and signal.words else None
    if signal is None and start is not None and not default:
        remedy = insert_line(start.origin, f"STOPSIGNAL {_full_name(wanted)}")
        yield start.finding(f"{server} is stopped by SIGTERM", remedy)
    elif signal is not None and given is not None and given.upper() not in wanted:
        yield signal.finding(f"{server} does not finish at {given}", _signal(signal, _full_name(wanted)))


@control(
    severity="medium",
    equivalents={
        "kics": "unix_ports_out_of_range",
        "trivy": "DS-0008",
        "hadolint": "DL3011",
        "semgrep": "invalid-port",
        "terrascan": "AC_DOCKER_0011",
    },
)
def valid_exposed_ports(stage: Stage) -> Findings:
    """EXPOSE names ports of the container: 1 to 65535.

    Anything else stops the build, or is dropped.

    Bad::

        FROM debian:12-slim
        EXPOSE 80000  # <-
        EXPOSE http  # <-

    Good::

        FROM debian:12-slim
        EXPOSE 80 443/tcp 8000-8010/udp $PORT
    """
    exposes = list(instructions(stage, "EXPOSE"))
    if not exposes:
        not_applicable("nothing is exposed")
    for expose in exposes:
        for word in expose.words:
            problem = _port_problem(word.value)
            if problem:
                yield expose.finding(f"{word.text} {problem}", _exposed(word), at=word.origin)


@control(severity="medium", equivalents={"buildkit": "ExposeInvalidFormat"})
def exposed_ports_map_nothing(stage: Stage) -> Findings:
    """EXPOSE names no address and no port of the host.

    Those belong to `docker run -p` and `ports:`. Builders drop them today and will refuse them one day.

    Bad::

        FROM debian:12-slim
        EXPOSE 8080:80  # <-
        EXPOSE 127.0.0.1:80:80  # <-

    Good::

        FROM debian:12-slim
        EXPOSE 80
    """
    for expose in instructions(stage, "EXPOSE"):
        for word in expose.words:
            if ":" in (word.value or "").partition("/")[0]:
                yield expose.finding(f"{word.text} maps a port, which EXPOSE cannot", _exposed(word), at=word.origin)


def _port_problem(text: str | None) -> str:
    if text is None or text == "":
        return ""
    number, _, protocol = text.partition("/")
    bounds = number.rsplit(":", 1)[-1].split("-")
    if len(bounds) > 2 or not all(re.fullmatch(r"\d{1,18}", bound) for bound in bounds):
        return "is no port"
    if protocol and protocol.lower() not in {"tcp", "udp", "sctp"}:
        return "has an unknown protocol"
    if any(int(bound) > 65535 for bound in bounds):
        return "is above 65535"
    return "is a range that ends before it begins" if int(bounds[0]) > int(bounds[-1]) else ""


@control(severity="medium", equivalents={"tally": "tally/shell-run-in-scratch"})
def scratch_needs_no_shell(stage: Stage) -> Findings:
    """An image from scratch starts and builds nothing by a shell.

    There is no `/bin/sh` in it: RUN stops the build, and a CMD in the shell form stops the container.

    Bad::

        FROM scratch
        COPY app /app
        CMD /app  # <-

    Good::

        FROM scratch
        COPY app /app
        CMD ["/app"]

    Good::

        FROM scratch
        ADD rootfs.tar.gz /
        RUN apk update
    """
    if stage.root_base() != "scratch" or is_windows(stage):
        not_applicable("the image is not from scratch")
    for part in stage.chain():
        for copy in instructions(part, "ADD", "COPY"):
            target = plain(copy.words[-1]) if copy.words else ""
            if copy.keyword == "ADD" or re.match(r"/?\Z|\.?/*\Z|/(usr/)?bin|/busybox", target):
                not_applicable("a shell may have been copied")
    for instruction in instructions(stage, "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"):
        if instruction.form == "shell" and has_posix_shell(instruction):
            yield instruction.finding(
                f"{instruction.keyword} needs a shell that is not there", advice(f'{instruction.keyword} ["program"]')
            )
