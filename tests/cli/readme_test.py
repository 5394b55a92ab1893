"""README.md's first session, word for word: what a reader types must do what it says.

The lines are taken from the file. Only what belongs to this test's own node is put in: its addresses for localhost:9092
and localhost:9644, and its folder for /tmp/moldau. `./dev …` builds and installs, which was done before.

Usage: readme_test.py PATH_OF_MOLDAU [unittest options]
"""

import os
import re
import shutil
import unittest

from node import LIMIT_S, Node, free_cluster_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def sections():
    """Each section's title and its ```sh blocks, in order."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        texts = re.split(r"^## ", file.read(), flags=re.M)
    return {text.split("\n", 1)[0]: re.findall(r"^```sh\n(.*?)^```$", text, flags=re.M | re.S) for text in texts[1:]}


def lines_of(block):
    """Its command lines; one that ends in a backslash goes on."""
    return [line for line in re.sub(r"\\\n\s*", "", block).splitlines() if line and not line.startswith("./dev ")]


class Readme(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.remove)
        # Where a node without any configuration listens.
        self.node.env["MOLDAU_LISTENERS__PLAINTEXT__BIND"] = f"127.0.0.1:{self.node.port}"
        self.node.env["MOLDAU_LISTENERS__PLAINTEXT__ADVERTISE"] = f"localhost:{self.node.port}"
        self.node.env["MOLDAU_ADMIN__BIND"] = f"127.0.0.1:{self.node.admin}"
        self.addCleanup(self.node.run, f"moldau stop --data-dir {self.node.dir}/moldau --wait 10s")

    def own(self, line):
        line = line.replace("/tmp/moldau", f"{self.node.dir}/moldau").replace("localhost:9644", f"localhost:{self.node.admin}")
        log = "/var/log/dpkg.log"
        return line if os.path.exists(log) and os.path.getsize(log) > 0 else line.replace(log, os.path.abspath(__file__))

    def play(self, lines, limit=2 * LIMIT_S):
        """Runs the lines in one shell; what each of them printed, by line."""
        script = ["fail() { echo \"exit $1\"; exit 1; }"]
        for number, line in enumerate(lines):
            script.append(f"echo '<{number}>'")
            # What is started in the background writes elsewhere, and is no part of this pipe.
            script.append(self.own(line).replace(" &", " > node.log 2>&1 &", 1) if re.search(r" &( |$)", line)
                          else f"{self.own(line)}\ncode=$?; [ $code = 0 ] || fail $code")
        result = self.node.run("\n".join(script), limit=limit)
        printed = re.split(r"^<(\d+)>\n", result.out, flags=re.M)
        answers = {lines[int(number)]: text for number, text in zip(printed[1::2], printed[2::2])}
        self.assertEqual(result.code, 0, f"{list(answers.items())[-1]}\n{result.err}")
        return answers

    def answer(self, answers, part):
        (found,) = [text for line, text in answers.items() if part in line]
        return found

    @unittest.skipUnless(shutil.which("kcat") and shutil.which("curl"), "needs kcat and curl")
    def test_first_session(self):
        blocks = sections()["A first session"]
        self.assertEqual(len(blocks), 3)
        answers = self.play([line for block in blocks for line in lines_of(block)])
        consumed = self.answer(answers, "moldau consume cities").splitlines()
        self.assertEqual({line.split(" at ")[0] for line in consumed}, {"New York", "Berlin", "Paris"})
        self.assertIn("PartitionCount: 3", self.answer(answers, "kafka-topics.sh"))
        self.assertEqual(set(self.answer(answers, "kcat -b localhost:9092 -C").splitlines()), {"New York", "Berlin", "Paris"})
        self.assertIn("\nmoldau_", self.answer(answers, "metrics"))
        self.assertIn("min.insync.replicas", self.answer(answers, "moldau explain"))
        self.assertEqual(self.answer(answers, "cmp - lines"), "the same bytes\n")
        self.assertIn("stopped process", self.answer(answers, "moldau stop"))
        with open(os.path.join(self.node.dir, "node.log"), encoding="utf-8") as file:
            self.assertIn("Kafka Server started", file.read())

    def test_later_sections(self):
        self.node.start()
        first = lines_of(sections()["A first session"][0])
        self.play([line for line in first if line.startswith(("moldau topic create", "printf"))])
        for title, blocks in sections().items():
            # That of docker compose is played by tests/containers/run.py.
            if blocks and title not in ("A first session", "A cluster on this machine", "Named clusters",
                                        "Three nodes with docker compose"):
                with self.subTest(title):
                    self.play([line for block in blocks for line in lines_of(block)])

    def test_cluster(self):
        # The nodes of the cluster have ports of their own.
        for name in [name for name in self.node.env if name.startswith("MOLDAU_")]:
            del self.node.env[name]
        port = free_cluster_port()
        folder = f"{self.node.dir}/moldau-cluster"  # as own() makes it of /tmp/moldau-cluster
        self.addCleanup(self.node.run, f"moldau dev stop --data-dir {folder} --wait 20s")
        lines = [line.replace("19092", str(port))
                 for block in sections()["A cluster on this machine"] for line in lines_of(block)]
        answers = self.play(lines, limit=8 * LIMIT_S)
        self.assertEqual(self.answer(answers, "moldau consume orders"), "2000\n")
        self.assertIn("availability", self.answer(answers, "moldau node restart-check"))
        self.assertNotRegex(self.answer(answers, "moldau doctor"), "(?m)^fail")
        self.assertFalse(os.path.exists(folder))

    def test_named_clusters(self):
        self.node.start()
        del self.node.env["MOLDAU_BROKERS"]
        (block,) = sections()["Named clusters"]
        answers = self.play([line.replace("k1:9092,k2:9092", "localhost:9092") for line in lines_of(block)])
        self.assertIn("prod", self.answer(answers, "profile list"))
        self.assertEqual(self.answer(answers, "profile print"), "# local\nbrokers: " + f"[localhost:{self.node.port}]\n")


if __name__ == "__main__":
    unittest.main()
