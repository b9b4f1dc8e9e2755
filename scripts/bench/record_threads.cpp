/* record_threads.cpp -- a program of scripts/bench-record: 16 threads keep strings, vectors and maps, and pass some of
 * them on. */
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

static std::mutex lock;
static std::deque<std::unique_ptr<std::string>> passed;

static void
work(unsigned seed) {
    std::mt19937 random(seed);
    std::map<unsigned, std::vector<std::string>> mine;
    for (int i = 0; i < 30000; i++) {
        auto &list = mine[random() % 500];
        list.emplace_back(random() % 200, 'x');
        if (list.size() > 20) {
            list.erase(list.begin(), list.begin() + 10);
        }
        if (i % 16 == 0) {
            std::lock_guard<std::mutex> guard(lock);
            passed.push_back(std::make_unique<std::string>(random() % 1000, 'y'));
            if (passed.size() > 100) {
                passed.pop_front();
            }
        }
    }
}

int
main() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 16; i++) {
        threads.emplace_back(work, i);
    }
    for (auto &thread : threads) {
        thread.join();
    }
    return 0;
}
