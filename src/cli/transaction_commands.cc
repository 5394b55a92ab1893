// The tables of `moldau txn …` and kafka-transactions.
#include "cli/transaction_commands.h"

#include "cli/kafka_flags.h"

namespace moldau::cli {

std::vector<Command> txn_commands() {
  const Flag topic{"--topic", "TOPIC", "of this topic", {}, Complete::topic};
  const Flag partition{"-p,--partition", "N", "of this partition"};
  const Flag broker{"--broker", "N", "as the replicas on this broker know, instead of the leaders"};
  return {
      {"txn list",
       "List transactional ids, and how their transactions are",
       "",
       Complete::none,
       {{"--state", "S,S", "only in these states: ongoing, prepare-abort, complete-commit, …"},
        {"--longer-than", "DUR", "only what has been open for longer"},
        {"--producer", "ID,ID", "only of these producer ids"},
        {"-r,--regex", "PATTERN", "only ids that match as a whole (RE2)"}},
       &txn_list},
      {"txn describe",
       "Show transactions: since when they are open, and in which partitions",
       "TRANSACTIONAL-ID...",
       Complete::none,
       {},
       &txn_describe},
      {"txn producers",
       "Show who writes to partitions, and what they have open there",
       "TOPIC...",
       Complete::topic,
       {{"-p,--partitions", "0,1", "only these partitions"},
        broker,
        {"--open", "", "only open transactions"}},
       &txn_producers},
      {"txn abort",
       "Abort a transaction: of a transactional id, whose producer is fenced, or one that hangs in a "
       "partition",
       "[TRANSACTIONAL-ID...]",
       Complete::none,
       {topic,
        partition,
        {"--start-offset", "N", "where it begins in this partition"},
        {"-y,--yes", "", "do not ask"},
        {"--dry-run", "", "check only, change nothing"}},
       &txn_abort},
      {"txn find-hanging",
       "Find transactions that hold readers up, and that no coordinator will end",
       "",
       Complete::none,
       {topic,
        partition,
        broker,
        {"--longer-than", "DUR", "only without a record for so long (default 15m)"}},
       &txn_find_hanging},
  };
}

std::vector<Command> kafka_transactions_commands() {
  const Flag server{"--bootstrap-server", "HOST:PORT", "the servers to connect to"};
  const Flag topic{"--topic", "NAME", "topic name"};
  const Flag partition{"--partition", "N", "partition number"};
  const auto with = [&](std::vector<Flag> flags) {
    flags.insert(flags.begin(), server);
    return with_common(std::move(flags));
  };
  return {
      {"kafka-transactions list", "List transactions", "", Complete::none,
       with({{"--duration-filter", "MS", "only those running longer than this; below 0: all"},
             {"--transactional-id-pattern", "REGEX", "only ids that match"}}),
       &kafka_transactions_list},
      {"kafka-transactions describe", "Describe the state of an active transactional-id", "", Complete::none,
       with({{"--transactional-id", "ID", "transactional id"}}), &kafka_transactions_describe},
      {"kafka-transactions describe-producers",
       "Describe the states of active producers for a topic partition", "", Complete::none,
       with({{"--broker-id", "N", "describe the producer state on a specific replica"}, topic, partition}),
       &kafka_transactions_producers},
      {"kafka-transactions abort", "Abort a hanging transaction", "", Complete::none,
       with({topic,
             partition,
             {"--start-offset", "N", "start offset of the transaction to abort"},
             {"--producer-id", "N", "producer id; for brokers before 3.0"},
             {"--producer-epoch", "N", "producer epoch; for brokers before 3.0"},
             {"--coordinator-epoch", "N", "coordinator epoch; for brokers before 3.0"}}),
       &kafka_transactions_abort},
      {"kafka-transactions find-hanging", "Find hanging transactions", "", Complete::none,
       with({{"--broker-id", "N", "broker id to search for hanging transactions"},
             {"--max-transaction-timeout", "MIN", "maximum transaction timeout (15 minutes by default)"},
             topic,
             partition}),
       &kafka_transactions_find_hanging},
      {"kafka-transactions forceTerminateTransaction",
       "Force abort an ongoing transaction on transactionalId", "", Complete::none,
       with({{"--transactionalId", "ID", "transactional id"}}), &kafka_transactions_force_terminate},
  };
}

}  // namespace moldau::cli
