#include "client/embedded.h"
#include "moldau/future.h"

namespace moldau::sdk::detail {

void check_may_block() {
  MOLDAU_ASSERT(
      !client::on_io_thread(),
      "a call that waits was made on the client's I/O thread, in a callback or after a co_await: it "
      "would wait for itself. Use its _async form, or co_await future.on(executor)");
}

Error cancelled_error() {
  return {.kind = ErrorKind::cancelled, .cause = "the operation was cancelled while it was under way"};
}

}  // namespace moldau::sdk::detail
