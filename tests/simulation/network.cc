#include "simulation/network.h"

#include <algorithm>
#include <cerrno>

#include "runtime/wait.h"
#include "simulation/stream.h"

namespace moldau::simulation {
namespace {

constexpr DurationRange kLoopbackLatency{2us, 40us};
// How long Linux tries to connect.
constexpr Duration kConnectPatience = 127s;

bool is_wildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }
bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

Fabric::Fabric(std::uint64_t seed, unsigned machines, const NetworkOptions& options, Scheduler& scheduler,
               FaultCounters& counters)
    : options_(options),
      machines_(machines),
      scheduler_(scheduler),
      counters_(counters),
      random_(seed),
      owner_{0xff},
      place_{&owner_, Place::kNoShard},
      links_(std::size_t{machines} * machines),
      powered_(machines, true) {
  for (unsigned i = 0; i < machines; ++i) {
    add_name(address_of(i), i);
    add_name("machine-" + std::to_string(i), i);
  }
}

Fabric::~Fabric() = default;

std::string Fabric::address_of(unsigned machine) { return "10.0.0." + std::to_string(machine + 1); }

void Fabric::add_name(std::string host, unsigned machine) { names_[std::move(host)] = machine; }

void Fabric::cut(unsigned from, unsigned to) {
  counters_.fire(Fault::cut);
  link(from, to).cut = true;
}

void Fabric::cut_both(unsigned a, unsigned b) {
  cut(a, b);
  cut(b, a);
}

void Fabric::isolate(const std::vector<unsigned>& group) {
  for (const unsigned inside : group) {
    for (unsigned other = 0; other < machines_; ++other) {
      if (std::ranges::count(group, other) == 0) cut_both(inside, other);
    }
  }
}

void Fabric::heal_all() {
  for (Link& link : links_) link.cut = false;
}

void Fabric::reset_connections(unsigned a, unsigned b) {
  const std::vector<Connection*> all = connections_;
  for (Connection* connection : all) {
    if (!connection->joins(a, b)) continue;
    counters_.fire(Fault::reset);
    connection->reset();
  }
}

Result<Fabric::Address> Fabric::resolve(const std::string& host, unsigned from) const {
  if (is_loopback(host)) return Address{from, true};
  const auto found = names_.find(host);
  if (found == names_.end()) return fail(Errc::not_found, "no address for host " + host);
  return Address{found->second, false};
}

Duration Fabric::latency(unsigned from, unsigned to) {
  Duration latency = (from == to ? kLoopbackLatency : options_.latency).draw(random_);
  latency += link(from, to).extra_latency;
  if (!roll(options_.faults.delay)) return latency;
  counters_.fire(Fault::delay);
  return latency + options_.faults.long_delay.draw(random_);
}

SimulatedListener* Fabric::find_listener(const Address& address, std::uint16_t port) {
  std::vector<SimulatedListener*> there;
  for (SimulatedListener* listener : listeners_) {
    if (listener->listens_at(address.machine, address.loopback, port)) there.push_back(listener);
  }
  if (there.empty()) return nullptr;
  return there[there.size() == 1 ? 0 : random_.below(there.size())];
}

std::uint16_t Fabric::free_port(unsigned machine) {
  for (;;) {
    if (++next_port_ == 0) next_port_ = 32768;
    const bool taken = std::ranges::any_of(listeners_, [&](SimulatedListener* listener) {
      return listener->process().machine().index() == machine && listener->local().port == next_port_;
    });
    if (!taken) return next_port_;
  }
}

void Fabric::process_died(Process& process, bool silently) {
  if (silently) powered_[process.machine().index()] = false;
  const std::vector<SimulatedListener*> listeners = listeners_;
  for (SimulatedListener* listener : listeners) {
    if (&listener->process() == &process) listener->close();
  }
  const std::vector<Connection*> connections = connections_;
  for (Connection* connection : connections) {
    for (const unsigned side : {0U, 1U}) {
      if (connection->end(side).process == &process) connection->die(side, silently);
    }
  }
}

SimulatedListener::SimulatedListener(Fabric& fabric, Process& process, ShardExecutor& executor,
                                     runtime::Endpoint local, runtime::ListenOptions options,
                                     bool any_address, bool loopback)
    : fabric_(fabric),
      process_(process),
      executor_(executor),
      local_(std::move(local)),
      options_(options),
      any_address_(any_address),
      loopback_(loopback) {
  fabric_.listeners_.push_back(this);
  ++process_.descriptors().used;
}

SimulatedListener::~SimulatedListener() {
  MOLDAU_ASSERT(!accepting_, "a listener was destroyed while an accept is under way");
  close();
  --process_.descriptors().used;
}

bool SimulatedListener::listens_at(unsigned machine, bool loopback, std::uint16_t port) const {
  return !closed_ && local_.port == port && process_.machine().index() == machine &&
         (any_address_ || loopback_ == loopback);
}

void SimulatedListener::offer(ConnectionRef connection) {
  backlog_.push_back(std::move(connection));
  if (acceptor_) executor_.wake(std::exchange(acceptor_, nullptr));
}

void SimulatedListener::close() {
  if (closed_) return;
  closed_ = true;
  std::erase(fabric_.listeners_, this);
  for (const ConnectionRef& waiting : std::exchange(backlog_, {})) waiting->die(1, !process_.alive());
  if (acceptor_) executor_.wake(std::exchange(acceptor_, nullptr));
}

runtime::Task<Result<std::unique_ptr<runtime::Stream>>> SimulatedListener::accept() {
  MOLDAU_ASSERT(!accepting_, "one accept at a time");
  accepting_ = true;
  while (!closed_ && backlog_.empty()) {
    co_await runtime::detail::Suspend{[&](std::coroutine_handle<> self) { acceptor_ = self; }};
  }
  accepting_ = false;
  if (closed_) co_return fail(Errc::cancelled, "the listener at " + local_.to_string() + " is closed");
  if (!process_.descriptors().available() || fabric_.roll(fabric_.options_.faults.accept_no_descriptors)) {
    fabric_.counters_.fire(Fault::accept_no_descriptors);
    co_return fail(error_from_errno(EMFILE, "accept"));
  }
  auto stream = std::make_unique<SimulatedStream>(std::move(backlog_.front()), 1);
  backlog_.pop_front();
  co_return stream;
}

Result<std::unique_ptr<runtime::Listener>> ProcessNetwork::listen(const runtime::Endpoint& at,
                                                                  runtime::ListenOptions options) {
  if (!process_.alive()) return fail(Errc::cancelled, "the process has died");
  const unsigned machine = process_.machine().index();
  Fabric::Address address{machine, false};
  if (!is_wildcard(at.host)) {
    ASSIGN_OR_RETURN(address, fabric_.resolve(at.host, machine));
    if (address.machine != machine) return fail(error_from_errno(EADDRNOTAVAIL, at.to_string()));
  }
  runtime::Endpoint local = at;
  if (local.port == 0) local.port = fabric_.free_port(machine);
  for (SimulatedListener* other : fabric_.listeners_) {
    if (other->process().machine().index() != machine || other->local().port != local.port) continue;
    const bool overlaps = is_wildcard(at.host) || other->listens_at(machine, address.loopback, local.port);
    if (overlaps && !(options.share_port && other->shares())) {
      return fail(error_from_errno(EADDRINUSE, "listen at " + local.to_string()));
    }
  }
  return std::make_unique<SimulatedListener>(fabric_, process_, executor_, std::move(local), options,
                                             is_wildcard(at.host), address.loopback);
}

// One call of connect(), while it lasts. The steps refer to it after the caller has given up.
struct ProcessNetwork::Attempt {
  Attempt(ProcessNetwork& network, Fabric::Address address, runtime::Endpoint to)
      : fabric(network.fabric_),
        process(network.process_),
        executor(network.executor_),
        address(address),
        to(std::move(to)),
        answered(network.executor_) {}

