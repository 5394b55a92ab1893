// Client: one connection pool, one cache of metadata and one I/O thread, shared by the producers, consumers
// and admins made from it, which keep it alive. From any thread.
//
// Brokers that are lost are connected to again, with growing pauses; leaders are followed where they go; when
// none of the known brokers can be reached the bootstrap servers are asked again (KIP-899), or when a broker
// says that its metadata cannot be trusted (KIP-1102). What may be repeated is repeated within the time-outs.
// Errors say which broker, at which step, why, and what to do.
//
// The public headers need nothing but a C++23 standard library.
#pragma once

#include <memory>
#include <string>

#include "moldau/admin.h"
#include "moldau/config.h"
#include "moldau/consumer.h"
#include "moldau/error.h"
#include "moldau/future.h"
#include "moldau/hooks.h"
#include "moldau/producer.h"
#include "moldau/record.h"
#include "moldau/transaction.h"

namespace moldau::sdk {

class Client {
 public:
  // Asks a bootstrap server once, so that a wrong address is told here.
  static Expected<Client> connect(Config config);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Each as the client's configuration says, or as another one that it is given, of which it takes its own
  // part (ErrorKind::invalid_argument, unsupported: what is wrong in it).
  Expected<Producer> producer();
  Expected<Producer> producer(const Config& config);
  Consumer consumer();
  Expected<Consumer> consumer(const Config& config);
  // Fences whoever had this transactional id before; what it left open is aborted.
  Expected<TransactionalProducer> transactional_producer(std::string transactional_id);
  Expected<TransactionalProducer> transactional_producer(const Config& config);
  Admin admin();

  // Shared by everything made from one Client.
  struct Core;
  explicit Client(std::shared_ptr<Core> core);

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace moldau::sdk
