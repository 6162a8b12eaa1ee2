"""What a built image carries that a running service does not need."""

from __future__ import annotations

from collections import Counter

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.image import FileKind, Image
from pytest_dockerharden.model.remedies import advice

_MIB = 1 << 20
_FINAL_STAGE = advice("# build in a stage of its own\nCOPY --from=build /app /app")


@control(severity="low", optional=True, nist="4.1.2")
def built_without_shell(image: Image) -> Findings:
    """The image has no shell.

    Most of what an intruder does after the first step, he does with a shell. A service that is one program needs none;
    distroless and scratch images have none.

    Bad::

        FROM debian:12.5  # <-

    Good::

        FROM scratch
        COPY app /app
        # file: app
        not a shell
    """
    yield from _programs(image, "shell", "shell")


@control(severity="low", optional=True, nist="4.1.2")
def built_without_package_manager(image: Image) -> Findings:
    """The image has no package manager.

    With one, an intruder installs what he lacks; without, what is in the image is what was scanned.

    Bad::

        FROM debian:12.5
        RUN touch /usr/bin/apt-get  # <-

    Good::

        FROM debian:12.5
        RUN rm -f /usr/bin/apt-get /usr/bin/dpkg
    """
    yield from _programs(image, "package-manager", "package manager")


@control(severity="low", optional=True, nist="4.1.2")
def built_without_build_tools(image: Image) -> Findings:
    """The image has no compiler and no other tool of the build.

    They are there for the build alone, are large, and are what an intruder makes his own tools with.

    Bad::

        FROM debian:12.5
        RUN touch /usr/bin/gcc  # <-

    Good::

        FROM debian:12.5
        RUN touch /usr/bin/app
    """
    yield from _programs(image, "build-tool", "tool of the build")


@control(severity="medium", nist="4.1.2")
def built_without_remote_login(image: Image) -> Findings:
    """The image has no server for remote logins.

    A container is entered with `docker exec`. An SSH server in it has keys and accounts of its own, and is patched by
    nobody.

    Bad::

        FROM debian:12.5
        RUN touch /usr/sbin/sshd  # <-

    Good::

        FROM debian:12.5
        RUN touch /usr/bin/ssh
    """
    yield from _programs(image, "remote-login", "remote login server")


@control(severity="low", optional=True, nist="4.1.2")
def built_without_sudo(image: Image) -> Findings:
    """The image has no sudo.

    Its rules are one more way from the user of the service to root.

    Bad::

        FROM debian:12.5
        RUN touch /usr/bin/sudo  # <-

    Good::

        FROM debian:12.5
        RUN touch /usr/bin/setpriv
    """
    yield from _programs(image, "sudo", "way to root")


def _programs(image: Image, kind: FileKind, what: str) -> Findings:
    files = sorted({file.path: file for file in image.visible(kind)}.values(), key=lambda file: file.path)
    if files:
        names = [file.path for file in files]
        listed = f"{', '.join(names[:2])}{f' and {len(names) - 2} more' if len(names) > 2 else ''}"
        article = "a" if what[0] not in "aeiou" else "an"
        verb = f"are {what}s" if len(names) > 1 else f"is {article} {what}"
        yield image.finding_in(files[0], f"{listed} {verb}", _FINAL_STAGE)


@control(
    severity="low",
    optional=True,
    nist="4.1.2",
    equivalents={"dockle": ("DKL-DI-0004", "DKL-DI-0005")},
)
def built_without_caches(image: Image, *, mebibytes: int = 1) -> Findings:
    """No downloads and indexes of package managers are left in the image.

    They are of no use to a container, age with the image and are in every pull.

    Bad::

        FROM debian:12.5
        RUN mkdir -p /var/lib/apt/lists && dd if=/dev/zero of=/var/lib/apt/lists/index bs=1M count=2  # <-

    Good::

        FROM debian:12.5
        RUN mkdir -p /var/lib/apt/lists && touch /var/lib/apt/lists/lock
    """
    left: Counter[str] = Counter()
    for layer in image.layers.value:
        left.update(layer.caches)
    for manager, size in left.most_common():
        if size >= mebibytes * _MIB:
            brings = max(image.layers.value, key=lambda layer: layer.caches.get(manager, 0))
            message = f"{manager} leaves {_megabytes(size)} of downloads and indexes"
            yield image.finding(message, f"layer {brings.short}", _megabytes(size), _CLEAN.get(manager, _CACHE_MOUNT))


_CACHE_MOUNT = advice("RUN --mount=type=cache,target=... ...")
_CLEAN = {
    "apt": advice("RUN apt-get update && apt-get install -y ... && rm -rf /var/lib/apt/lists/*"),
    "apk": advice("RUN apk add --no-cache ..."),
    "pip": advice("RUN pip install --no-cache-dir ..."),
}


@control(severity="low", optional=True)
def built_without_waste(image: Image, *, mebibytes: int = 20) -> Findings:
    """Layers do not carry files that later layers delete or replace.

    Nobody sees such a file and every pull has it: a `chown` of a large folder in a step of its own doubles it.

    Bad::

        FROM debian:12.5
        RUN dd if=/dev/zero of=/big bs=1M count=25  # <-
        RUN rm /big

    Good::

        FROM debian:12.5
        RUN dd if=/dev/zero of=/big bs=1M count=25 && rm /big
    """
    layers = image.layers.value
    wasted = sum(layer.wasted for layer in layers)
    if wasted >= mebibytes * _MIB:
        worst = max(layers, key=lambda layer: layer.wasted)
        message = f"{_megabytes(wasted)} of {_megabytes(sum(layer.size for layer in layers))} are seen by nobody"
        remedy = advice("delete in the RUN that made it; COPY --chown instead of RUN chown")
        yield image.finding(message, f"layer {worst.short}", f"{_megabytes(worst.wasted)} in this layer", remedy)


@control(severity="info", optional=True)
def built_within_its_size(image: Image, *, mebibytes: int = 1024) -> Findings:
    """The image is not larger than it should be.

    What is large has things in it that nobody knows, and takes long to pull when there is no time.

    Bad::

        # with: mebibytes=1
        FROM debian:12.5
        RUN dd if=/dev/zero of=/big bs=1M count=2  # <-

    Good::

        FROM debian:12.5
        RUN touch /small
    """
    layers = image.layers.value
    size = sum(layer.size for layer in layers)
    if size > mebibytes * _MIB:
        largest = max(layers, key=lambda layer: layer.size)
        place = f"layer {largest.short}"
        message = f"it has {_megabytes(size)}, more than {mebibytes} MiB"
        yield image.finding(message, place, f"{_megabytes(largest.size)} in this layer", _FINAL_STAGE)


@control(severity="low", optional=True, equivalents={"dockle": "DKL-LI-0003"})
def built_without_leftovers(image: Image) -> Findings:
    """No file of the build or of a person's shell is left in the image.

    A Dockerfile or compose file tells how the rest of the system is made, a shell's history what was typed.

    Bad::

        FROM debian:12.5
        COPY Dockerfile app.py /app/  # <-
        # file: app.py
        print("hello")

    Good::

        FROM debian:12.5
        COPY app.py /app/
        # file: app.py
        print("hello")
    """
    for file in image.visible("leftover"):
        yield image.finding_in(
            file, f"{file.path} is left over", advice(f"# .dockerignore\n{file.path.rsplit('/', 1)[1]}")
        )


def _megabytes(size: int) -> str:
    return f"{size / _MIB:.0f} MiB" if size >= 10 * _MIB else f"{size / _MIB:.1f} MiB"
