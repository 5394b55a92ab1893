// What is wrong with one item of a request: Kafka's code and the words for a person.
#pragma once

#include <expected>
#include <string>

#include "wire/error_code.h"

namespace moldau::controller {

struct Refusal {
  wire::ErrorCode code;
  std::string message;
};

template <class T>
using Judged = std::expected<T, Refusal>;

inline std::unexpected<Refusal> refuse(wire::ErrorCode code, std::string message) {
  return std::unexpected<Refusal>(Refusal{code, std::move(message)});
}

}  // namespace moldau::controller
