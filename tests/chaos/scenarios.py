#!/usr/bin/env python3
"""Real processes under load while they are killed, paused, cut off and filled up; at the end nothing that was acknowledged
is lost, nothing is there twice, and all replicas are the same.

  scenarios.py [NAME…] [--seconds N] [--rounds N] [--seed N] [--repeat N] [--long] [--keep FOLDER] [--record FILE] [--list]

Without names: all. --seconds: how long each injects faults (its own short time if not given), --rounds: at most so many
faults, --repeat: each so many times, with other seeds. Each run prints one line. A failed one leaves nodes' logs and
histories under --keep. --record appends one line for each scenario to a file. --long is a campaign: everything three
times (or --repeat) in random order from --seed, and a block in that file. Exit code 0: none failed."""

import argparse
import faulthandler
import os
import random
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import admin  # noqa: E402
import replicas  # noqa: E402
from cluster import FAIL_OVER_SECONDS, FAKETIME, PATIENCE, Cluster, wait_for  # noqa: E402
from disks import SmallDisk  # noqa: E402
from load import Load  # noqa: E402
from proxy import CLIENTS  # noqa: E402
from tally import Campaign, Tally, commit_of, plan, record  # noqa: E402

TOPIC = "ledger"
HEAL_SECONDS = 90.0
LONG_REPEAT = 3
LEFT_OUT = 77  # exit code: nothing could be played here


class Run:
    """One run of a scenario: its cluster and load, how long faults go on, and what it remembers of them."""

    def __init__(self, scenario, seconds, rounds, seed):
        self.scenario = scenario
        self.seconds = seconds or scenario.seconds
        self.rounds = rounds or scenario.rounds
        self.rng = random.Random(seed)
        self.cluster = self.load = self.kept = None
        self.disks = {}
        self.faults = 0
        self.limits = []  # what the result must keep besides: (words, function of the result)

    def turns(self):
        """One for each fault, while there is time; the load goes on in between."""
        end = time.monotonic() + self.seconds * PATIENCE
        while time.monotonic() < end and (self.rounds is None or self.faults < self.rounds):
            self.load.progress()
            self.faults += 1
            yield self.faults

    def fault(self):
        """Now something has failed from which the cluster recovers by itself: the time until it does counts."""
        self.load.fault_times.append(time.monotonic())

    def sleep(self, low, high=None):
        time.sleep(low if high is None else self.rng.uniform(low, high))

    def any_node(self, *but):
        return self.rng.choice([node for node in self.cluster.nodes if node not in but])

    def any_leader(self):
        return self.cluster.leader(TOPIC, self.rng.randrange(self.load.partitions))

    def follower(self):
        """Of some partition, and not the controller."""
        partition = self.rng.choice(list(self.cluster.partitions(TOPIC).values()))
        controller = self.cluster.controller()
        others = [self.cluster.node(i) for i in partition.replicas if i != partition.leader]
        return next((node for node in others if node is not controller), others[0])

    def healed(self):
        """All nodes run, all links are whole, all replicas are in sync."""
        if self.cluster.network:
            self.cluster.network.mend()
        for node in self.cluster.nodes:
            node.resume()
            if not node.running():
                node.start()
        self.cluster.wait_healthy(HEAL_SECONDS)

    def must(self, words, holds):
        self.limits.append((words, holds))


class Scenario:
    """`goals`: the rows of reliability.md 4.2 that its faults count for, beside P1."""

    def __init__(self, play, seconds=20, rounds=None, nodes=3, load=None, goals=(), **cluster):
        self.name = play.__name__.replace("_", "-")
        self.doc = play.__doc__
        self.play, self.seconds, self.rounds, self.nodes = play, seconds, rounds, nodes
        self.load, self.goals, self.cluster = load or {}, goals, cluster


SCENARIOS = {}


def scenario(**how):
    def register(play):
        one = Scenario(play, **how)
        SCENARIOS[one.name] = one
        return play
    return register


