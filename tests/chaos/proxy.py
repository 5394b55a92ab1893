"""A network that can fail: a TCP relay in front of each address of a cluster, on one thread with an event loop of its own.

A link leads from one end to another, for what travels in that direction: net.link("n1", "n2") carries requests of n1 to
n2 and n1's answers to n2. Ends are names of nodes, or "clients" for everybody else; a connection's origin is known by
the process that owns its other end (/proc/net/tcp and /proc/PID/fd), so each node is known by its process id.

  cut         nothing passes, neither end is told: as when packets are lost. What was sent passes once it is mended.
  delay       seconds that every byte is under way; bytes keep their order
  bandwidth   bytes per second, None: as fast as it goes
  refuse      new connections over it are closed at once; reset() ends those that are there

All methods may be called from any thread and return when the change is in force."""

import asyncio
import os
import socket
import struct
import threading
import time

CLIENTS = "clients"
CHUNK = 1 << 16
MOST_UNDER_WAY = 1 << 20  # bytes that a direction of a connection holds; then its sender waits


class Link:
    def __init__(self):
        self.cut = False
        self.refuse = False
        self.delay = 0.0
        self.bandwidth = None
        self.free_at = 0.0  # when the next byte may leave, with a bandwidth
        self.changed = asyncio.Event()
        self.passed = 0  # bytes, for tests and for those who doubt that a link was used

    async def wait_until_passable(self, due):
        """Returns when bytes that are due at that time may pass."""
        while True:
            changed = self.changed
            now = time.monotonic()
            if not self.cut and now >= due:
                return
            try:
                await asyncio.wait_for(changed.wait(), None if self.cut else due - now)
            except asyncio.TimeoutError:
                pass

    async def transmit(self, size):
        """Takes the time that the bandwidth asks for."""
        self.passed += size
        if self.bandwidth is None:
            return
        self.free_at = max(self.free_at, time.monotonic()) + size / self.bandwidth
        await asyncio.sleep(self.free_at - time.monotonic())


class Direction:
    """Bytes of one connection on their way from one socket to the other."""

    def __init__(self, link, reader, writer):
        self.link, self.reader, self.writer = link, reader, writer
        self.queue = asyncio.Queue()
        self.under_way = 0
        self.room = asyncio.Event()

    async def run(self):
        await run_both(self._receive(), self._deliver())

    async def _receive(self):
        while True:
            while self.under_way >= MOST_UNDER_WAY:
                self.room.clear()
                await self.room.wait()
            content = await self.reader.read(CHUNK)
            self.under_way += len(content)
            self.queue.put_nowait((time.monotonic(), content))
            if not content:
                return

    async def _deliver(self):
        while True:
            came_at, content = await self.queue.get()
            for at in range(0, len(content) or 1, CHUNK if self.link.bandwidth is None else 4096):
                part = content[at:at + (CHUNK if self.link.bandwidth is None else 4096)]
                await self.link.wait_until_passable(came_at + self.link.delay)
                await self.link.transmit(len(part))
                if part:
                    self.writer.write(part)
                    await self.writer.drain()
            self.under_way -= len(content)
            self.room.set()
            if not content:
                self.writer.write_eof()
                return


class Connection:
    def __init__(self, origin, target, streams):
        self.origin, self.target, self.streams = origin, target, streams


def reset(streams):
    """With RST, as if their hosts had forgotten the connection."""
    for writer in streams:
        sock = writer.get_extra_info("socket")
        if sock is not None and not writer.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


