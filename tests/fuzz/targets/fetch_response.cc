#include "fuzz/message_checks.h"
#include "wire/messages/fetch.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(fetch_response, 512, fuzz_message<wire::FetchResponse>,
                   (seed_message<wire::FetchResponse, wire::MessageType::Kind::response, 512>));

}  // namespace moldau::fuzz
