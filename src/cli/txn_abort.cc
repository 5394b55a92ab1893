// txn abort: by the coordinator, which fences the producer of a transactional id; or by a marker that the
// partition's leader writes, where no coordinator knows the transaction any more.
#include "cli/confirmation.h"
#include "cli/open_transactions.h"
#include "cli/report.h"
#include "cli/transaction_commands.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Task<Answer<Exit>> abort_in_partition(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto partition = arguments.number("partition", 0, INT32_MAX);
  const auto start = arguments.number("start-offset", 0, INT64_MAX);
  if (!partition) co_return trouble(partition.error());
  if (!start) co_return trouble(start.error());
  if (!arguments.has("topic") || !*partition || !*start || !arguments.words().empty())
    co_return usage_trouble("a transaction that hangs is named by --topic, --partition and --start-offset",
                            "moldau txn find-hanging shows them");
  const TopicPartition where{arguments.text("topic"), static_cast<PartitionIndex>(**partition)};
  const auto open = co_await open_transaction_at(session, where, **start);
  if (!open) co_return trouble(open.error());
  const auto go =
      goes_on(session.session, "abort the transaction of producer " + std::to_string(open->producer.id) +
                                   " from offset " + std::to_string(**start) + " of " + where.to_string());
  if (!go) co_return trouble(go.error());
  ItemReport report("topic", {{"partition", true}, {"start_offset", true}, {"producer_id", true}});
  const std::vector<Json> cells{where.partition, **start, open->producer.id};
  client::Outcome<void> written;
  if (*go) written = co_await client::TransactionAdmin(session.cluster).write(abort_of(*open));
  if (written)
    report.done(where.topic, cells);
  else
    report.failed(where.topic, written.error(), cells);
  co_return std::move(report).finish(session.session);
}

Task<Answer<Exit>> abort_by_id(ClusterSession& session) {
  const auto& ids = session.arguments().words();
  client::TransactionAdmin admin(session.cluster);
  const auto go = goes_on(session.session, "fence the producers of " + std::to_string(ids.size()) +
                                               " transactional ids, and abort what they have open");
  if (!go) co_return trouble(go.error());
  ItemReport report("transactional_id", {{"producer_id", true}, {"epoch", true}});
  for (const std::string& id : ids) {
    // Fencing an id that nobody uses would make one.
    const auto described = co_await admin.describe(id);
    if (!described) {
      report.failed(id, described.error());
    } else if (!*go) {
      report.done(id, {described->producer, described->epoch});
    } else if (const auto fenced = co_await admin.fence(id); fenced) {
      report.done(id, {fenced->id, fenced->epoch});
    } else {
      report.failed(id, fenced.error());
    }
  }
  co_return std::move(report).finish(session.session);
}

}  // namespace

Task<Answer<Exit>> txn_abort(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("topic") || arguments.has("partition") || arguments.has("start-offset"))
    co_return co_await abort_in_partition(session);
  if (arguments.words().empty())
    co_return usage_trouble("which transactional id?",
                            "moldau txn list shows them; or --topic, --partition and --start-offset");
  co_return co_await abort_by_id(session);
}

}  // namespace moldau::cli
