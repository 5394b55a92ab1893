// Many connections to one broker, or to those of a cluster, on one thread: prepared frames out, pipelined,
// answers in order.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "frames.h"
#include "socket.h"

namespace moldau::load {

class Connections {
 public:
  struct Answer {
    std::size_t connection;
    const Frame& request;
    std::int64_t asked_ns;  // as given to send()
    std::int64_t now_ns;    // when its bytes were read
    ByteView bytes;         // what follows the size; gone after the call
  };
  using OnAnswer = std::function<void(const Answer&)>;

  // `on_answer` may call send().
  Connections(std::uint16_t port, OnAnswer on_answer);
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections();

  // The new connection's number. It goes to the broker of the constructor, or to this port.
  std::size_t open() { return open_to(port_); }
  std::size_t open_to(std::uint16_t port);
  void open(std::size_t count);
  std::size_t size() const { return peers_.size(); }

  // Queued until turn(). The frame stays where it is until it is answered.
  void send(std::size_t connection, const Frame& frame, std::int64_t asked_ns);
  // Writes what is queued, waits for answers until `until_ns` at most, and handles those that came.
  void turn(std::int64_t until_ns);
  // Readable when a turn would find something; what was sent is queued until then.
  int descriptor() const { return epoll_; }
  // Turns until everything is answered; dies when that takes more than `seconds`.
  void drain(double seconds);
  std::size_t in_flight() const { return in_flight_; }
  std::int64_t bytes_received() const { return bytes_received_; }

 private:
  struct Pending {
    const Frame* frame;
    std::int64_t asked_ns;
  };
  struct Peer {
    Socket socket;
    std::deque<Pending> unanswered;  // the newest `unsent` of them are not (wholly) written yet
    std::size_t unsent = 0;
    std::size_t sent_of_first = 0;  // bytes of the first unsent frame that were written
    bool dirty = false;             // is in dirty_
    std::vector<std::byte> in;
    std::size_t in_size = 0;
  };

  void flush();
  void write(Peer& peer);
  void read(std::size_t number);
  void take_answers(std::size_t number, std::int64_t now);

  std::uint16_t port_;
  OnAnswer on_answer_;
  int epoll_;
  std::vector<Peer> peers_;
  std::vector<std::size_t> dirty_;
  std::size_t in_flight_ = 0;
  std::int64_t bytes_received_ = 0;
};

}  // namespace moldau::load
