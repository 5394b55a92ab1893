// Threads of this room: named, and with every signal blocked, so that signals reach only the main thread.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace moldau::platform {

// `name` has at most 15 characters.
std::thread named_thread(std::string name, std::move_only_function<void()> body);

}  // namespace moldau::platform