# Killed. ----------------------------------------------------------------------------------------------------------

def kill_and_restart(run, choose, down=(0.2, 3.0)):
    for _ in run.turns():
        node = choose()
        node.kill()
        run.fault()
        run.sleep(*down)
        run.load.progress()  # two of three go on
        node.start()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(goals=("P5", "P13"))
def kill_leader(run):
    """The leader of some partition is killed with -9, over and over."""
    kill_and_restart(run, run.any_leader)


@scenario(goals=("P5",))
def kill_follower(run):
    """A follower is killed with -9, over and over."""
    kill_and_restart(run, run.follower)


@scenario(goals=("P5",))
def kill_controller(run):
    """The active controller is killed with -9, over and over."""
    kill_and_restart(run, run.cluster.controller)


@scenario(goals=("P5",))
def kill_random(run):
    """Any node, started again before or after the cluster has gone on."""
    for _ in run.turns():
        node = run.any_node()
        node.kill()
        run.fault()
        run.sleep(0, 2)
        node.start()


@scenario(goals=("P6",))
def kill_all(run):
    """All nodes at the same moment; the page cache outlives them."""
    for _ in run.turns():
        for node in run.cluster.nodes:
            node.process.kill()
        for node in run.cluster.nodes:
            node.kill()
        run.fault()
        for node in run.rng.sample(run.cluster.nodes, len(run.cluster.nodes)):
            node.launch()
            run.sleep(0, 0.3)
        for node in run.cluster.nodes:
            node.wait_ready()


@scenario(goals=("P5",))
def kill_two(run):
    """Two of three: no majority, nothing may be acknowledged by the one that is left unless it is durable on two."""
    for _ in run.turns():
        nodes = run.rng.sample(run.cluster.nodes, 2)
        for node in nodes:
            node.kill()
        run.sleep(0.2, 2)
        run.fault()
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(goals=("P5",))
def restart_storm(run):
    """A node is killed again and again while it starts."""
    for _ in run.turns():
        node = run.any_node()
        for _ in range(run.rng.randrange(3, 7)):
            node.kill()
            node.launch()
            run.sleep(0, 0.4)
        node.wait_ready()
        run.cluster.wait_healthy(HEAL_SECONDS)


# Paused. ----------------------------------------------------------------------------------------------------------

def pause_and_continue(run, choose, seconds):
    for _ in run.turns():
        node = choose()
        node.pause()
        run.fault()
        run.sleep(*seconds)
        node.resume()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(seconds=25, goals=("P12",))
def pause_leader(run):
    """SIGSTOP of a partition's leader for longer than its session; then it believes for a moment that it still leads."""
    pause_and_continue(run, run.any_leader, (5, 12))


@scenario(seconds=25, goals=("P12",))
def pause_controller(run):
    """The same with the active controller."""
    pause_and_continue(run, run.cluster.controller, (5, 12))


@scenario(seconds=25)
def pause_follower(run):
    """A follower sleeps, sometimes for longer than replicas may lag."""
    pause_and_continue(run, run.follower, (3, 12))


@scenario()
def pause_shortly(run):
    """For less than any time-out, any node."""
    pause_and_continue(run, run.any_node, (0.1, 1.0))


# Cut off. ---------------------------------------------------------------------------------------------------------

@scenario(seconds=25, proxied=True)
def cut_leader_from_all(run):
    """A partition's leader hears nobody, not even clients."""
    for _ in run.turns():
        node = run.any_leader()
        run.cluster.network.isolate(node.name, [*names_but(run, node), CLIENTS])
        run.fault()
        run.sleep(4, 8)
        run.cluster.network.mend()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(seconds=25, proxied=True)
def cut_leader_from_nodes(run):
    """A zombie leader: clients reach it, no other node does (RP-04)."""
    for _ in run.turns():
        node = run.any_leader()
        run.cluster.network.isolate(node.name, names_but(run, node))
        run.fault()
        run.sleep(4, 8)
        run.cluster.network.mend()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(seconds=25, proxied=True)
