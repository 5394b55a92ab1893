// PeerClient: requests of one shard to other nodes. Keeps one connection for each address and purpose, opened
// by the first request, with a back-off after failures. Lives on its shard.
//
// A broker serves the requests of a connection one after another, and a long poll, or a change that waits to
// be committed, holds up what was sent behind it: a vote would come too late behind a Fetch, a heartbeat
// behind a forwarded CreateTopics. So what must not wait for each other has connections of its own (Purpose).
//
// No request is ever repeated here: whether it was carried out may be unknown, and only its caller knows
// whether it may be done twice. Who meets a connection that is not there waits for it to be opened, as long
// as its deadline allows; so a caller that tries again in a loop keeps to the back-off.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "client/connection.h"
#include "runtime/network.h"
#include "runtime/wait.h"

namespace moldau::peer {

// What a connection is for. Requests of one purpose to one address are served in the order of the calls.
enum class Purpose : std::uint8_t {
  control,              // AlterPartition, AllocateProducerIds, changes of the voters and the like
  lifecycle,            // BrokerRegistration and BrokerHeartbeat
  forward,              // Envelope: requests of clients that wait for a commit
  quorum,               // Vote, BeginQuorumEpoch, EndQuorumEpoch
  quorum_fetch,         // Fetch and FetchSnapshot of the metadata log: long polls
  replication,          // Fetch of partitions: long polls
  transactions,         // AddPartitionsToTxn: waits for the replicas of __transaction_state
  transaction_markers,  // WriteTxnMarkers: waits for the replicas of the partitions
};
std::string_view name_of(Purpose purpose);

struct PeerOptions {
  std::string client_id = "moldau";
  // Resolve and connect, and then to agree on versions; each may take so long.
  runtime::Duration connect_timeout = std::chrono::seconds(2);
  // Between two attempts: doubled after each failure, and between half and all of it by chance.
  runtime::Duration backoff_min = std::chrono::milliseconds(50);
  runtime::Duration backoff_max = std::chrono::seconds(1);
  std::size_t max_waiting = 1024;     // requests on one connection that is not there yet
  std::size_t max_connections = 256;  // unused ones end before there are more
  std::uint32_t max_response_bytes = 256u << 20;
};

class PeerClient {
 public:
  // `executor` and `network` of one shard outlive this object.
  PeerClient(runtime::Executor& executor, runtime::Network& network, Random random, PeerOptions options = {});
  // REQUIRES: close() has ended.
  ~PeerClient();
  PeerClient(const PeerClient&) = delete;
  PeerClient& operator=(const PeerClient&) = delete;

  // Sends the request at the highest version that both have and gives its response:
  //   co_await peers.call<wire::VoteResponse>(to, request, deadline, Purpose::quorum)
  // An error code inside the response is the caller's to read. The deadline of a long poll lies well after
  // its own wait: passing it ends the connection, because nothing that comes later could be matched.
  //
  // Errors: Errc::timed_out at the deadline; Errc::connection_refused (nobody listens there: its process is
  // gone, and nothing was sent); Errc::unavailable (no connection to be had, it broke, or too many wait: what
  // was sent may have been done or not); Errc::unsupported (no common version); Errc::corrupt, too_large;
  // Errc::cancelled after close().
  template <class Response, class Request>
  runtime::Task<Result<Response>> call(runtime::Endpoint to, Request request, runtime::MonotonicTime deadline,
                                       Purpose purpose = Purpose::control);

  // Ends every call and connection. Returns once nothing of this object runs any more, which takes up to
  // twice connect_timeout while a connection is being opened. Once.
  runtime::Task<void> close();

  runtime::Executor& executor() { return executor_; }
  // Connections that are open.
  std::size_t connection_count() const;

 private:
  struct Key {
    runtime::Endpoint to;
    Purpose purpose;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Line;
  // Keeps a line while it is used.
  class Use;

  Line& line(Key key);
  void make_room();
  runtime::Task<Result<client::BrokerConnection::Ptr>> connected(Line& line, runtime::MonotonicTime deadline);
  runtime::Task<void> open(Line& line);
  void note_opened(Line& line, client::Outcome<client::BrokerConnection::Ptr> opened);
  runtime::Duration next_backoff(Line& line);
  runtime::Task<void> end(client::BrokerConnection::Ptr connection);
  // What a call may take from now on; Errc::timed_out when that is nothing.
  Result<client::CallOptions> options_until(runtime::MonotonicTime deadline) const;
  static Error error_of(client::Failure failure);

  runtime::Executor& executor_;
  runtime::Network& network_;
  const PeerOptions options_;
  Random random_;
  std::map<Key, std::unique_ptr<Line>> lines_;
  runtime::Gate gate_;
  bool closing_ = false;
  runtime::Signal closed_;
};

// One address and purpose.
struct PeerClient::Line {
  Line(Key of, runtime::Executor& executor) : key(std::move(of)), changed(executor) {}

  const Key key;
  client::BrokerConnection::Ptr connection;  // null, open, or broken since
  bool proven = false;                       // something was answered on it
  bool opening = false;
  std::uint64_t attempts = 0;    // that have ended
  runtime::Signal changed;       // an attempt has ended
  std::optional<Error> failure;  // of the last attempt
  runtime::Duration backoff{};
  runtime::MonotonicTime not_before{};  // the next attempt
  std::size_t users = 0;
  std::size_t waiting = 0;
  runtime::MonotonicTime last_used{};
};

class PeerClient::Use {
 public:
  explicit Use(Line& line) : line_(line) { ++line_.users; }
  Use(const Use&) = delete;
  ~Use() { --line_.users; }

 private:
  Line& line_;
};

template <class Response, class Request>
runtime::Task<Result<Response>> PeerClient::call(runtime::Endpoint to, Request request,
                                                 runtime::MonotonicTime deadline, Purpose purpose) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return fail(Errc::cancelled, "the node is closing");
  Line& at = line({std::move(to), purpose});
  const Use use(at);
  CO_ASSIGN_OR_RETURN(const client::BrokerConnection::Ptr connection, co_await connected(at, deadline));
  CO_ASSIGN_OR_RETURN(const client::CallOptions options, options_until(deadline));
  auto response = co_await connection->call<Response>(std::move(request), options);
  if (!response) co_return fail(error_of(std::move(response).error()));
  if (at.connection == connection) {
    at.proven = true;
    at.backoff = {};
  }
  co_return std::move(*response);
}

}  // namespace moldau::peer
