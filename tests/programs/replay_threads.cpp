// replay_threads.cpp -- 16 C++ threads that fill maps with strings and free blocks of each other, twice: the second 16
// start when the first have ended. Before the program ends, it sleeps, so that a recorder sees what it holds.

#include <chrono>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex lock;
std::deque<std::unique_ptr<std::string>> shared;

// Some blocks go into the queue of all threads; another thread frees them.
void
work(unsigned seed) {
    std::mt19937 draw(seed);
    std::map<unsigned, std::string> own;
    for (int i = 0; i < 20000; i++) {
        own[draw() % 3000] = std::string(draw() % 600, 'x');
        std::lock_guard<std::mutex> guard(lock);
        if (i % 8 == 0) {
            shared.push_back(std::make_unique<std::string>(draw() % 2000, 'y'));
        } else if (i % 8 == 4 && shared.size() > 1000) {
            shared.pop_front();
        }
    }
}

} // namespace

int
main() {
    for (unsigned round = 0; round < 2; round++) {
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < 16; i++) {
            threads.emplace_back(work, 16 * round + i);
        }
        for (auto &thread : threads) {
            thread.join();
        }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    std::printf("%zu\n", shared.size());
}
