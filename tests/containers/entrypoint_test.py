#!/usr/bin/env python3
"""entrypoint_test.py BINARY: what the image's entrypoint makes of words and variables, without a container.

`moldau start` is replaced by a script that writes what it was given; every other verb is the real binary, so that the
variables go through the real configuration. What needs the image's own folders is in run.py."""

import os
import subprocess
import sys
import tempfile
import unittest

MOLDAU = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENTRYPOINT = os.path.join(ROOT, "docker", "entrypoint")
KAFKA_RUN = os.path.join(ROOT, "docker", "kafka-run")

# Says what would be started, and with which settings; process 1 of a container must be it, not a shell.
STAND_IN = """#!/bin/bash
[ "$1" = start ] || exec "$REAL_MOLDAU" "$@"
shift
echo "pid $$ words $*"
: >"$WORK/nothing.properties"
exec "$REAL_MOLDAU" config convert "$WORK/nothing.properties"
"""


class Entrypoint(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory(prefix="moldau-entrypoint-")
        self.bin = os.path.join(self.work.name, "bin")
        os.mkdir(self.bin)
        self.script("moldau", STAND_IN)
        os.symlink(ENTRYPOINT, os.path.join(self.bin, "moldau-entrypoint"))

    def tearDown(self):
        self.work.cleanup()

    def script(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def run_words(self, *words, command=ENTRYPOINT, **variables):
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "WORK": self.work.name, "REAL_MOLDAU": MOLDAU,
                       "MOLDAU_DATA_DIR": self.work.name, **variables}
        return subprocess.run([command, *words], env=environment, capture_output=True, text=True, timeout=60,
                              check=False)

    def settings(self, *words, command=ENTRYPOINT, **variables):
        """The effective settings as lines without indentation, in order."""
        done = self.run_words(*words, command=command, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_listener(self, text, name, bind, advertise):
        self.assertIn(f'  {name}:\n    bind: "{bind}"\n    advertise: "{advertise}"\n', text)

    def test_words_that_are_verbs_and_words_that_are_programs(self):
        self.assertEqual(self.run_words("version").stdout, self.run_words("moldau", "version").stdout)
        self.assertEqual(self.run_words("sh", "-c", "echo $((6 * 7))").stdout, "42\n")
        self.assertEqual(self.run_words("/bin/echo", "hi").stdout, "hi\n")
        self.script("kafka-topics", "#!/bin/bash\necho tool $*\n")
        self.assertEqual(self.run_words("kafka-topics", "--version").stdout, "tool --version\n")
        self.assertNotEqual(self.run_words("no-such-thing").returncode, 0)

    def test_start_takes_words_and_is_the_process_itself(self):
        process = subprocess.Popen([ENTRYPOINT, "--set", "node.id=7"], stdout=subprocess.PIPE, text=True, env={
            "PATH": f"{self.bin}:/usr/bin:/bin", "WORK": self.work.name, "REAL_MOLDAU": MOLDAU,
            "MOLDAU_DATA_DIR": self.work.name})
        out, _ = process.communicate(timeout=60)
        self.assertTrue(out.startswith(f"pid {process.pid} words --set node.id=7\n"), out)

    def test_a_node_alone_is_reached_from_outside(self):
        for words in ((), ("start",)):
            text = self.settings(*words)
            self.assert_listener(text, "plaintext", "0.0.0.0:9092", "localhost:9092")
            self.assertIn('admin:\n  enabled: true\n  bind: "0.0.0.0:9644"\n', text)
            self.assertIn(f'data_dir: "{self.work.name}"', text)

    def test_one_variable_does_not_take_the_defaults_away(self):
        text = self.settings(KAFKA_NUM_PARTITIONS="3", KAFKA_URL="left over")
        self.assert_listener(text, "plaintext", "0.0.0.0:9092", "localhost:9092")
        self.assertIn("num.partitions: 3", text)
        text = self.settings(KAFKA_ADVERTISED_LISTENERS="PLAINTEXT://outside:19092")
        self.assert_listener(text, "plaintext", "0.0.0.0:9092", "outside:19092")
        text = self.settings(MOLDAU_LISTENERS__PLAINTEXT__ADVERTISE="outside:19092")
        self.assert_listener(text, "plaintext", "0.0.0.0:9092", "outside:19092")
        text = self.settings(MOLDAU_ADMIN__BIND="127.0.0.1:9000")
        self.assertIn('bind: "127.0.0.1:9000"', text)

    def test_listeners_of_the_user_stand_alone(self):
        for name in ("KAFKA_LISTENERS", "KAFKA_CFG_LISTENERS", "MOLDAU_KAFKA__LISTENERS"):
            text = self.settings(**{name: "PLAINTEXT://127.0.0.1:1092"})
            self.assert_listener(text, "plaintext", "127.0.0.1:1092", "127.0.0.1:1092")
        text = self.settings(MOLDAU_LISTENERS__MINE__BIND="127.0.0.1:1092")
        self.assertNotIn("plaintext:\n    bind", text)

    def test_one_of_three_needs_its_number_and_its_outer_address(self):
        seeds = ("101@moldau-1:9093", "102@moldau-2:9093", "103@moldau-3:9093")
        text = self.settings(MOLDAU_CLUSTER__SEEDS=",".join(seeds), MOLDAU_CLUSTER__INITIAL_SIZE="3",
                             MOLDAU_NODE__ID="102", MOLDAU_LISTENERS__EXTERNAL__ADVERTISE="localhost:29092")
        self.assert_listener(text, "controller", "0.0.0.0:9093", "moldau-2:9093")
        self.assert_listener(text, "external", "0.0.0.0:19092", "localhost:29092")
        host = os.uname().nodename
        self.assert_listener(text, "internal", "0.0.0.0:9092", f"{host}:9092")
        self.assertEqual(text.count("inter_broker: true"), 1)
        self.assertRegex(text, r"internal:\n.*\n.*\n.*\n    inter_broker: true")

    def test_stores_and_passwords_are_files_of_kafkas_folder(self):
        text = self.settings(KAFKA_SSL_KEYSTORE_FILENAME="broker.p12", KAFKA_SSL_TRUSTSTORE_FILENAME="ca.p12")
        self.assertIn("ssl.keystore.location: ", text)
        self.assertIn("ssl.truststore.location: ", text)
        self.assertNotIn("filename", text)
        missing = self.run_words(KAFKA_SSL_KEY_CREDENTIALS="no-such-file")
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn("/etc/kafka/secrets/no-such-file", missing.stderr)

    def test_kafkas_run_takes_variables_as_words(self):
        text = self.settings("KAFKA_NODE_ID=5", "KAFKA_LISTENERS=PLAINTEXT://127.0.0.1:1092", command=KAFKA_RUN)
        self.assertIn("  id: 5\n", text)
        self.assert_listener(text, "plaintext", "127.0.0.1:1092", "127.0.0.1:1092")

    def test_a_folder_that_cannot_be_written_is_told(self):
        if os.geteuid() == 0:
            self.skipTest("root writes everywhere")
        self.assertIn("is not writable", self.run_words(MOLDAU_DATA_DIR="/proc").stderr)


if __name__ == "__main__":
    unittest.main()
