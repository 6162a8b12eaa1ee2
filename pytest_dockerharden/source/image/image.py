"""From an archive to an image: its configuration, its history, and its layers put together."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable
from typing import Any

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.image import UNDATED, Image, ImageConfig
from pytest_dockerharden.model.origin import ImageOrigin
from pytest_dockerharden.source.image.archive import Archive, Manifest, read_path, read_stream
from pytest_dockerharden.source.image.config import (
    accounts_of,
    config_of,
    release_of,
    steps_of,
    table_of,
    text_of,
    texts_of,
)
from pytest_dockerharden.source.image.squash import squash
from pytest_dockerharden.source.image.streams import BadArchive, Pieces

_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def image_of_file(path: str, chosen: str, reference: str) -> Image:
    """The image in an archive; ``chosen`` is a tag or platform of it, or empty. Raises OSError and BadArchive."""
    return image_of(read_path(path), chosen, reference)


def image_of_pieces(pieces: Iterable[bytes], reference: str) -> Image:
    """The image that an engine sends. Raises BadArchive."""
    return image_of(read_stream(Pieces(pieces)), "", reference)


def image_of(archive: Archive, chosen: str, reference: str) -> Image:
    """One image of an archive. Raises BadArchive; a layer that cannot be read makes what is in layers unknown."""
    manifest = select(archive.manifests(), chosen)
    document = table_of(archive.document(manifest.config))
    image = described(document, reference)
    try:
        _add_layers(image, archive, manifest, texts_of(table_of(document.get("rootfs")).get("diff_ids")))
    except BadArchive as error:
        image.layers = image.files = image.accounts = image.release = Unknown(str(error))
    return image


def select(manifests: list[Manifest], chosen: str) -> Manifest:
    """The one that is meant: the only one, that of this tag or platform, or that of this machine's platform."""
    fitting = [m for m in manifests if not chosen or chosen in (*m.tags, m.platform) or _ends(m.tags, chosen)]
    if len(fitting) > 1:
        here = f"linux/{_MACHINES.get(platform.machine(), platform.machine())}"
        alike = {m.tags for m in fitting}
        fitting = ([m for m in fitting if m.platform.startswith(here)] if len(alike) == 1 else []) or fitting
    if len(fitting) == 1:
        return fitting[0]
    names = sorted({name for m in manifests for name in (m.tags or (m.platform,)) if name})
    if not manifests:
        raise BadArchive("there is no image in it")
    what = "none of the images in it is that" if not fitting else "several images are in it"
    raise BadArchive(f"{what}; add # and one of these: {', '.join(names)}")


def _ends(tags: tuple[str, ...], chosen: str) -> bool:
    return any(tag.endswith((f"/{chosen}", f":{chosen}")) for tag in tags)


def described(document: dict[str, Any], reference: str, digests: tuple[str, ...] = ()) -> Image:
    """What the configuration document tells; of layers nothing is known yet."""
    config = config_of(document.get("config"), reference, digests)
    nothing = Unknown("the layers were not read")
    system = (text_of(document.get(key)) for key in ("os", "architecture", "variant"))
    history = steps_of(document.get("history"))
    created = text_of(document.get("created"))
    return Image(
        reference,
        config=_known(config, reference, "config"),
        history=_known(history, reference, "history") if history else Unknown("the image has no history"),
        layers=nothing,
        files=nothing,
        accounts=nothing,
        release=nothing,
        created=_known(created, reference, "created") if created else UNDATED,
        platform="/".join(filter(None, system)),
    )


def _known(value: Any, reference: str, path: str) -> Fact[Any]:
    return Known(value, ImageOrigin(reference, "", path, ""))


def _add_layers(image: Image, archive: Archive, manifest: Manifest, digests: tuple[str, ...]) -> None:
    scans = [archive.layer(name) for name in manifest.layers]
    if len(digests) != len(scans):
        raise BadArchive("the configuration names other layers than the manifest")
    squashed = squash(scans, digests, archive.tree)
    accounts = accounts_of(squashed.texts)
    image.layers = _known(tuple(squashed.layers), image.reference, "layers")
    image.files = _known(tuple(squashed.files), image.reference, "layers")
    image.accounts = _known(accounts, image.reference, "/etc/passwd")
    image.release = _known(release_of(squashed.texts), image.reference, "/etc/os-release")
    image.uncounted = {kind: number for kind, number in squashed.uncounted.items() if number}
    config: ImageConfig = image.config.value
    users = {account.name: (account.number, account.gid) for account in accounts if account.kind == "passwd"}
    image.config = _known(dataclasses.replace(config, users=users), image.reference, "config")
