"""Small file systems of their own, so that a node's disk can be full. Only root can mount them."""

import os
import subprocess
import tempfile

SMALL_DISK_MIB = 640


class SmallDisk:
    """A file system of its own for a node's data, mounted by root; tmpfs or ext4 in a file."""

    def __init__(self, kind):
        self.folder = tempfile.mkdtemp(prefix="moldau-disk-")
        self.image = None
        if kind == "tmpfs":
            self.mount("-t", "tmpfs", "-o", f"size={SMALL_DISK_MIB}m", "chaos")
        else:
            self.image = self.folder + ".img"
            with open(self.image, "wb") as image:
                image.truncate(SMALL_DISK_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", self.image], check=True, timeout=60)
            self.mount("-o", "loop", self.image)
        self.data_dir = os.path.join(self.folder, "data")
        self.ballast = os.path.join(self.folder, "ballast")

    def mount(self, *words):
        subprocess.run(["mount", *words, self.folder], check=True, timeout=60)

    def fill(self):
        """Until nothing more fits."""
        with open(self.ballast, "wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            except OSError:
                pass

    def free(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=False, timeout=60)
        os.rmdir(self.folder)
        if self.image:
            os.unlink(self.image)
