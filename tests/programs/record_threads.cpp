// record_threads.cpp -- 16 threads that allocate in each of C++'s ways, and free each other's blocks: for recordings.
//
// Each thread makes ROUNDS blocks. Every third one goes to the next thread, which deletes it after its own work; the
// others are deleted at once or at the end. Prints how many blocks were handed over.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

namespace {

constexpr int THREADS = 16;
constexpr int ROUNDS = 6000;

struct alignas(64) Line {
    char bytes[64];
};

std::vector<char *> handed[THREADS];
std::atomic<int> working{THREADS};

void
work(int self) {
    std::vector<char *> kept;
    kept.reserve(ROUNDS);
    handed[self].reserve(ROUNDS);
    for (int i = 0; i < ROUNDS; i++) {
        char *block = new char[static_cast<size_t>((i * 37 + self) % 3000 + 1)];
        block[0] = static_cast<char>(i);
        if (i % 3 == 0) {
            handed[self].push_back(block);
        } else if (i % 3 == 1) {
            kept.push_back(block);
        } else {
            delete[] block;
        }
        if (i % 500 == 0) {
            delete new Line;
            std::free(std::realloc(std::malloc(100), 100000));
        }
    }
    for (char *block : kept) {
        delete[] block;
    }
    working--;
    while (working > 0) {
        std::this_thread::yield();
    }
    for (char *block : handed[(self + 1) % THREADS]) {
        delete[] block;
    }
}

} // namespace

int
main() {
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++) {
        threads.emplace_back(work, i);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    std::printf("%d\n", THREADS * (ROUNDS / 3));
}
