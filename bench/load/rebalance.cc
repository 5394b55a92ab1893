#include <sys/resource.h>

#include <algorithm>

#include "call.h"
#include "members.h"
#include "modes.h"
#include "process.h"
#include "program.h"

namespace moldau::load {

namespace {

constexpr double kPhaseTimeoutS = 120;
// Between two looks at what the broker shows of the group.
constexpr std::int64_t kLookAgainNs = kSecondNs / 50;

double seconds_of(std::int64_t ns) { return static_cast<double>(ns) / kSecondNs; }
double ms_of(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

// From a change of who is a member until the group is stable again.
struct Phase {
  double seconds = 0;
  double cpu_s = 0;
  double waited_s = 0;
  double requests = 0;
  Ownership::Moves moves;
};

class Rebalance {
 public:
  Rebalance(const Broker& broker, Members& members) : broker_(broker), members_(members) {}

  Phase add(std::size_t count) {
    return reach([&] { members_.join(count); });
  }
  Phase remove(std::size_t count) {
    return reach([&] { members_.leave(count); });
  }
  // A group whose members went without a word would disturb what is measured next.
  void end() {
    members_.leave(members_.size());
    const std::int64_t deadline = now_ns() + ns_of(kPhaseTimeoutS);
    while (!members_.looks_stable()) {
      if (now_ns() > deadline) die("the members cannot leave: " + members_.describe());
      members_.turn(deadline);
    }
  }

 private:
  template <class Begin>
  Phase reach(Begin begin) {
    const std::size_t joined_before = members_.joined();
    const std::int64_t answers_before = members_.answers();
    const std::int64_t waited_before = members_.all_waited_ns();
    const std::int64_t began = now_ns();
    members_.ownership().begin(began);
    const CpuMeter meter(broker_.pids);
    begin();
    Phase phase;
    const std::int64_t deadline = began + ns_of(kPhaseTimeoutS);
    for (std::int64_t look_ns = 0;;) {
      const std::int64_t now = now_ns();
      if (members_.looks_stable() && now >= look_ns) {
        phase.seconds = seconds_of(now - began);
        phase.cpu_s = meter.taken();
        phase.waited_s = seconds_of(members_.all_waited_ns() - waited_before);
        phase.requests = static_cast<double>(members_.answers() - answers_before);
        if (members_.is_stable_there()) break;
        look_ns = now_ns() + kLookAgainNs;
      }
      if (now > deadline) die("the group does not become stable: " + members_.describe());
      members_.turn(members_.looks_stable() ? look_ns : deadline);
    }
    phase.moves = members_.ownership().moves([&](std::size_t one) { return one >= joined_before; },
                                             [&](std::size_t one) { return one < members_.left(); });
    return phase;
  }

  const Broker& broker_;
  Members& members_;
};

// Of many phases of one kind.
struct Sum {
  int phases = 0;
  double seconds = 0;
  double longest_s = 0;
  double cpu_s = 0;
  double waited_s = 0;
  double requests = 0;
  int moved = 0;
  int needless = 0;
  int twice = 0;
  telemetry::HistogramData without_owner_ns;
  std::int64_t same_owner_ns = 0;
  std::int64_t member_ns = 0;

  void add(const Phase& phase) {
    ++phases;
    seconds += phase.seconds;
    longest_s = std::max(longest_s, phase.seconds);
    cpu_s += phase.cpu_s;
    waited_s += phase.waited_s;
    requests += phase.requests;
    moved += phase.moves.moved;
    needless += phase.moves.needless;
    twice += phase.moves.twice;
    without_owner_ns.merge(phase.moves.without_owner_ns);
    same_owner_ns = std::max(same_owner_ns, phase.moves.same_owner_ns);
    member_ns = std::max(member_ns, phase.moves.member_ns);
  }
};

void allow_connections(std::size_t count) {
  constexpr std::size_t kOthers = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < count + kOthers) die("too few descriptors for so many members: raise ulimit -n");
}

void print(const std::string& row, const Broker& broker, const RebalanceShape& shape, const Phase& first,
           const Sum& added, const Sum& removed, const Members& members) {
  telemetry::HistogramData pauses = added.without_owner_ns;
  pauses.merge(removed.without_owner_ns);
  const auto cycles = static_cast<double>(added.phases);
  JsonLine(row)
      .text("protocol", shape.protocol == GroupProtocol::classic ? "classic" : "consumer")
      .number("members", shape.members)
      .number("partitions", shape.partitions)
      .number("join_s", first.seconds)
      .number("join_cpu_s", first.cpu_s)
      .number("add_s", added.seconds / cycles)
      .number("remove_s", removed.seconds / cycles)
      .number("stable_s", (added.seconds + removed.seconds) / (2 * cycles))
      .number("longest_s", std::max(added.longest_s, removed.longest_s))
      .number("all_waited_s", (added.waited_s + removed.waited_s) / (2 * cycles))
      .number("cpu_s", (added.cpu_s + removed.cpu_s) / cycles)
      .number("requests", (added.requests + removed.requests) / cycles)
      .number("moved_partitions", (added.moved + removed.moved) / cycles)
      .number("needless_moves", (added.needless + removed.needless) / cycles)
      .number("owned_twice", first.moves.twice + added.twice + removed.twice)
      .number("pause_p50_ms", ms_of(static_cast<std::int64_t>(pauses.percentile(0.5))))
      .number("pause_max_ms", ms_of(static_cast<std::int64_t>(pauses.max)))
      .number("untouched_pause_ms", ms_of(std::max(added.same_owner_ns, removed.same_owner_ns)))
      .number("member_pause_ms", ms_of(std::max(added.member_ns, removed.member_ns)))
      .number("rss_mib", resident_mib_of(broker.pids))
      .latency(members.heartbeat_latency_ns(), "heartbeat_")
      .print();
}

}  // namespace

void rebalance(const Broker& broker, const std::string& row, const RebalanceShape& shape) {
  const auto members = static_cast<std::size_t>(shape.members);
  const std::size_t change =
      std::max<std::size_t>(1, members * static_cast<std::size_t>(shape.percent) / 100);
  const std::size_t most = members + change * static_cast<std::size_t>(shape.cycles);
  allow_connections(most);
  const Members::Shape group_shape{.port = broker.port,
                                   .topic = create_topic(broker.port, shape.partitions),
                                   .partitions = static_cast<std::size_t>(shape.partitions),
                                   .most = most,
                                   .heartbeat_ns = std::int64_t{shape.heartbeat_ms} * 1'000'000};
  const auto group =
      shape.protocol == GroupProtocol::classic ? classic_members(group_shape) : consumer_members(group_shape);
  Rebalance under_load(broker, *group);
  const Phase first = under_load.add(members);
  Sum added;
  Sum removed;
  // Whatever the members know late of one change they know before the next.
  const auto rest = [&] { group->run(now_ns() + group_shape.heartbeat_ns); };
  for (int i = 0; i < shape.cycles; ++i) {
    rest();
    added.add(under_load.add(change));
    rest();
    removed.add(under_load.remove(change));
  }
  print(row, broker, shape, first, added, removed, *group);
  under_load.end();
}

}  // namespace moldau::load
