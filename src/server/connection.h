// Connection: one client's byte stream, from accept to close. Reads bounded frames, hands each to the
// dispatcher, and lets answers leave in order. One request is served at a time up to the point where its
// effects are ordered (a Produce: appended; everything else: answered), so requests of one connection act in
// the order they were sent. Owned by the Server, lives on one shard.
#pragma once

#include <functional>
#include <memory>

#include "server/broker.h"
#include "server/frame_reader.h"
#include "server/request.h"
#include "server/response_queue.h"

namespace moldau::server {

class Connection {
 public:
  // `controller`: it came in by a listener of the controller's.
  Connection(Broker& broker, std::unique_ptr<runtime::Stream> stream, std::string listener, bool controller);

  // Serves until the peer leaves, errs, or close() is called; afterwards nothing of it runs any more. close()
  // takes no more requests, but lets the answers to those that were taken leave, so that no client is left to
  // guess whether its records were written.
  runtime::Task<void> run();
  void close();

  // No byte came or went since `since`, and it is not the broker that is waited for: for
  // connections.max.idle.ms. Inside a frame less patience is due.
  bool idle_since(runtime::MonotonicTime since) const {
    return last_activity_ < since && (pending() == 0 || responses_.writing());
  }
  // Also not while the broker lets the frame wait, as behind a long poll.
  bool stalled_since(runtime::MonotonicTime since) const {
    return last_activity_ < since && reading_since_ < since && reader_.inside_frame();
  }
  bool is_slow(runtime::MonotonicTime now) const { return reader_.is_slow(now); }
  void note_activity(runtime::MonotonicTime now);
  std::size_t pending() const { return responses_.pending(); }
  const Peer& peer() const { return peer_; }

 private:
  runtime::Task<void> serve();
  runtime::Task<void> watch_peer();
  runtime::Task<void> take_leave();
  runtime::Task<bool> serve_frame(Frame frame);
  void report(const Error& error);

  Broker& broker_;
  std::unique_ptr<runtime::Stream> stream_;
  Peer peer_;
  runtime::Watermark closing_;  // how far its end has come
  FrameReader reader_;
  ResponseQueue responses_;
  runtime::Gate gate_;  // requests whose answers are awaited elsewhere
  runtime::MonotonicTime last_activity_;
  runtime::MonotonicTime reading_since_ = runtime::kForever;  // the frame that comes next
  std::uint64_t bytes_seen_ = 0;
};

}  // namespace moldau::server