def cut_leader_from_controller(run):
    """A leader that all but the controller reach: it is fenced, and must not acknowledge alone (RP-04)."""
    for _ in run.turns():
        controller = run.cluster.controller()
        leaders = [run.cluster.leader(TOPIC, p) for p in range(run.load.partitions)]
        others = [node for node in leaders if node is not controller]
        if not others:
            continue
        run.cluster.network.cut(run.rng.choice(others).name, controller.name)
        run.fault()
        run.sleep(4, 8)
        run.cluster.network.mend()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(seconds=25, proxied=True)
def cut_one_way(run):
    """What a leader sends to one follower is lost, the other direction works (RP-28)."""
    for _ in run.turns():
        leader = run.any_leader()
        follower = run.any_node(leader)
        ends = (leader.name, follower.name) if run.rng.random() < 0.5 else (follower.name, leader.name)
        run.cluster.network.set(*ends, cut=True)
        run.fault()
        run.sleep(4, 8)
        run.cluster.network.mend()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(proxied=True)
def cut_any(run):
    """Any links, in any direction, often and shortly; connections are reset now and then."""
    network = run.cluster.network
    for _ in run.turns():
        names = [node.name for node in run.cluster.nodes]
        for _ in range(run.rng.randrange(1, 4)):
            network.set(*run.rng.sample([*names, CLIENTS], 2), cut=True)
        run.sleep(0.1, 3)
        if run.rng.random() < 0.5:
            network.reset(*run.rng.sample([*names, CLIENTS], 2))
        network.mend()
    run.healed()


@scenario(proxied=True)
def reset_connections(run):
    """Connections end in the middle of requests, everywhere."""
    names = [*(node.name for node in run.cluster.nodes), CLIENTS]
    for _ in run.turns():
        for _ in range(10):
            run.cluster.network.reset(*run.rng.sample(names, 2))
            run.sleep(0.02, 0.2)


@scenario(proxied=True)
def slow_links(run):
    """Delays and narrow links between nodes: slow followers, nobody dead (RP-27)."""
    network = run.cluster.network
    for _ in run.turns():
        names = [node.name for node in run.cluster.nodes]
        for _ in range(3):
            network.set(*run.rng.sample(names, 2), delay=run.rng.uniform(0.01, 0.3),
                        bandwidth=run.rng.choice([None, 30_000, 300_000]))
        run.sleep(2, 5)
        network.mend()
    run.healed()


def names_but(run, *nodes):
    return [node.name for node in run.cluster.nodes if node not in nodes]


# Disks. -----------------------------------------------------------------------------------------------------------

@scenario(seconds=25, nodes=4, controllers=3)
def wiped_disk(run):
    """A broker comes back with an empty disk: its replicas hold nothing and are trusted with nothing until they are full."""
    wipe(run, lambda: run.cluster.node(4))


@scenario(seconds=25)
def wiped_voter(run):
    """The same with nodes that vote, too (RA-12)."""
    wipe(run, run.any_node)


def wipe(run, choose):
    for _ in run.turns():
        node = choose()
        node.kill()
        run.fault()
        run.load.progress()
        node.wipe()
        node.start()
        run.cluster.wait_healthy(HEAL_SECONDS)


MUCH = {"per_second": 600, "key_bytes": 8000}  # fills the commit log within seconds


def fill_disk(run):
    """The node says no instead of breaking, the others go on; with room again all is well without a restart."""
    disk = run.disks[1]
    for _ in run.turns():
        disk.fill()
        run.sleep(5, 15)
        disk.free()
        run.load.progress()
        run.cluster.wait_healthy(HEAL_SECONDS)


@scenario(seconds=25, small_disk="tmpfs", load=MUCH, goals=("P8",))
def disk_full_tmpfs(run):
    """The disk of one node is full for a while."""
    fill_disk(run)


