"""Cycles of ops: by given edges alone, together with the order in one process, together with the order of real time."""

from collections import defaultdict


def find(ops, edges, wanted):
    """Pairs of strength ("", "-process", "-realtime") and ops of a cycle, one for each group of ops that reach each other
    through a wanted edge. `edges` and `wanted`: pairs of Op.place. A weaker order is not told again with a stronger one."""
    by_place = {op.place: op for op in ops}
    edges = {(a, b) for a, b in edges if a in by_place and b in by_place}
    told = set()
    for strength, more in (("", set()), ("-process", process_order(ops)), ("-realtime", realtime_order(ops))):
        graph = defaultdict(set)
        for a, b in edges | more:
            graph[a].add(b)
        for group in components(graph):
            inner = [(a, b) for a, b in wanted if a in group and b in group and b in graph[a]]
            if inner and not told & group:
                told |= group
                yield strength, [by_place[place] for place in cycle_through(graph, group, min(inner))]


def process_order(ops):
    """From each op to the next of its process that began after it had ended."""
    edges, last = set(), {}
    for op in sorted(ops, key=lambda op: op.began):
        before = last.get(op.process)
        if before is not None and before.ended <= op.began:
            edges.add((before.place, op.place))
        last[op.process] = op
    return edges


def realtime_order(ops):
    """From each op to those that began after it had ended, without edges that follow from others."""
    edges, frontier = set(), []  # frontier: ended ops, none of which ended before another of them began
    moments = [(op.began, 1, op.place, op) for op in ops]
    moments += [(op.ended, 0, op.place, op) for op in ops if op.ended != float("inf")]
    for _, begins, _, op in sorted(moments, key=lambda moment: moment[:3]):
        if begins:
            edges.update((before.place, op.place) for before in frontier)
        else:
            frontier = [before for before in frontier if before.ended > op.began] + [op]
    return edges


def components(graph):
    """Groups of more than one node that all reach each other (Tarjan's algorithm, without recursion)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in list(graph):
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(graph.get(successor, ()))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = take_group(stack, on_stack, node)
                    if len(group) > 1:
                        found.append(group)
    return found


def take_group(stack, on_stack, node):
    group = set()
    while True:
        member = stack.pop()
        on_stack.discard(member)
        group.add(member)
        if member == node:
            return group


def cycle_through(graph, group, edge):
    """The shortest way from the edge's end back to its start, in the group, with the edge in front."""
    start, end = edge
    came_from, queue = {end: None}, [end]
    for node in queue:
        if node == start:
            break
        for successor in graph[node]:
            if successor in group and successor not in came_from:
                came_from[successor] = node
                queue.append(successor)
    way = [start]
    while way[-1] != end:
        way.append(came_from[way[-1]])
    return way[:1] + way[1:][::-1] + [start]
