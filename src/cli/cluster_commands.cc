// The table of `moldau cluster …`, quorum, node and doctor.
#include "cli/command.h"
#include "cli/handlers.h"

namespace moldau::cli {
namespace {

const Flag kWait{"--wait", "[DUR]", "until all have moved, or at most so long: --wait=10m"};
const Flag kDirectoryId{"--directory-id", "ID",
                        "of its metadata folder, if the quorum does not know one alone"};

std::vector<Command> quorum_and_node_commands() {
  const Flag yes{"-y,--yes", "", "do not ask"};
  const Flag dry_run{"--dry-run", "", "show what would be done, change nothing"};
  const Flag wait{"--wait", "DUR", "how long partitions that are moving may take first (default 30s)"};
  return {
      {"quorum status", "Show the metadata quorum", "", Complete::none, {}, &cluster_quorum},
      {"quorum add-voter",
       "Have a node that follows the metadata quorum vote in it",
       "NODE",
       Complete::none,
       {{"--endpoint", "ADDR", "[name://]host:port where its controller listens, several with commas"},
        kDirectoryId},
       &quorum_add_voter},
      {"quorum remove-voter",
       "Take a voter out of the metadata quorum",
       "NODE",
       Complete::none,
       {kDirectoryId, yes},
       &quorum_remove_voter},
      {"node drain",
       "Move leaderships away from a broker, before it is stopped. By Kafka's protocol: the broker comes "
       "last in "
       "the order of its replicas, and the first ones are elected. Topics made meanwhile may still choose it",
       "NODE",
       Complete::none,
       {wait, dry_run},
       &node_drain},
      {"node resume",
       "Give a broker its share of the leaderships again: first in the order of that many replicas",
       "NODE",
       Complete::none,
       {wait, dry_run},
       &node_resume},
      {"node unregister",
       "Forget a broker that will not come back; its replicas are then nowhere",
       "NODE",
       Complete::none,
       {yes},
       &node_unregister},
      {"node restart-check",
       "Tell what would be out of service while a node restarts; exit code 10 when anything would",
       "NODE",
       Complete::none,
       {},
       &node_restart_check},
      {"doctor",
       "Find out why a cluster cannot be reached or does not work: names, ports, advertised addresses, "
       "quorum, "
       "settings",
       "[HOST:PORT...]",
       Complete::none,
       {},
       &doctor},
  };
}

}  // namespace

std::vector<Command> cluster_commands() {
  const Flag dry_run{"--dry-run", "", "check only, change nothing"};
  const Flag yes{"-y,--yes", "", "do not ask"};
  std::vector<Command> commands{
      {"cluster info",
       "Show brokers, controller and topics",
       "",
       Complete::none,
       {{"-c,--cluster", "", "the cluster"},
        {"--nodes", "", "the brokers"},
        {"--controllers", "", "the voters of the metadata quorum"},
        {"-t,--topics", "", "the topics"}},
       &cluster_info},
      {"cluster health",
       "Tell whether the cluster is healthy",
       "",
       Complete::none,
       {{"--wait", "DUR", "until it is healthy, at most so long"},
        {"--ready", "", "only: does the broker serve?"},
        {"--strict", "", "also: moves under way, leaders elsewhere, even voters, full disks"}},
       &cluster_health},
      {"cluster brokers",
       "Show each broker's share of partitions and leaders",
       "",
       Complete::none,
       {},
       &cluster_brokers},
      {"cluster reassign",
       "Move replicas to other brokers; without words or flags: show what is moving",
       "[TOPIC[/PARTITION]...]",
       Complete::topic,
       {{"--to", "1,2,3", "to these brokers; what is there already stays"},
        {"--from", "N,M", "away from these brokers, of every topic when none is named"},
        {"--replicas", "N", "so many replicas of each partition"},
        {"--cancel", "", "end moves under way"},
        kWait,
        dry_run},
       &cluster_reassign},
      {"cluster balance",
       "Move replicas and leaders until every broker has its share, with as few moves as lead there",
       "",
       Complete::none,
       {kWait, dry_run},
       &cluster_balance},
      {"cluster elect",
       "Have the preferred replicas lead",
       "[TOPIC[/PARTITION]...]",
       Complete::topic,
       {{"--unclean", "",
         "of partitions without a leader: whoever is there leads, and acknowledged records may be lost"},
        yes},
       &cluster_elect},
      {"cluster config get",
       "Show one cluster-wide config",
       "KEY",
       Complete::config_key,
       {},
       &cluster_config_get},
      {"cluster config set",
       "Set a cluster-wide config",
       "KEY VALUE",
       Complete::config_key,
       {dry_run},
       &cluster_config_set},
      {"cluster config reset",
       "Remove a cluster-wide config",
       "KEY",
       Complete::config_key,
       {dry_run},
       &cluster_config_reset},
      {"cluster config list",
       "List the brokers' configs",
       "",
       Complete::none,
       {{"--overridden", "", "only those that differ from the default"}, {"--node", "N", "of this broker"}},
       &cluster_config_list},
      {"cluster quorum", "Show the metadata quorum", "", Complete::none, {}, &cluster_quorum},
      {"cluster logdirs",
       "Show what is on the disks",
       "[TOPIC...]",
       Complete::topic,
       {{"--node", "N,M", "only these brokers"}, {"--by-dir", "", "one row for each folder"}},
       &cluster_logdirs},
      {"cluster features", "Show feature levels", "", Complete::none, {}, &cluster_features},
  };
  for (Command& command : quorum_and_node_commands()) commands.push_back(std::move(command));
  return commands;
}

}  // namespace moldau::cli
