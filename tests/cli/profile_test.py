"""Named clusters: profiles, the project's file, variables and flags, against a real node.

Usage: profile_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
import pty
import select
import subprocess
import time
import unittest

from node import LIMIT_S, Node, free_ports


class Profiles(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.remove)
        del cls.node.env["MOLDAU_BROKERS"]
        cls.node.env["XDG_CONFIG_HOME"] = f"{cls.node.dir}/config"
        cls.file = f"{cls.node.dir}/config/moldau/config.yaml"
        cls.node.start()
        cls.nobody = free_ports(1)[0]

    def setUp(self):
        for path in (self.file, f"{self.node.dir}/.moldau.yaml"):
            if os.path.exists(path):
                os.remove(path)

    def done(self, line, stdin=None):
        result = self.node.run(line, stdin)
        self.assertEqual(result.code, 0, f"{line}\n{result}")
        return result.out

    def fails(self, line, code, stdin=None):
        result = self.node.run(line, stdin)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return result.err

    def test_walk(self):
        self.done(f"moldau profile create here -b localhost:{self.node.port}")
        self.done(f"moldau profile create away -b localhost:{self.nobody} -X color=red -X confirm=always")
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["config.yaml"], "nothing half written is left")
        self.assertIn("the brokers were named by profile away", self.fails("moldau topic list --timeout 1s", 3))
        self.assertIn("topic create on localhost", self.fails("moldau topic create walked", 2))
        self.fails("moldau topic create walked -y --timeout 1s", 3)
        self.done("moldau profile use -")
        self.done("moldau topic create walked")
        self.assertIn("walked", self.done("moldau topic list --format name"))
        names = {row["name"]: row["current"] for row in json.loads(self.done("moldau profile list --format json"))}
        self.assertEqual(names, {"away": False, "here": True})
        self.done("moldau topic list --profile here")
        self.fails("moldau topic list --profile away --timeout 1s", 3)
        self.fails("MOLDAU_PROFILE=away moldau topic list --timeout 1s", 3)
        self.done(f"moldau topic list --profile away -b localhost:{self.node.port}")
        self.done(f"MOLDAU_BROKERS=localhost:{self.node.port} MOLDAU_PROFILE=away moldau topic list")
        self.node.write(".moldau.yaml", "profile: away\n")
        self.assertIn("profile away", self.fails("moldau topic list --timeout 1s", 3))
        self.node.write(".moldau.yaml", f"brokers: [localhost:{self.nobody}]\n")
        self.assertIn(".moldau.yaml", self.fails("moldau topic list --timeout 1s", 3))
        self.done("MOLDAU_PROFILE=here moldau topic list")
        self.done("moldau profile rename here home")
        self.done("moldau profile clear")
        self.done("moldau profile delete away home -y")
        self.assertEqual(json.loads(self.done("moldau profile list --format json")), [])

    def test_what_is_wrong_is_told(self):
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("profiles:\n  a:\n    brokers: [localhost:1]\n    propertys: {acks: all}\n")
        self.assertIn("did you mean properties", self.fails("moldau topic list", 7))
        self.fails("moldau profile validate", 7)
        self.fails("moldau profile create b", 7)
        with open(self.file, encoding="utf-8") as file:
            self.assertIn("propertys", file.read(), "a file that is not understood is left alone")
        os.remove(self.file)
        self.assertIn("needs TLS, not in this build yet", self.fails("moldau topic list -X tls.enabled=true", 1))
        self.assertIn("did you mean linger.ms?", self.fails("moldau topic list -X lingr.ms=1", 2))
        # No source at all. Who runs this test may have a node of his own on the default port.
        tried = self.node.run("moldau topic list --timeout 1s")
        if tried.code != 0:
            self.assertEqual(tried.code, 3, tried)
            self.assertIn("so the default localhost:9092 was tried", tried.err)
            self.assertIn(self.file, tried.err)

    def test_edit_with_an_editor(self):
        self.node.env["EDITOR"] = "sh -c 'echo \"profiles: {e: {brokers: [e:1]}}\" > \"$0\"'"
        self.done("moldau profile edit")
        self.assertEqual(self.done("moldau profile print e"), "# e\nbrokers: [e:1]\n")
        self.node.env["EDITOR"] = "sh -c 'echo \"profles: {}\" > \"$0\"'"
        self.assertIn("profles: unknown key", self.fails("moldau profile edit", 7))
        self.node.env["EDITOR"] = "sh -c 'echo \"profles: 1\" > \"$0\"'"
        self.assertIn("did you mean profiles?", self.fails("moldau profile edit", 7))
        self.node.env["EDITOR"] = "false"
        self.fails("moldau profile edit", 1)
        del self.node.env["EDITOR"]

    def ask(self, line, answer):
        """Runs a line on a terminal and answers its question: exit code and all that was shown."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            ["/bin/bash", "-c", line], cwd=self.node.dir, env={**self.node.env, "TERM": "xterm"},
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        )
        os.close(terminal)
        shown, deadline = b"", time.monotonic() + LIMIT_S
        try:
            while time.monotonic() < deadline:
                if not select.select([controller], [], [], 0.1)[0]:
                    continue
                try:
                    more = os.read(controller, 4096)
                except OSError:  # the other side is closed
                    break
                if b"[y/N]" in more + shown[-5:] and b"[y/N]" not in shown:
                    os.write(controller, answer)
                shown += more
            return process.wait(LIMIT_S), shown.decode()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(controller)

    def test_confirm_on_a_terminal(self):
        self.done(f"moldau profile create prod -b localhost:{self.node.port} -X color=red -X confirm=always")
        code, shown = self.ask("moldau topic create asked", b"n\n")
        self.assertEqual(code, 2, shown)
        self.assertIn("\x1b[1;31m[prod]\x1b[0m topic create on localhost:", shown)
        self.assertIn("nothing was changed", shown)
        self.assertNotIn("asked", self.done("moldau topic list --format name"))
        code, shown = self.ask("moldau topic create asked", b"y\n")
        self.assertEqual(code, 0, shown)
        self.assertIn("asked", self.done("moldau topic list --format name"))
        code, shown = self.ask("moldau topic list", b"")
        self.assertEqual(code, 0, shown)
        self.assertIn("[prod]", shown)
        self.assertNotIn("[y/N]", shown)


if __name__ == "__main__":
    unittest.main()
