// What the operator says about transactions: Kafka's broker properties of the same names.
#pragma once

#include <cstdint>

namespace moldau::transaction {

struct Settings {
  std::int32_t max_timeout_ms = 900'000;                                 // transaction.max.timeout.ms
  std::int64_t id_expiration_ms = std::int64_t{7} * 24 * 3'600 * 1'000;  // transactional.id.expiration.ms
};

}  // namespace moldau::transaction
