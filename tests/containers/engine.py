"""Docker or podman, whichever is here: the few verbs that the tests need, each bounded in time."""

import os
import shutil
import subprocess
import time
import zlib

BASE_IMAGE = "docker.io/library/debian:bookworm-slim"


class Missing(Exception):
    """What the job cannot do without."""


class Failed(Exception):
    """A command that should have succeeded."""


def run(words, timeout=120, check=True, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False, **more)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def usable(words):
    try:
        return run(words, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Engine:
    """Everything made through it begins with `prefix` and is removed by clean()."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.name = next((name for name in ("docker", "podman") if shutil.which(name) and usable([name, "info"])), None)
        if self.name is None:
            raise Missing("neither docker nor podman runs here")
        self.compose_words = self._find_compose()
        if not usable([self.name, "image", "inspect", BASE_IMAGE]):
            if not usable([self.name, "pull", "-q", BASE_IMAGE]):
                raise Missing(f"{self.name} has no image {BASE_IMAGE} and cannot fetch it")

    def _find_compose(self):
        if usable([self.name, "compose", "version"]):
            return [self.name, "compose"]
        if shutil.which("podman-compose") and self.name == "podman":
            return ["podman-compose"]
        raise Missing(f"there is no compose for {self.name} (docker compose, podman-compose)")

    def __call__(self, *words, timeout=120, check=True, **more):
        return run([self.name, *words], timeout, check, **more)

    def compose(self, file, project, *words, timeout=180, check=True, **variables):
        environment = {**os.environ, **variables}
        return run([*self.compose_words, "-f", file, "-p", project, *words], timeout, check, env=environment)

    def build(self, folder, tag, **arguments):
        words = ["build", "-q", "-t", tag, "-f", os.path.join(folder, "docker", "Dockerfile"), "--target", "prebuilt"]
        if self.name == "podman":
            words += ["--format", "docker"]  # OCI's own format has no health check
        for key, value in arguments.items():
            words += ["--build-arg", f"{key}={value}"]
        self(*words, folder, timeout=900)

    def compressed_bytes(self, tag):
        """Of the image as a registry would hold it, near enough: the archive through gzip."""
        size, packer = 0, zlib.compressobj(6)
        with subprocess.Popen([self.name, "save", tag], stdout=subprocess.PIPE) as process:
            while chunk := process.stdout.read(1 << 20):
                size += len(packer.compress(chunk))
        return size + len(packer.flush())

    # --- containers

    def start(self, name, *words, image, command=()):
        """A container in the background; its full name."""
        name = self.prefix + name
        self("run", "-d", "--name", name, *words, image, *command)
        return name

    def exec(self, container, *words, check=True, timeout=60):
        return self("exec", container, *words, check=check, timeout=timeout)

    def logs(self, container):
        done = self("logs", container, check=False)
        return done.stdout + done.stderr

    def inspect(self, container, form):
        return self("inspect", "-f", form, container).stdout.strip()

    def is_healthy(self, container):
        """What its health check says now. podman has nobody who runs it by turns."""
        if self.name == "podman":
            return self("healthcheck", "run", container, check=False).returncode == 0
        return self.inspect(container, "{{.State.Health.Status}}") == "healthy"

    def wait_until(self, what, is_so, container=None, seconds=60):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise Failed(f"not in {seconds} s: {what}\n{self.logs(container) if container else ''}")
            if container and self.inspect(container, "{{.State.Running}}") != "true":
                raise Failed(f"{container} ended before {what}\n{self.logs(container)}")
            time.sleep(0.5)

    def wait_healthy(self, container, seconds=60):
        self.wait_until("healthy", lambda: self.is_healthy(container), container, seconds)

    def remove(self, *containers):
        for container in containers:
            self("rm", "-f", "-v", container, check=False)

    def clean(self, image):
        for kind in (("ps", "-a", "--format", "{{.Names}}"), ("volume", "ls", "--format", "{{.Name}}")):
            for name in self(*kind, check=False).stdout.split():
                if name.startswith(self.prefix):
                    self(*(("rm", "-f", "-v") if kind[0] == "ps" else ("volume", "rm", "-f")), name, check=False)
        self("rmi", "-f", image, check=False)
