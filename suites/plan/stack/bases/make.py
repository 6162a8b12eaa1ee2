"""Build stand-ins for the stack's upstream base images from Debian packages and PyPI wheels.

Needs root, mmdebstrap, pip and a Docker Engine; no image registry. What is already there is not made again:
the tag of the root file system carries a hash of what goes into it.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import docker

HERE = Path(__file__).resolve().parent
SUITE = "bookworm"
PYTHON = "3.11"
PACKAGES = (
    "ca-certificates", "curl", "gettext-base", "nginx-light", "openssl", "pebble", "procps", "python3-pip",
    "python3-venv", "redis-server",
)  # fmt: skip
LOCKS = ("hardened/backend/requirements.txt", "hardened/certbot/requirements.txt")

# The users of the upstream images: nginx 101:101, redis 999:999. Debian's own packages number them otherwise.
NGINX = """\
FROM {rootfs}
RUN userdel redis \\
 && groupadd --system --gid 101 nginx \\
 && useradd --system --uid 101 --gid nginx --no-create-home --shell /usr/sbin/nologin nginx \\
 && rm -rf /etc/nginx/sites-enabled/* /var/www/html \\
 && install -d -o root -g root /etc/nginx/conf.d /usr/share/nginx/html
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
"""
REDIS = """\
FROM {rootfs}
RUN userdel redis \\
 && groupadd --system --gid 999 redis && useradd --system --uid 999 --gid redis --home-dir /data redis \\
 && install -d -o redis -g redis /data
VOLUME /data
WORKDIR /data
EXPOSE 6379
CMD ["redis-server"]
"""
PYTHON_BASE = """\
FROM {rootfs}
COPY wheels /wheels
RUN printf '[global]\\nno-index = true\\nfind-links = /wheels\\nbreak-system-packages = true\\n' > /etc/pip.conf \\
 && ln -s python3 /usr/bin/python
CMD ["python3"]
"""
# certbot as upstream's image has it: root, and the command as its entrypoint.
CERTBOT = """\
FROM {python}
RUN python3 -m pip install --no-cache-dir --root-user-action ignore certbot
ENTRYPOINT ["certbot"]
"""
TEXTS = {"nginx": NGINX, "redis": REDIS, "python": PYTHON_BASE, "certbot": CERTBOT}


def reference(name: str) -> str:
    """The tag of a stand-in."""
    return f"dockerharden-base/{name}:{SUITE}"


def main() -> None:
    """Make the images, saying what is done."""
    client = docker.from_env(timeout=600)
    recipe = "\n".join((SUITE, PYTHON, *PACKAGES, *TEXTS.values(), *(lock(name) for name in LOCKS)))
    stamp = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    if all(stamp == label(client, reference(name)) for name in TEXTS):
        print("base images: up to date")
        return
    if label(client, reference("rootfs")) != rootfs_stamp():
        import_rootfs(client, reference("rootfs"))
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder) / "wheels"
        print("base images: fetching wheels", flush=True)
        for name in LOCKS:
            download(HERE.parent / name, wheels)
        for name, text in TEXTS.items():
            print(f"base images: building {reference(name)}", flush=True)
            filled = text.format(rootfs=reference("rootfs"), python=reference("python"))
            build(client, reference(name), filled, stamp, wheels if name == "python" else None)


def lock(name: str) -> str:
    """The text of a requirements file."""
    return (HERE.parent / name).read_text(encoding="utf-8")


def label(client: docker.DockerClient, name: str) -> str:
    """The stamp an image was built with; empty where there is none."""
    try:
        return str((client.images.get(name).labels or {}).get("dockerharden.base", ""))
    except docker.errors.ImageNotFound:
        return ""


def rootfs_stamp() -> str:
    """What the root file system is made of, hashed."""
    return hashlib.sha256("\n".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]


def import_rootfs(client: docker.DockerClient, name: str) -> None:
    """Bootstrap Debian into a tar file and import that."""
    print("base images: bootstrapping Debian (about a minute)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "rootfs.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        command += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
        subprocess.run([*command, SUITE, str(archive)], check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
        repository, tag = name.split(":")
        changes = [f"LABEL dockerharden.base={rootfs_stamp()}", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)


def download(requirements: Path, wheels: Path) -> None:
    """Fetch the wheels of a lock file for the Python inside the image."""
    machine = os.uname().machine
    platforms = [f"--platform=manylinux{version}_{machine}" for version in ("2014", "_2_17", "_2_28", "_2_34", "_2_35", "_2_36")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [f"--python-version={PYTHON}", "--only-binary=:all:", *platforms, "--require-hashes"]
    subprocess.run([*command, f"--dest={wheels}", f"--requirement={requirements}"], check=True)


def build(client: docker.DockerClient, name: str, text: str, stamp: str, wheels: Path | None) -> None:
    """Build an image from a Dockerfile text without any network."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        content = f"{text}LABEL dockerharden.base={stamp}\n".encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        if wheels is not None:
            archive.add(wheels, arcname="wheels")
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, network_mode="none")


if __name__ == "__main__":
    main()
