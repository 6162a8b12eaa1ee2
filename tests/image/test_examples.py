"""Every control of images on its own examples, built for real: the bad ones fail, the good ones do not."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.fact import Known
from pytest_dockerharden.model.image import Base, Image
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.source.image.image import image_of_pieces
from pytest_dockerharden.stack.run import Run
from tests.image.archives import File, image_of, layer
from tests.live import BUSYBOX, labelled_run, live_engine, missing

CONTROLS = [control for control in load_all().values() if control.judges == "Image"]
MARK = re.compile(r"\s*# <-\s*$", re.MULTILINE)
DIRECTIVE = re.compile(r"# (file|tag|based|with): (.+)$")
FROM = re.compile(r"^FROM (?!scratch)(\S+)", re.MULTILINE)
APPLETS = "sh cp chmod touch mkdir mknod mkfifo rm dd echo printf sleep test true false".split()  # noqa: SIM905

Directives = dict[str, str]


def examples(kind: str) -> Iterator[Any]:
    for control in CONTROLS:
        for number, example in enumerate(getattr(control.documentation, kind)):
            yield pytest.param(control, example, id=f"{control.id}-{kind}{number or ''}")


def taken_apart(example: str) -> tuple[dict[str, str], Directives]:
    """The files of the context, ``Dockerfile`` first, and what else is said of the example."""
    files, directives, current = {"Dockerfile": ""}, {}, "Dockerfile"
    for line in MARK.sub("", example).splitlines():
        directive = DIRECTIVE.match(line)
        if directive and directive[1] == "file":
            current = directive[2]
            files[current] = ""
        elif directive:
            directives[directive[1]] = directive[2]
        else:
            files[current] += f"{line}\n"
    return files, directives


def base_tar(reference: str) -> bytes:
    """A small root file system that says it is the distribution of ``reference``."""
    name, _, version = reference.partition("@")[0].partition(":")
    release = f'ID={name}\nVERSION_ID="{version.partition(".")[0]}"\n'
    root = [File(f"{folder}/") for folder in ("bin", "etc", "opt", "usr/bin", "usr/sbin", "usr/local/bin")]
    root += [File("tmp/", mode=0o1777), File("busybox", BUSYBOX.read_bytes(), 0o755)]
    root += [File(f"bin/{applet}", kind=tarfile.SYMTYPE, link="/busybox") for applet in APPLETS]
    root += [File("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n"), File("etc/os-release", release.encode())]
    return layer(*root)


class Builder:
    """Builds examples on one engine; everything has the label of one run."""

    def __init__(self, client: Any, run: Run) -> None:
        self.client = client
        self.run = run
        self.bases: dict[str, str] = {}

    def base(self, reference: str, variant: str = "") -> str:
        """The stand-in of a base image."""
        name = f"dh-example-{self.run.id}/{reference.partition('@')[0].replace(':', '-')}{variant}"
        if name not in self.bases:
            changes = [f"LABEL {key}={value}" for key, value in self.run.labels.items()]
            content = base_tar(reference) if not variant else layer(File("other"))
            answer = self.client.api.import_image_from_data(content, repository=name, tag="base", changes=changes)
            assert "error" not in answer, answer
            self.bases[name] = f"{name}:base"
        return self.bases[name]

    def build(self, files: dict[str, str]) -> str:
        """The id of the image."""
        text = FROM.sub(lambda match: f"FROM {self.base(match[1])}", files["Dockerfile"])
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name, content in {**files, "Dockerfile": text}.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
        context.seek(0)
        image, _ = self.client.images.build(
            fileobj=context, custom_context=True, rm=True, forcerm=True, labels=self.run.labels, network_mode="none"
        )
        return str(image.id)

    def image(self, example: str) -> tuple[Image, dict[str, Any]]:
        """The built example, and the parameters that it asks for."""
        files, directives = taken_apart(example)
        identifier = self.build(files)
        image = image_of_pieces(self.client.api.get_image(identifier), directives.get("tag", "example:1"))
        found = FROM.search(files["Dockerfile"])
        if found:
            base = self.base(found[1], "-elsewhere" if "based" in directives else "")
            layers = tuple(self.client.api.inspect_image(base)["RootFS"]["Layers"])
            origin = TextOrigin("/Dockerfile", 1, 1, 1, 5)
            image.bases = (Base(found[1], origin, Known(layers, origin)),)
        pairs = (pair.split("=") for pair in directives.get("with", "").split())
        return image, {name: int(value) for name, value in pairs}


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    if not BUSYBOX.exists():
        missing("busybox-static is not installed")
    client = live_engine()
    with labelled_run(client) as run:
        yield Builder(client, run)
    client.close()


def judged(control: Control, example: str, request: pytest.FixtureRequest) -> Judgement:
    if control.id == "built-layers-stay-inside":  # no builder writes such a layer
        path = taken_apart(example)[0]["layer"].strip()
        image, parameters = image_of(layer(File(path, b"x"))), {}
    else:
        image, parameters = request.getfixturevalue("builder").image(example)
    judgement = judge(control, image, image.reference, parameters)
    assert judgement.verdict != "error", judgement.reason
    return judgement


@pytest.mark.live
@pytest.mark.parametrize(("control", "example"), list(examples("bad")))
def test_the_bad_example_fails(control: Control, example: str, request: pytest.FixtureRequest) -> None:
    judgement = judged(control, example, request)
    assert judgement.verdict == "failed", judgement.reason
    steps = [
        o for f in judgement.findings for o in (f.origin, *f.related) if getattr(o, "path", "").startswith("history")
    ]
    marked = {line.split()[0] for line in example.splitlines() if MARK.search(line)}
    assert {step.text.split()[0] for step in steps} <= marked  # type: ignore[union-attr]


@pytest.mark.live
@pytest.mark.parametrize(("control", "example"), list(examples("good")))
def test_the_good_example_does_not_fail(control: Control, example: str, request: pytest.FixtureRequest) -> None:
    judgement = judged(control, example, request)
    assert judgement.verdict in {"passed", "not-applicable"}, [str(f.message) for f in judgement.findings]


@pytest.mark.parametrize("control", [pytest.param(control, id=control.id) for control in CONTROLS])
def test_a_control_of_images_has_examples(control: Control) -> None:
    documentation = control.documentation
    assert documentation.bad and documentation.good
    assert all(MARK.search(example) or "# file: layer" in example for example in documentation.bad)
