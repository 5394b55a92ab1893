// moldau txn … and kafka-transactions: the commands, and what they share.
#pragma once

#include "cli/command.h"

namespace moldau::cli {

std::vector<Command> txn_commands();

runtime::Task<Answer<Exit>> txn_list(ClusterSession& session);
runtime::Task<Answer<Exit>> txn_describe(ClusterSession& session);
runtime::Task<Answer<Exit>> txn_producers(ClusterSession& session);
runtime::Task<Answer<Exit>> txn_abort(ClusterSession& session);
runtime::Task<Answer<Exit>> txn_find_hanging(ClusterSession& session);

// kafka-transactions list, describe, …
std::vector<Command> kafka_transactions_commands();

runtime::Task<Answer<Exit>> kafka_transactions_list(ClusterSession& session);
runtime::Task<Answer<Exit>> kafka_transactions_describe(ClusterSession& session);
runtime::Task<Answer<Exit>> kafka_transactions_producers(ClusterSession& session);
runtime::Task<Answer<Exit>> kafka_transactions_abort(ClusterSession& session);
runtime::Task<Answer<Exit>> kafka_transactions_find_hanging(ClusterSession& session);
runtime::Task<Answer<Exit>> kafka_transactions_force_terminate(ClusterSession& session);

}  // namespace moldau::cli