@scenario(seconds=25, small_disk="ext4", load=MUCH, goals=("P8",))
def disk_full_ext4(run):
    """The same with ext4."""
    fill_disk(run)


# Clocks. ------------------------------------------------------------------------------------------------------------

STEPS_SECONDS = (1, 10, 100, 1000, 3000)  # records may be an hour ahead of a broker's clock, no more


@scenario(clocks=True, goals=("P11",))
def clock_steps(run):
    """The wall clock of one node, or of all, jumps forwards and back by up to 50 minutes; now and then one is killed."""
    for _ in run.turns():
        for node in run.cluster.nodes if run.rng.random() < 0.3 else [run.any_node()]:
            node.set_clock(run.rng.choice((-1, 1)) * run.rng.choice(STEPS_SECONDS))
        run.sleep(1.5, 3)
        run.load.progress()
        if run.rng.random() < 0.3:
            node = run.any_node()
            node.kill()
            node.start()
            run.cluster.wait_healthy(HEAL_SECONDS)


# Orderly changes. ---------------------------------------------------------------------------------------------------

@scenario(seconds=30, goals=("P5",))
def rolling_restart(run):
    """Each node is stopped in order and started again: leaders move before, so clients hardly notice."""
    for turn in run.turns():
        node = run.cluster.nodes[turn % len(run.cluster.nodes)]
        run.fault()
        node.stop()
        node.start()
        run.cluster.wait_healthy(HEAL_SECONDS)
    run.must("no silence over 2 s", lambda result: result.longest_silence < 2 * PATIENCE)


@scenario(seconds=20, rounds=1)
def add_node(run):
    """A fourth node joins under load; all partitions move onto it and two others, then away from it again."""
    for _ in run.turns():
        node = run.cluster.add_node()
        move(run, lambda partition: [node.id, 1 + partition % 3, 1 + (partition + 1) % 3])
        run.load.progress()
        move(run, lambda partition: [1 + partition % 3, 1 + (partition + 1) % 3, 1 + (partition + 2) % 3])


@scenario(seconds=20, rounds=1, nodes=4, controllers=3)
def remove_node(run):
    """The fourth node's partitions move away, it leaves for good, and a new one takes its place."""
    for _ in run.turns():
        node = run.cluster.node(4)
        move(run, lambda partition: [1 + partition % 3, 1 + (partition + 1) % 3, 1 + (partition + 2) % 3])
        run.cluster.remove_node(node)
        run.load.progress()
        new = run.cluster.add_node()
        move(run, lambda partition: [new.id, 1 + partition % 3, 1 + (partition + 1) % 3])


def move(run, replicas_of, while_moving=None):
    """Reassigns all partitions and waits until that is done, and every node tells so."""
    wanted = {partition: replicas_of(partition) for partition in range(run.load.partitions)}
    ask_to_move(run, wanted)
    if while_moving:
        while_moving()
    wait_until_moved(run, lambda partition, found: found == wanted[partition])


def ask_to_move(run, wanted, fine=()):
    """Again and again while there is no controller to ask. `wanted`: None as replicas cancels. `fine`: errors that are."""
    refusals = []
    def asked():
        try:
            admin.reassign(run.cluster.any_address(), TOPIC, wanted)
            return True
        except admin.Refused as refused:
            refusals.append(str(refused))
            return any(f"error {code} " in refusals[-1] for code in fine)
    wait_for(asked, FAIL_OVER_SECONDS, lambda: f"a reassignment is taken ({refusals[-1]})", 0.1)


def wait_until_moved(run, fits):
    """Nothing moves any more, and all nodes tell the same replicas of each partition, which fit."""
    wait_for(lambda: not reassignments(run), HEAL_SECONDS * PATIENCE,
             lambda: f"reassignments end: {reassignments(run)}", 0.2)
    wait_for(lambda: not elsewhere(run, fits), FAIL_OVER_SECONDS,
             lambda: "every node tells where partitions have moved to: " + "; ".join(elsewhere(run, fits)[:6]), 0.1)


