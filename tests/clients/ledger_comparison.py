"""What producers were told, compared with the log: nothing acknowledged is lost or at another offset, nothing is there twice,
each producer's records of a partition are there in the order sent. For tests with ledger_producers.py."""

import sys

from ledger_producers import PARTITIONS, TOPIC


class LedgerComparison:
    """For a TestCase with an adapters.RdkafkaC named `client`."""

    def compare(self, ledgers):
        by_name = {ledger.name: ledger for ledger in ledgers}
        stored = lost = moved = repeated = disordered = 0
        examples = []
        for partition in range(PARTITIONS):
            places = {name: {} for name in by_name}
            latest = dict.fromkeys(by_name, -1)
            for record in self.client.read(TOPIC, 0, partition):
                name, of_partition, sequence, _ = record.value.decode().split(":")
                sequence = int(sequence)
                stored += 1
                if sequence in places[name]:
                    repeated += 1
                    examples.append(f"{name} {partition} {sequence}: at {places[name][sequence]} and {record.offset}")
                elif (sequence <= latest[name] or int(of_partition) != partition or
                      sequence != latest[name] + 1 and not by_name[name].leaves_out):
                    disordered += 1
                    examples.append(f"{name} {partition} {sequence}: behind {latest[name]}, at {record.offset}")
                places[name][sequence] = record.offset
                latest[name] = sequence
            for name, ledger in by_name.items():
                for sequence, offset in ledger.acked[partition].items():
                    if sequence not in places[name]:
                        lost += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, not there")
                    elif offset not in (None, places[name][sequence]):
                        moved += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, is at "
                                        f"{places[name][sequence]}")
        failed = [line for ledger in ledgers if not ledger.fatal for line in ledger.failed]
        acked = sum(ledger.count() for ledger in ledgers)
        sent = sum(sum(ledger.sent.values()) for ledger in ledgers)
        unsure = sum(sum(ledger.sent.values()) - ledger.count() for ledger in ledgers
                     if ledger.fatal or ledger.leaves_out)
        for ledger in ledgers:
            if ledger.fatal:
                print(f"  producer {ledger.name} was ended by its own client: {ledger.fatal}", file=sys.stderr)
        print(f"  {sent} sent, {acked} acknowledged, {unsure} unknown, {len(failed)} given up, {stored} stored; {lost} lost, "
              f"{repeated} repeated, {disordered} out of order, {moved} at another offset", file=sys.stderr)
        self.assertEqual((lost, repeated, disordered, moved), (0, 0, 0, 0),
                         "lost, repeated, out of order, moved:\n" + "\n".join(examples[:20]))
        self.assertFalse(failed, "records that the clients gave up")
        self.assertEqual(acked, sent - unsure, "sent, but neither acknowledged nor given up")
        self.assertTrue(acked <= stored <= sent, f"{acked} acknowledged, {stored} stored, {sent} sent")
        self.assertFalse([ledger.fatal for ledger in ledgers if ledger.fatal], "producers that could not go on")