class Network:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True, name="network")
        self.thread.start()
        self.links = {}
        self.pids = {}
        self.connections = set()
        self.tasks = set()  # one for each connection
        self.listeners = []

    def close(self):
        self._call(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    # Set-up.

    def relay(self, target, listen, to):
        """Accepts at `listen` (host, port) what is meant for the node `target`, and connects to `to`."""
        self._call(self._relay(target, listen, to))

    def knows(self, name, pid):
        """The node `name` is this process; None: it has none."""
        self.pids[name] = pid

    # Faults.

    def set(self, origin, target, **what):
        """cut, refuse, delay, bandwidth of one direction."""
        self._call(self._set(origin, target, what))

    def cut(self, a, b):
        """Both directions."""
        for origin, target in ((a, b), (b, a)):
            self.set(origin, target, cut=True)

    def isolate(self, name, others):
        for other in others:
            self.cut(name, other)

    def mend(self):
        """Every link is as at first."""
        self._call(self._mend())

    def reset(self, a, b):
        """Ends all connections between the two, whoever began them; how many."""
        return self._call(self._reset(a, b))

    def passed(self, origin, target):
        link = self.links.get((origin, target))
        return link.passed if link else 0

    # On the loop's thread.

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def _link(self, origin, target):
        return self.links.setdefault((origin, target), Link())

    async def _set(self, origin, target, what):
        link = self._link(origin, target)
        for name, value in what.items():
            assert hasattr(link, name), name
            setattr(link, name, value)
        changed, link.changed = link.changed, asyncio.Event()
        changed.set()

    async def _mend(self):
        for origin, target in list(self.links):
            await self._set(origin, target, {"cut": False, "refuse": False, "delay": 0.0, "bandwidth": None})

    async def _reset(self, a, b):
        found = [c for c in self.connections if {c.origin, c.target} == {a, b}]
        for connection in found:
            reset(connection.streams)
        return len(found)

    async def _close(self):
        for listener in self.listeners:
            self.loop.remove_reader(listener)
            listener.close()
        await asyncio.sleep(0)  # a task that is cancelled before it has begun closes nothing
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for _ in range(3):  # transports tell their protocols that they have ended in turns to come
            await asyncio.sleep(0)

    async def _relay(self, target, listen, to):
        listener = socket.create_server(listen, backlog=256)
        listener.setblocking(False)
        self.listeners.append(listener)
        self.loop.add_reader(listener, self._accept, listener, target, to)

    def _accept(self, listener, target, to):
        try:
            accepted, _ = listener.accept()
        except OSError:
            return  # it has gone again
        accepted.setblocking(False)
        task = asyncio.ensure_future(self._serve(accepted, target, to))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, accepted, target, to):
        """What was accepted is closed, however this ends."""
        streams = []
        try:
            reader, writer = await asyncio.open_connection(sock=accepted, limit=CHUNK)
            streams.append(writer)
            origin = self._origin(writer.get_extra_info("peername"))
            there, back = self._link(origin, target), self._link(target, origin)
            if there.refuse or back.refuse:
                return
            await there.wait_until_passable(0)  # no connection comes about while its first packet cannot pass
            out_reader, out_writer = await asyncio.open_connection(*to, limit=CHUNK)
            streams.append(out_writer)
            await self._pass_on(Connection(origin, target, streams), Direction(there, reader, out_writer),
                                Direction(back, out_reader, writer))
        except OSError:
            pass
        finally:
            reset(streams)
            accepted.close()

    async def _pass_on(self, connection, there, back):
        self.connections.add(connection)
        try:
            for one in connection.streams:
                one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await run_both(there.run(), back.run())
        finally:
            self.connections.discard(connection)

    def _origin(self, peer):
        """Whose process has the other end of an accepted connection."""
        inode = inode_of(peer)
        for name, pid in list(self.pids.items()):
            if inode and pid and has_socket(pid, inode):
                return name
        return CLIENTS


async def run_both(one, other):
    """Until both have ended, or one of them has failed; then the other is cancelled."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in (one, other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def inode_of(address):
    """Of the IPv4 TCP socket that is bound to this local address; None: there is none."""
    host, port = address
    wanted = f"{struct.unpack('<I', socket.inet_aton(host))[0]:08X}:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            words = line.split()
            if words[1] == wanted and words[9] != "0":
                return words[9]
    return None


def has_socket(pid, inode):
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                if os.readlink(f"{folder}/{name}") == f"socket:[{inode}]":
                    return True
            except FileNotFoundError:
                pass  # closed meanwhile
    except FileNotFoundError:
        pass  # ended meanwhile
    return False