def elsewhere(run, fits):
    """One line for each partition of which some node tells replicas that do not fit, or others than the first does."""
    lines, told = [], {}
    for node in run.cluster.alive():
        try:
            found = admin.metadata(node.address).topics.get(TOPIC, {})
        except admin.Refused as refused:
            lines.append(f"{node.name}: {refused}")
            continue
        for partition in range(run.load.partitions):
            replicas_found = found[partition].replicas if partition in found else []
            first = told.setdefault(partition, replicas_found)
            if replicas_found != first or not fits(partition, replicas_found):
                lines.append(f"{node.name} tells {TOPIC}-{partition} on {replicas_found}")
    return lines


def reassignments(run):
    try:
        return admin.reassignments(run.cluster.any_address())
    except admin.Refused as refused:
        return str(refused)


@scenario(seconds=25, nodes=4, controllers=3, goals=("P5",))
def kill_while_moving(run):
    """Partitions move to and fro between four nodes while nodes are killed (RP-18)."""
    layouts = [lambda p: [1 + p % 3, 1 + (p + 1) % 3, 4], lambda p: [1 + (p + 1) % 3, 4, 1 + (p + 2) % 3],
               lambda p: [1, 2, 3]]
    def kill():
        node = run.any_node()
        node.kill()
        run.sleep(0.1, 1)
        node.start()
    for turn in run.turns():
        if run.rng.random() < 0.3:
            move_and_cancel(run, layouts[turn % len(layouts)], kill)
        else:
            move(run, layouts[turn % len(layouts)], kill)


def move_and_cancel(run, replicas_of, while_moving):
    """Ends in the old place, in whatever order, or, where that was quicker, in the new one."""
    before = {p: found.replicas for p, found in run.cluster.partitions(TOPIC).items()}
    wanted = {partition: replicas_of(partition) for partition in range(run.load.partitions)}
    ask_to_move(run, wanted)
    for partition in wanted:
        ask_to_move(run, {partition: None}, fine=[admin.NO_REASSIGNMENT_IN_PROGRESS])
    while_moving()
    wait_until_moved(run, lambda partition, found: sorted(found) in (sorted(before[partition]), sorted(wanted[partition])))


@scenario(load={"kinds": ("kafka-python", "confluent"), "consumers": ("kafka-python", "confluent")}, goals=("P5",))
def kill_leader_two_clients(run):
    """As kill-leader, with both Python clients."""
    kill_and_restart(run, run.any_leader)


TRANSACTIONS = {"kinds": ("transactional", "transactional"), "per_second": 400, "copies": "copies"}


def coordinator(run):
    """Who leads some partition of the topic of transactions, or of the topic of groups."""
    topic = run.rng.choice(("__transaction_state", "__consumer_offsets"))
    partitions = wait_for(lambda: list(run.cluster.partitions(topic)), FAIL_OVER_SECONDS, f"{topic} is there")
    return run.cluster.leader(topic, run.rng.choice(partitions))


@scenario(seconds=25, load=TRANSACTIONS, goals=("P2", "P5"))
def kill_in_transactions(run):
    """Transactions over many partitions, and copiers that take records and offsets in theirs, while leaders and coordinators
    are killed with -9."""
    kill_and_restart(run, lambda: run.any_leader() if run.rng.random() < 0.5 else coordinator(run))


@scenario(seconds=25, load=TRANSACTIONS, goals=("P2", "P12"))
def pause_in_transactions(run):
    """The same while one of them sleeps for longer than its session: then it speaks as if it still led."""
    pause_and_continue(run, lambda: run.any_leader() if run.rng.random() < 0.5 else coordinator(run), (4, 8))


@scenario(load={"kinds": ("acks1",), "acks_1": True})
def kill_leader_acks_1(run):
    """acks=1 may lose what only the leader had; everything else must hold."""
    kill_and_restart(run, run.any_leader)


