"""The C++ client as others get it: installed into a prefix, found by CMake and by pkg-config, static and shared; the
examples and the README's program are compiled against it and run beside a real node.

    package_test.py BUILD_DIRECTORY CXX"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from broker import PATIENCE, Broker

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD, CXX = sys.argv[1:3]
del sys.argv[1:3]
LIMIT = 300 * PATIENCE
EXAMPLES = ("produce_and_consume", "exactly_once", "coroutines")


def run(*words, **more):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=LIMIT, check=False, **more)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def readme_program():
    block = re.search(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block, "README.md shows a program that embeds the client"
    return block.group(1)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="moldau-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.prefix = cls.dir / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "client")
        cls.broker = Broker(("group.initial.rebalance.delay.ms=0",))
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()

    def pkg_config(self, *flags):
        path = next(self.prefix.rglob("moldau.pc")).parent
        return run("pkg-config", *flags, "moldau", env={**os.environ, "PKG_CONFIG_PATH": str(path)}).split()

    def built_with_cmake(self, name, *settings):
        build = self.dir / name
        run("cmake", "-S", ROOT / "examples", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_COMPILER={CXX}", "-DCMAKE_CXX_FLAGS=-O0", *settings)
        run("ninja", "-C", build, "-j1")
        return build

    def play(self, folder, suffix):
        """All examples, one after the other, on topics of their own."""
        bootstrap, topic = self.broker.bootstrap, f"greetings-{suffix}"
        out = run(folder / "produce_and_consume", bootstrap, topic)
        self.assertEqual(out.count("sent to partition"), 10, out)
        self.assertEqual(out.count(" hello\n"), 10, out)
        out = run(folder / "coroutines", bootstrap, f"numbers-{suffix}")
        self.assertIn(f"numbers-{suffix} ends at 3\n", out)
        self.assertIn("1 brokers\n", out)
        self.assertIn("cancelled\n", out)
        self.assertIn("3 batches\n", out)
        for protocol in ("classic", "consumer"):
            out = run(folder / "exactly_once", bootstrap, topic, f"copied-{suffix}-{protocol}", f"g-{suffix}-{protocol}",
                      f"t-{suffix}", protocol, "3")
            self.assertIn("took over 10\n", out)
            self.assertRegex(out, rf"assigned {topic}-0")
            self.assertRegex(out, rf"revoked {topic}-0")

    def test_what_is_installed(self):
        names = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file() or p.is_symlink()}
        for header in (ROOT / "include" / "moldau").glob("*.h"):
            self.assertIn(f"include/moldau/{header.name}", names)
        for ending in ("/libmoldau.a", "/libmoldau.so", "/moldauConfig.cmake", "/pkgconfig/moldau.pc"):
            self.assertTrue([n for n in names if n.endswith(ending)], ending)
        self.assertFalse([n for n in names if n.startswith(("bin/", "include/")) and "moldau/" not in n], names)

    def test_every_header_compiles_alone(self):
        """With the compiler that built them, and with Debian's g++ where it is installed."""
        for compiler in filter(None, (CXX, shutil.which("g++"))):
            for header in sorted((self.prefix / "include" / "moldau").glob("*.h")):
                run(compiler, "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{self.prefix}/include",
                    "-include", f"moldau/{header.name}", "-x", "c++", "/dev/null")

    def test_static_by_cmake(self):
        self.play(self.built_with_cmake("static"), "static")

    def test_shared_by_cmake(self):
        build = self.built_with_cmake("shared", "-DMOLDAU_SHARED=ON")
        self.assertIn("libmoldau.so", run("readelf", "-d", build / "exactly_once"))
        self.play(build, "shared")

    def test_the_shared_library_shows_its_face_alone(self):
        library = next(self.prefix.rglob("libmoldau.so"))
        symbols = run("nm", "-D", "--defined-only", "-C", library).splitlines()
        strangers = [s for s in symbols if "moldau::sdk::" not in s]
        self.assertEqual(strangers, [])
        self.assertTrue(symbols)

    def test_the_readme_s_program_by_pkg_config(self):
        source = self.dir / "readme.cc"
        source.write_text(readme_program())
        for form, flags in (("shared", ()), ("static", ("--static",))):
            program = self.dir / f"readme-{form}"
            libs = self.pkg_config("--libs", *flags)
            if form == "static":
                libs = [str(next(self.prefix.rglob("libmoldau.a"))) if flag == "-lmoldau" else flag for flag in libs]
            run(CXX, "-std=c++23", source, "-o", program, *self.pkg_config("--cflags"), *libs)
            lib = next(self.prefix.rglob("libmoldau.so")).parent
            out = run(program, self.broker.bootstrap, env={**os.environ, "LD_LIBRARY_PATH": str(lib)})
            self.assertIn("hello", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