  unsigned from() const { return process.machine().index(); }
  void after_latency(unsigned source, unsigned target, runtime::Job step) {
    fabric.scheduler_.at(fabric.scheduler_.now() + fabric.latency(source, target), fabric.place_,
                         StepKind::network, std::move(step));
  }

  Fabric& fabric;
  Process& process;
  ShardExecutor& executor;
  Fabric::Address address;
  runtime::Endpoint to;
  runtime::OneShot answered;
  ConnectionRef connection;
  bool given_up = false;
  unsigned tries = 0;
};

// A lost first packet comes again after a second, then two, four, …
void ProcessNetwork::again(AttemptRef attempt, void (*step)(AttemptRef)) {
  Fabric& fabric = attempt->fabric;
  fabric.counters_.fire(Fault::held_by_cut);
  const Duration delay = 1s * (1 << std::min(attempt->tries++, 6U));
  fabric.scheduler_.at(fabric.scheduler_.now() + delay, fabric.place_, StepKind::network,
                       [attempt, step] { step(attempt); });
}

void ProcessNetwork::knock(AttemptRef attempt) {
  if (attempt->given_up || !attempt->process.alive()) return;
  Fabric& fabric = attempt->fabric;
  const unsigned from = attempt->from();
  const unsigned target = attempt->address.machine;
  if (!fabric.passes(from, target)) return again(std::move(attempt), knock);
  SimulatedListener* listener = fabric.find_listener(attempt->address, attempt->to.port);
  const bool refused = fabric.roll(fabric.options_.faults.refused_connect);
  if (refused) fabric.counters_.fire(Fault::refused_connect);
  if (listener == nullptr || refused) {
    Attempt& knocking = *attempt;
    return knocking.after_latency(target, from, [attempt] { refuse(attempt); });
  }
  if (listener->full()) return again(std::move(attempt), knock);
  const bool loopback = attempt->address.loopback;
  Connection::End connecting{
      .process = &attempt->process,
      .executor = &attempt->executor,
      .address = {loopback ? "127.0.0.1" : Fabric::address_of(from), fabric.free_port(from)}};
  Connection::End accepting{
      .process = &listener->process(), .executor = &listener->executor(), .address = attempt->to};
  auto connection = std::make_shared<Connection>(fabric, std::move(connecting), std::move(accepting));
  listener->offer(connection);
  Attempt& knocking = *attempt;
  knocking.after_latency(target, from, [attempt, connection] { greet(attempt, connection); });
}

void ProcessNetwork::refuse(AttemptRef attempt) {
  if (attempt->given_up || !attempt->process.alive()) return;
  if (!attempt->fabric.passes(attempt->address.machine, attempt->from())) {
    return again(std::move(attempt), knock);
  }
  attempt->answered.fire();
}

void ProcessNetwork::greet(AttemptRef attempt, ConnectionRef connection) {
  const bool through = attempt->fabric.passes(attempt->address.machine, attempt->from());
  if (!through || attempt->given_up || !attempt->process.alive()) {
    connection->close(0);
    if (through || attempt->given_up) return;
    return again(std::move(attempt), knock);
  }
  attempt->connection = std::move(connection);
  attempt->answered.fire();
}

runtime::Task<Result<std::unique_ptr<runtime::Stream>>> ProcessNetwork::connect(runtime::Endpoint to,
                                                                                MonotonicTime deadline) {
  if (!process_.alive()) co_return fail(Errc::cancelled, "the process has died");
  if (!process_.descriptors().available()) {
    fabric_.counters_.fire(Fault::open_no_descriptors);
    co_return fail(error_from_errno(EMFILE, "connect to " + to.to_string()));
  }
  const unsigned from = process_.machine().index();
  CO_ASSIGN_OR_RETURN(const Fabric::Address address, fabric_.resolve(to.host, from));
  auto attempt = std::make_shared<Attempt>(*this, address, to);
  attempt->after_latency(from, address.machine, [attempt] { knock(attempt); });
  const bool answered =
      co_await attempt->answered.wait(std::min(deadline, executor_.now() + kConnectPatience));
  attempt->given_up = true;
  const ConnectionRef connection = std::exchange(attempt->connection, nullptr);
  if (!process_.alive()) {
    if (connection) connection->close(0);
    co_return fail(Errc::cancelled, "the process has died");
  }
  if (!answered) co_return fail(error_from_errno(ETIMEDOUT, "connect to " + to.to_string()));
  if (!connection) co_return fail(error_from_errno(ECONNREFUSED, "connect to " + to.to_string()));
  co_return std::make_unique<SimulatedStream>(connection, 0);
}

}  // namespace moldau::simulation
