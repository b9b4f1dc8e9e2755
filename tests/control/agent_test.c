/* agent_test.c -- the agent's life: start, end, fork, exec, exit; its descriptors and its socket. */
#include "agent.h"

/* ---- start ---- */

static void
by_request(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(agent_state() == AGENT_OFF);
    child_assert(atomic_get(&lunalloc_target.booted) == 1);
    child_assert(atomic_get(&lunalloc_target.pid) == (uint32_t)getpid());
    start_agent();
    ask_for_agent();
    child_assert(agent_state() == AGENT_LISTENS);
    client_t *client = new_client();
    child_assert(client->reply.number[1] == (uint64_t)getpid());
    child_assert(client->reply.number[2] == 0);
    child_assert(strcmp(client->reply.text[0], LUNALLOC_VERSION) == 0);
    child_assert(get(client, "agent.state") == 0);
    child_assert(strcmp(client->reply.value.v.s, "listens") == 0);
    child_assert(get(client, "agent.nconnections") == 0);
    child_assert(client->reply.value.v.u == 1);
    end_client(client);
    end_agent();
    child_assert(access(lunalloc_target.socket, F_OK) != 0);
    start_agent();
    end_agent();
}

static void
test_start_by_request(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(by_request, NULL);
}

int
main(int argc, char **argv) {
    (void)argc;
    restart_with_directory(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_by_request),
    };
    return remove_directory(cmocka_run_group_tests_name("agent", tests, NULL, NULL));
}
