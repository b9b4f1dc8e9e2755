#!/usr/bin/env bash
# A C++ program with 200 threads (threads.cpp).
. "${0%/*}/common.bash"

taken_over "$built/threads" 4
same "c++: 200 threads, containers, exceptions, thread_local destructors" "$built/threads" 200
finish