@scenario(proxied=True, goals=("P2",))
def everything(run):
    """One fault after another, of all kinds that need no special cluster."""
    network = run.cluster.network
    for _ in run.turns():
        node = run.any_node()
        names = [n.name for n in run.cluster.nodes]
        kind = run.rng.choice(["kill", "pause", "cut", "one way", "slow", "stop", "reset"])
        if kind == "kill":
            node.kill()
        elif kind == "pause":
            node.pause()
        elif kind == "cut":
            network.isolate(node.name, [name for name in names if name != node.name])
        elif kind == "one way":
            network.set(*run.rng.sample(names, 2), cut=True)
        elif kind == "slow":
            network.set(*run.rng.sample(names, 2), delay=run.rng.uniform(0, 0.5))
        elif kind == "reset":
            network.reset(*run.rng.sample([*names, CLIENTS], 2))
        else:
            node.stop()
        run.fault()
        run.sleep(0.1, 5)
        run.healed()


@scenario(nodes=5, controllers=3, goals=("P5",))
def five_nodes(run):
    """Five nodes, three of them controllers; two are killed at the same time, never two controllers."""
    for _ in run.turns():
        one = run.any_node()
        other = run.rng.choice([n for n in run.cluster.nodes if n is not one and not
                                (n.is_controller() and one.is_controller())])
        one.kill()
        other.kill()
        run.sleep(0.1, 2)
        for node in (one, other):
            node.launch()
        for node in (one, other):
            node.wait_ready()
        run.cluster.wait_healthy(HEAL_SECONDS)


# One node alone, so that the harness and the node's own recovery are shown without replication. ------------------------

@scenario(nodes=1, goals=("P4",))
def single_kill(run):
    """A cluster of one node is killed with -9."""
    for _ in run.turns():
        node = run.cluster.nodes[0]
        node.kill()
        run.fault()
        run.sleep(0, 1)
        node.start()


@scenario(nodes=1, proxied=True)
def single_cut(run):
    """Clients lose their node behind the proxy: cut, reset, slow."""
    node = run.cluster.nodes[0]
    for turn in run.turns():
        kind = turn % 4
        if kind == 0:
            run.cluster.network.set(*run.rng.sample([node.name, CLIENTS], 2), cut=True)
        elif kind == 1:
            run.cluster.network.reset(node.name, CLIENTS)
        elif kind == 2:
            run.cluster.network.set(node.name, CLIENTS, delay=0.3)
        else:
            node.pause()
        run.fault()
        run.sleep(0.2, 3)
        node.resume()
        run.cluster.network.mend()


@scenario(nodes=1, seconds=25, small_disk="tmpfs", load=MUCH, goals=("P8",))
def single_disk_full(run):
    """A full disk refuses records; with room again it goes on without a restart."""
    fill_disk(run)


# Running them. ------------------------------------------------------------------------------------------------------

def play(one, options, seed):
    """The run, its Result (None: it did not come that far) and what was not as it must be."""
    run = Run(one, options.seconds, options.rounds, seed)
    try:
        result = play_through(run)
        return run, result, judge(run, result)
    except (AssertionError, admin.Refused, OSError, subprocess.SubprocessError) as error:
        if options.verbose:
            traceback.print_exc()
        return run, None, [str(error) or repr(error)]
    finally:
        end(run, options)


def play_through(run):
    how = dict(run.scenario.cluster)
    kind = how.pop("small_disk", None)
    if kind:
        run.disks[1] = SmallDisk(kind)
    run.cluster = Cluster(run.scenario.nodes, data_dirs={i: disk.data_dir for i, disk in run.disks.items()}, **how)
    run.cluster.start()
    run.load = Load(run.cluster, TOPIC, **run.scenario.load)
    run.load.start()
    run.load.progress()
    run.scenario.play(run)
    run.healed()
    run.load.progress()
    return run.load.finish()


