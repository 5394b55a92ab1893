#include "client/coordinator_link.h"

namespace moldau::client {

Task<void> CoordinatorLink::disconnect() {
  connected_to_.reset();
  const BrokerConnection::Ptr old = std::exchange(connection_, nullptr);
  if (!old) co_return;
  old->retire();
  co_await old->ended();
}

Task<Outcome<BrokerConnection::Ptr>> CoordinatorLink::connect(Duration patience) {
  while (connecting_) co_await connected_.wait();
  if (closed_) co_return fail(ClusterClient::closed());
  if (coordinator_ && coordinator_ == connected_to_ && !connection_->is_closed()) co_return connection_;
  connecting_ = true;
  auto opened = co_await open(patience);
  connecting_ = false;
  connected_.notify_all();
  co_return opened;
}

// One attempt after the other: whoever closes the link does not wait for the last of them.
Task<Outcome<NodeId>> CoordinatorLink::find(Duration patience) {
  const MonotonicTime deadline = cluster_.executor().now() + patience;
  Backoff backoff = cluster_.new_backoff();
  for (;;) {
    const auto found = co_await ask_for_coordinator(cluster_, key_, Duration::zero());
    if (found) co_return found->id;
    const bool again = found.error().retriable && !closed_;
    if (!again || !co_await cluster_.pause(backoff.next(), std::min(deadline, until_)))
      co_return fail(found.error());
  }
}

// The only caller that connects at the moment.
Task<Outcome<BrokerConnection::Ptr>> CoordinatorLink::open(Duration patience) {
  if (!coordinator_) {
    const auto found = co_await find(patience);
    if (!found) co_return fail(found.error());
    coordinator_ = *found;
  }
  const NodeId wanted = *coordinator_;
  if (connection_ && !connection_->is_closed() && connected_to_ == wanted) co_return connection_;
  co_await disconnect();
  auto opened = co_await cluster_.own_connection(wanted);
  if (!opened) {
    coordinator_.reset();
    co_return opened;
  }
  connection_ = std::move(*opened);
  connected_to_ = wanted;
  if (closed_) {
    co_await disconnect();
    co_return fail(ClusterClient::closed());
  }
  co_return connection_;
}

Task<void> CoordinatorLink::close() {
  closed_ = true;
  if (connection_) connection_->close();
  while (connecting_) co_await connected_.wait();
  co_await disconnect();
}

}  // namespace moldau::client
