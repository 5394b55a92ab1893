"""Every API at every version against a live node, by the program every_version (its source tells what it checks)."""

import os
import subprocess

from broker import HOST
from live_test import LiveTest, main


class EveryVersion(LiveTest):
    settings = ("auto.create.topics.enable=false",)

    def test_every_version_is_answered(self):
        for seed in os.environ.get("MOLDAU_EVERY_VERSION_SEEDS", "1").split():
            done = subprocess.run([os.environ["MOLDAU_EVERY_VERSION"], HOST, str(self.broker.port),
                                   os.environ["MOLDAU_API_VERSIONS"], seed],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
            print(done.stdout)
            self.assertEqual(done.returncode, 0, f"seed {seed}:\n{done.stdout[-3000:]}")
            self.assertTrue(self.broker.ready())


if __name__ == "__main__":
    main(seconds=120)