def judge(run, result):
    failures = [f"{count} {anomaly}" for anomaly, count in sorted(result.forbidden.items())] + result.troubles
    failures += [words for words, holds in run.limits if not holds(result)]
    for node in run.cluster.nodes:
        node.stop()
    data_dirs = {node.name: node.data_dir for node in run.cluster.brokers()}
    return failures + replicas.differences(data_dirs, TOPIC)


def end(run, options):
    if run.load:
        run.load.end()
    if run.cluster:
        for node in run.cluster.nodes:
            node.end()
        if options.keep:
            keep(run, options.keep, options.keep_data)
        run.cluster.close()
    for disk in run.disks.values():
        disk.remove()


def keep(run, folder, with_data):
    """Logs, settings and histories; removed again when the run was good."""
    run.kept = os.path.join(folder, f"{run.scenario.name}-{os.getpid()}-{time.monotonic_ns()}")
    shutil.copytree(run.cluster.folder, run.kept,
                    ignore=lambda _, names: [name for name in names if name == "data" and not with_data])


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--keep-data", action="store_true", help="the nodes' data folders as well")
    parser.add_argument("--record")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--limit", type=float, help="after so many seconds everything is ended")
    options = parser.parse_intermixed_args(words)
    unknown = [name for name in options.names if name not in SCENARIOS]
    if unknown:
        sys.exit(f"error: no scenario {', '.join(unknown)}; --list names them")
    options.repeat = options.repeat or (LONG_REPEAT if options.long else 1)
    return options


def main(words):
    options = arguments(words)
    if options.list:
        print("\n".join(f"{one.name}: {one.doc}" for one in SCENARIOS.values()))
        return 0
    if options.limit:
        faulthandler.dump_traceback_later(options.limit * PATIENCE, exit=True)
    chosen = [SCENARIOS[name] for name in options.names or SCENARIOS]
    for one in chosen:
        if lacks(one):
            print(f"left out {one.name}: {lacks(one)}", flush=True)
    able = [one for one in chosen if not lacks(one)]
    if not able:
        return LEFT_OUT
    tallies = play_campaign(able, options) if options.long else [play_often(one, options) for one in able]
    return 1 if any(tally.failed for tally in tallies) else 0


def lacks(one):
    """Why a scenario cannot be played here; nothing: it can."""
    if "small_disk" in one.cluster and os.geteuid() != 0:
        return "only root can mount a small disk"
    if one.cluster.get("clocks") and not os.path.exists(FAKETIME):
        return "libfaketime is not installed"
    return None


def play_often(one, options):
    tally = Tally(one.name, one.goals)
    try:
        for turn in range(options.repeat):
            play_once(one, options, options.seed + turn, tally)
    finally:
        if options.record and tally.runs:
            record(options.record, tally, commit_of(HERE))
    if options.repeat > 1:
        print(f"in all: {tally.line()}", flush=True)
    return tally


def play_campaign(chosen, options):
    """Each so often, in random order: what one leaves behind on the machine meets all the others."""
    tallies = {one.name: Tally(one.name, one.goals) for one in chosen}
    ledger = options.record and Campaign(options.record, list(tallies), options.repeat, options.seed, commit_of(HERE))
    for name, seed in plan(list(tallies), options.repeat, options.seed):
        play_once(SCENARIOS[name], options, seed, tallies[name])
        if ledger:
            ledger.write(tallies.values())
    return list(tallies.values())


def play_once(one, options, seed, tally):
    began = time.monotonic()
    run, result, failures = play(one, options, seed)
    told = Tally(one.name)
    for each in (told, tally):
        each.add(run.faults, result, failures, time.monotonic() - began)
    print(told.line(), flush=True)
    if not failures:
        if run.kept:
            shutil.rmtree(run.kept)
        return
    for text in failures + (result.lines if result else []):
        print(f"  {text}", flush=True)
    print(f"  seed {seed}" + (f", logs in {run.kept}" if run.kept else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
