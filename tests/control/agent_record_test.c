/*
 * agent_record_test.c -- recordings that another process asks for: memory as a descriptor beside a frame, the end with
 * RECORD_END or with the connection, and what is refused. Agent and client are one process.
 */
#include "agent.h"

#include "../api/recording.h"
#include "control/audit.h"

#include <dirent.h>

/* Sends a RECORD with n descriptors beside its first byte. 0, or the error of the reply. */
static int
begin_with(client_t *client, const int *fds, size_t n) {
    char frame[64], room[CMSG_SPACE(4 * sizeof(int))] = {0};
    wire_message_t message = {.kind = WIRE_RECORD, .id = ++client->id};
    struct iovec part = {frame, wire_encode(frame, sizeof frame, wire_request, &message)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (n > 0) {
        header.msg_control = room;
        header.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *control = CMSG_FIRSTHDR(&header);
        *control =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(control), fds, n * sizeof(int));
    }
    assert_int_equal(sendmsg(client->fd, &header, 0), part.iov_len);
    return receive_reply(client);
}

static bool
is_recording(void) {
    record_counts_t counts;
    record_counts(&counts);
    return counts.active;
}

static bool
recording_ends(void) {
    for (int i = 0; i < 10000 && is_recording(); i++) {
        usleep(1000);
    }
    return !is_recording();
}

static recorder_side_t *
usual_recorder(void) {
    return new_recorder((record_shape_t){.nrings = 4, .lg_ring = 16, .clock_allowed = record_clock_tsc});
}

static void
count_kind(const record_event_t *event, void *context) {
    ((size_t *)context)[event->kind]++;
}

static void
test_begin_and_end(void **state) {
    (void)state;
    size_t kinds[RECORD_KINDS] = {0};
    uint64_t writes = audit_count();
    recorder_side_t *side = usual_recorder();
    client_t *client = new_client();
    assert_int_equal(begin_with(client, &side->fd, 1), 0);
    assert_int_equal(client->reply.number[1], getpid());
    for (int i = 0; i < 100; i++) {
        lunalloc_free(lunalloc_malloc(100));
    }
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_RECORD_END}), 0);
    assert_true(client->reply.number[0] >= 200 && client->reply.number[1] == 0 && client->reply.number[2] >= 1);
    assert_false(is_recording());
    drain_all(side, count_kind, kinds);
    assert_true(kinds[RECORD_MALLOC] >= 99 && kinds[RECORD_FREE] >= 99);
    assert_int_equal(atomic_get(&((record_head_t *)side->area)->state), record_ended);
    assert_int_equal(audit_count(), writes + 2);
    assert_string_equal(audit_at((writes + 1) % AUDIT_KEPT)->name, "record.active");
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_RECORD_END}), EINVAL);
    end_client(client);
    delete_recorder(side);
}

/* A console that dies. */
static void
test_the_connection_closes(void **state) {
    (void)state;
    recorder_side_t *side = usual_recorder();
    client_t *client = new_client();
    assert_int_equal(begin_with(client, &side->fd, 1), 0);
    assert_true(is_recording());
    end_client(client);
    assert_true(recording_ends());
    delete_recorder(side);
}

static void
test_refused(void **state) {
    (void)state;
    recorder_side_t *side = usual_recorder(), *second = usual_recorder();
    client_t *client = new_client(), *other = new_client();
    int ends[2], many[4] = {side->fd, side->fd, side->fd, side->fd};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(begin_with(client, NULL, 0), EPROTO);
    assert_int_equal(begin_with(client, ends, 1), EINVAL);
    assert_int_equal(begin_with(client, many, 2), EPROTO);
    begin_with(client, many, 4);
    record_end(0);
    assert_int_equal(begin_with(client, &second->fd, 1), 0);
    recorder_side_t *third = usual_recorder();
    assert_int_equal(begin_with(other, &third->fd, 1), EBUSY);
    assert_int_equal(request(other, (wire_message_t){.kind = WIRE_RECORD_END}), EINVAL);
    assert_true(is_recording());
    end_client(other);
    end_client(client);
    assert_true(recording_ends());
    close(ends[0]);
    close(ends[1]);
    delete_recorder(side);
    delete_recorder(second);
    delete_recorder(third);
}

/* Descriptors in the tables of all threads: the agent has one of its own. */
static size_t
all_descriptors(void) {
    size_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char name[300];
        snprintf(name, sizeof name, "/proc/self/task/%s/fd", task->d_name);
        DIR *table = task->d_name[0] == '.' ? NULL : opendir(name);
        while (table != NULL && readdir(table) != NULL) {
            n++;
        }
        if (table != NULL) {
            closedir(table);
        }
    }
    closedir(tasks);
    return n;
}

/* Whatever a RECORD leads to, its descriptors are closed once it is answered. */
static void
test_no_descriptor_is_left(void **state) {
    (void)state;
    recorder_side_t *side = usual_recorder();
    client_t *client = new_client();
    int ends[2], many[4] = {side->fd, side->fd, side->fd, side->fd};
    assert_int_equal(pipe(ends), 0);
    size_t before = all_descriptors();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(begin_with(client, ends, 1), EINVAL);
        assert_int_equal(begin_with(client, many, 2), EPROTO);
        begin_with(client, many, 4);
        record_end(0);
        recorder_side_t *other = usual_recorder();
        assert_int_equal(begin_with(client, &other->fd, 1), 0);
        assert_int_equal(begin_with(client, &side->fd, 1), EBUSY);
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_RECORD_END}), 0);
        delete_recorder(other);
    }
    assert_int_equal(all_descriptors(), before);
    end_client(client);
    close(ends[0]);
    close(ends[1]);
    delete_recorder(side);
}

static void
test_read_only(void **state) {
    (void)state;
    recorder_side_t *side = usual_recorder();
    client_t *client = new_client();
    options.agent = agent_read_only;
    assert_int_equal(begin_with(client, &side->fd, 1), EPERM);
    options.agent = agent_if_asked;
    end_client(client);
    delete_recorder(side);
}

/* Such a recording would not end with its recorder. */
static void
test_not_by_the_control(void **state) {
    (void)state;
    recorder_side_t *side = usual_recorder();
    client_t *client = new_client();
    char path[64], why[256];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), side->fd);
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_WRITE,
                                                      .text = {"record.area"},
                                                      .value = {.type = LUNALLOC_STRING, .v.s = path}}),
                     ENOTSUP);
    assert_int_equal(lunalloc_ctl_set("record.area", path, why, sizeof why), 0);
    assert_true(is_recording());
    assert_int_equal(lunalloc_ctl_set("record.active", "true", why, sizeof why), EINVAL);
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_WRITE,
                                                      .text = {"record.active"},
                                                      .value = {.type = LUNALLOC_BOOL, .v.b = false}}),
                     0);
    assert_false(is_recording());
    end_client(client);
    delete_recorder(side);
}

static int
begin(void **state) {
    (void)state;
    start_agent();
    return 0;
}

static int
end(void **state) {
    (void)state;
    end_agent();
    return 0;
}

int
main(int argc, char **argv) {
    (void)argc;
    restart_with_directory(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin_and_end), cmocka_unit_test(test_the_connection_closes),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_no_descriptor_is_left),
        cmocka_unit_test(test_read_only),     cmocka_unit_test(test_not_by_the_control),
    };
    return remove_directory(cmocka_run_group_tests_name("agent_record", tests, begin, end));
}
