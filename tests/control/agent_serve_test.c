/*
 * agent_serve_test.c -- what the agent answers, what it refuses, and what it survives. The agent runs in the test
 * program itself, whose main thread is the client.
 */
#include "agent.h"

#include "control/audit.h"
#include "control/schema.h"
#include "observe/history.h"

static int
begin(void **state) {
    (void)state;
    agent_patience_ns = 300000000;
    start_agent();
    return 0;
}

static int
end(void **state) {
    (void)state;
    end_agent();
    return 0;
}

/* ---- controls ---- */

static void
test_get(void **state) {
    (void)state;
    client_t *client = new_client();
    lunalloc_value_t value;
    char why[512];
    const char *const names[] = {"version", "arenas.page",          "config.debug",  "arena.0.dirty_decay_ms",
                                 "opt.thp", "arena.0.extent_hooks", "arenas.narenas"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        assert_int_equal(lunalloc_ctl_get(names[i], &value, NULL, 0), 0);
        assert_int_equal(get(client, names[i]), 0);
        assert_int_equal(client->reply.value.type, value.type);
        if (value.type == LUNALLOC_STRING) {
            assert_string_equal(client->reply.value.v.s, value.v.s);
        } else if (value.type == LUNALLOC_BOOL) {
            assert_int_equal(client->reply.value.v.b, value.v.b);
        } else {
            assert_int_equal(client->reply.value.v.u, value.v.u);
        }
    }
    const char *const bad[] = {"", "wyvern", "arena", "arena.999.purge", "arena.0.purge", "prof.dump", "arena.<i>.thp"};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        int error = lunalloc_ctl_get(bad[i], &value, why, sizeof why);
        assert_int_not_equal(error, 0);
        assert_int_equal(get(client, bad[i]), error);
        assert_string_equal(client->reply.text[0], why);
    }
    end_client(client);
}

static void
test_write(void **state) {
    (void)state;
    client_t *client = new_client();
    lunalloc_value_t value;
    char why[512];
    assert_int_equal(write_text(client, "arena.0.dirty_decay_ms", "5s"), 0);
    assert_int_equal(lunalloc_ctl_get("arena.0.dirty_decay_ms", &value, NULL, 0), 0);
    assert_int_equal(value.v.i, 5000);
    wire_message_t message = {.kind = WIRE_WRITE, .text = {"arena.0.dirty_decay_ms"}};
    message.value = (lunalloc_value_t){.type = LUNALLOC_SSIZE, .v.i = -1};
    assert_int_equal(request(client, message), 0);
    assert_int_equal(get(client, "arena.0.dirty_decay_ms"), 0);
    assert_int_equal(client->reply.value.v.i, -1);
    assert_int_equal(write_text(client, "arena.0.purge", NULL), 0);
    const char *const bad[][2] = {{"arena.0.dirty_decay_ms", "-2"},
                                  {"arena.0.purge", "1"},
                                  {"version", "2"},
                                  {"wyvern", "1"},
                                  {"arena.0.thp", NULL},
                                  {"opt.narenas", "4"}};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        int error = lunalloc_ctl_set(bad[i][0], bad[i][1], why, sizeof why);
        assert_int_not_equal(error, 0);
        assert_int_equal(write_text(client, bad[i][0], bad[i][1]), error);
        assert_string_equal(client->reply.text[0], why);
    }
    must_set("arena.0.dirty_decay_ms", "10000");
    end_client(client);
}

static void
assert_refused(client_t *client, int error, int expected, const char *part) {
    assert_int_equal(error, expected);
    assert_non_null(strstr(client->reply.text[0], part));
}

static void
test_controls_of_a_thread(void **state) {
    (void)state;
    client_t *client = new_client();
    const char *const names[] = {"thread.arena", "thread.tcache.flush", "tcache.create", "thread.allocatedp"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        assert_refused(client, get(client, names[i]), ENOTSUP, "thread that calls");
        assert_refused(client, write_text(client, names[i], "1"), ENOTSUP, "thread that calls");
    }
    end_client(client);
}

static void
test_pointers_are_not_written(void **state) {
    (void)state;
    client_t *client = new_client();
    uint64_t writes = audit_count();
    const unsigned types[] = {LUNALLOC_POINTER, LUNALLOC_STRUCT, LUNALLOC_U64, LUNALLOC_SIZE, LUNALLOC_STRING};
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        wire_message_t message = {.kind = WIRE_WRITE, .text = {"arena.0.extent_hooks"}};
        message.value = (lunalloc_value_t){.type = (lunalloc_type_t)types[i], .v.s = "4096"};
        assert_refused(client, request(client, message), EINVAL, "pointer");
        message.text[0] = "experimental.arenas_create_ext";
        assert_refused(client, request(client, message), EINVAL, "pointer");
    }
    wire_message_t message = {.kind = WIRE_WRITE, .text = {"arena.0.dirty_decay_ms"}};
    message.value = (lunalloc_value_t){.type = LUNALLOC_POINTER, .v.p = client};
    assert_refused(client, request(client, message), EINVAL, "pointer");
    assert_int_equal(audit_count(), writes);
    end_client(client);
}

/* ---- the schema ---- */

static void
test_rows(void **state) {
    (void)state;
    client_t *client = new_client();
    size_t n = 7; /* from the middle on */
    uint64_t at = n;
    do {
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_ROWS, .number = {at}}), 0);
        assert_int_equal(client->reply.number[0], lunalloc_ctl_count());
        lunalloc_row_t got, row;
        uint32_t from = 0;
        while (wire_get_row(&client->reply.bytes, &from, &got)) {
            assert_int_equal(lunalloc_ctl_row(n++, &row), 0);
            assert_string_equal(got.name, row.name);
            assert_string_equal(got.doc, row.doc);
        }
        at = client->reply.number[1];
        assert_int_equal(at, n);
    } while (at < client->reply.number[0]);
    assert_int_equal(n, lunalloc_ctl_count());
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_ROWS, .number = {UINT64_MAX}}), 0);
    assert_int_equal(client->reply.bytes.len, 0);
    end_client(client);
}

static int
ask(client_t *client, uint16_t kind, const char *text) {
    return request(client, (wire_message_t){.kind = kind, .text = {text}});
}

static void
test_names(void **state) {
    (void)state;
    client_t *client = new_client();
    lunalloc_row_t got;
    uint32_t at = 0;
    assert_int_equal(ask(client, WIRE_DESCRIBE, "arena.<i>.dirty_decay_ms"), 0);
    assert_true(wire_get_row(&client->reply.bytes, &at, &got));
    assert_string_equal(got.name, "arena.<i>.dirty_decay_ms");
    assert_int_equal(ask(client, WIRE_DESCRIBE, "wyvern"), ENOENT);
    assert_non_null(strstr(client->reply.text[0], "wyvern"));
    assert_int_equal(ask(client, WIRE_SOURCE, "arena.0.thp"), 0);
    assert_string_equal(client->reply.text[0], "default");
    assert_int_equal(ask(client, WIRE_SOURCE, "wyvern"), ENOENT);
    assert_int_equal(ask(client, WIRE_LIMIT, "arena.<i>.purge"), 0);
    assert_int_equal(client->reply.number[0], lunalloc_ctl_limit("arena.<i>.purge"));
    assert_int_equal(ask(client, WIRE_SUGGEST, "epohc"), 0);
    assert_string_equal(client->reply.text[0], "epoch");
    assert_int_equal(ask(client, WIRE_SUGGEST, "quite.something.else.altogether"), 0);
    assert_string_equal(client->reply.text[0], "");
    end_client(client);
}

/* ---- introspection ---- */

static wire_records_t
cursor_of(const void *cursor, size_t size) {
    return (wire_records_t){(uint32_t)size, 1, cursor};
}

/* Every batch agrees with its arena's counts of pages, and all are found. */
static void
test_extents(void **state) {
    (void)state;
    client_t *client = new_client();
    static void *blocks[3000];
    for (size_t i = 0; i < LENGTH_OF(blocks); i++) {
        blocks[i] = lunalloc_malloc(20000);
    }
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    size_t n = 0, active = 0, batches = 0, most = 0;
    uint32_t count;
    do {
        wire_message_t message = {.kind = WIRE_EXTENTS, .number = {100000}};
        message.records[0] = cursor_of(&cursor, sizeof cursor);
        assert_int_equal(request(client, message), 0);
        count = client->reply.records[1].count;
        for (uint32_t i = 0; i < count; i++) {
            lunalloc_extent_t extent;
            assert_true(wire_copy(&client->reply.records[1], i, &extent, sizeof extent));
            active += extent.state == LUNALLOC_ACTIVE ? extent.size : 0;
        }
        assert_true(wire_copy(&client->reply.records[0], 0, &cursor, sizeof cursor));
        assert_int_equal(client->reply.records[2].count, 1);
        n += count;
        most = count > most ? count : most;
        batches++;
    } while (count > 0);
    assert_true(n >= LENGTH_OF(blocks) && most > 100 && batches > 5);
    lunalloc_stats_t stats;
    lunalloc_stats(LUNALLOC_ALL, &stats);
    assert_int_equal(active, stats.active);
    for (size_t i = 0; i < LENGTH_OF(blocks); i++) {
        lunalloc_free(blocks[i]);
    }
    wire_message_t message = {.kind = WIRE_EXTENTS, .number = {1}};
    message.records[0] = cursor_of(&cursor, sizeof cursor - 1);
    assert_int_equal(request(client, message), EPROTO);
    message.records[0].count = 0;
    assert_int_equal(request(client, message), EPROTO);
    end_client(client);
}

static void
test_find(void **state) {
    (void)state;
    client_t *client = new_client();
    char *block = lunalloc_malloc(100);
    lunalloc_location_t expected, got;
    assert_int_equal(lunalloc_find(block + 5, &expected), 0);
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_FIND, .number = {(uintptr_t)block + 5}}), 0);
    assert_true(wire_copy(&client->reply.records[0], 0, &got, sizeof got));
    assert_int_equal(got.region_addr, expected.region_addr);
    assert_int_equal(got.extent.addr, expected.extent.addr);
    const uint64_t nowhere[] = {0, 8, (uintptr_t)&nowhere, UINT64_MAX, UINT64_C(1) << 63};
    for (size_t i = 0; i < LENGTH_OF(nowhere); i++) {
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_FIND, .number = {nowhere[i]}}), ENOENT);
    }
    lunalloc_free(block);
    end_client(client);
}

static void
test_size_classes(void **state) {
    (void)state;
    client_t *client = new_client();
    lunalloc_sizeclass_t got, expected;
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_SIZECLASSES}), 0);
    assert_int_equal(client->reply.records[0].count, lunalloc_nsizes());
    for (uint32_t i = 0; i < lunalloc_nsizes(); i++) {
        assert_true(wire_copy(&client->reply.records[0], i, &got, sizeof got));
        lunalloc_sizeclass(i, &expected);
        assert_int_equal(got.size, expected.size);
        assert_int_equal(got.nregs, expected.nregs);
    }
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_SIZECLASS_OF, .number = {100}}), 0);
    assert_true(wire_copy(&client->reply.records[0], 0, &got, sizeof got));
    assert_int_equal(got.size, 112);
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_SIZECLASS_OF, .number = {UINT64_MAX}}), ENOENT);
    end_client(client);
}

static void
test_stats(void **state) {
    (void)state;
    client_t *client = new_client();
    const uint32_t arenas[] = {0, LUNALLOC_ALL};
    for (size_t i = 0; i < LENGTH_OF(arenas); i++) {
        lunalloc_stats_t got, expected;
        lunalloc_class_stats_t class, expected_class;
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_STATS, .number = {arenas[i]}}), 0);
        assert_int_equal(lunalloc_stats(arenas[i], &expected), 0);
        assert_true(wire_copy(&client->reply.records[0], 0, &got, sizeof got));
        assert_int_equal(got.allocated, expected.allocated);
        assert_int_equal(got.cached, expected.cached);
        assert_int_equal(got.narenas, expected.narenas);
        assert_int_equal(client->reply.records[1].count, lunalloc_nsizes());
        for (uint32_t k = 0; k < lunalloc_nsizes(); k++) {
            assert_int_equal(lunalloc_class_stats(arenas[i], k, &expected_class), 0);
            assert_true(wire_copy(&client->reply.records[1], k, &class, sizeof class));
            assert_memory_equal(&class, &expected_class, sizeof class);
        }
    }
    const uint64_t none[] = {999999, UINT64_MAX, (UINT64_C(1) << 32)};
    for (size_t i = 0; i < LENGTH_OF(none); i++) {
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_STATS, .number = {none[i]}}), ENOENT);
    }
    end_client(client);
}

static void
append(void *opaque, const char *text) {
    *(size_t *)opaque += strlen(text);
}

static int
ask_report(client_t *client, uint64_t format, uint64_t at) {
    return request(client, (wire_message_t){.kind = WIRE_REPORT, .number = {format, at}, .text = {""}});
}

static void
test_report(void **state) {
    (void)state;
    client_t *client = new_client();
    for (unsigned format = LUNALLOC_TEXT; format <= LUNALLOC_OPENMETRICS; format++) {
        size_t len = 0, expected = 0;
        char last = 0;
        do {
            assert_int_equal(ask_report(client, format, len), 0);
            len += client->reply.bytes.len;
            last = client->reply.bytes.data[client->reply.bytes.len - 1];
        } while (len < client->reply.number[0]);
        assert_int_equal(last, '\n');
        assert_int_equal(lunalloc_stats_write((lunalloc_format_t)format, append, &expected, ""), 0);
        assert_true(len > expected / 2 && len < expected * 2);
        assert_int_equal(ask_report(client, format, len), EINVAL); /* it is gone */
    }
    assert_int_equal(ask_report(client, 77, 0), EINVAL);
    assert_int_equal(ask_report(client, LUNALLOC_TEXT, 5), EINVAL);
    assert_int_equal(ask_report(client, LUNALLOC_JSON, 0), 0);
    assert_int_equal(ask_report(client, LUNALLOC_JSON, UINT64_MAX), EINVAL);
    end_client(client); /* with a report that was not read to its end */
}

static void
test_reconcile(void **state) {
    (void)state;
    client_t *client = new_client();
    lunalloc_reconciliation_t got;
    assert_int_equal(request(client, (wire_message_t){.kind = WIRE_RECONCILE}), 0);
    assert_true(wire_copy(&client->reply.records[0], 0, &got, sizeof got));
    assert_true(got.rss > 0 && got.active.counted > 0);
    end_client(client);
}

static void
assert_list(client_t *client, uint16_t kind, size_t cursor_size, size_t size, bool some) {
    char cursor[64] = {0};
    wire_message_t message = {.kind = kind, .number = {UINT64_MAX}};
    message.records[0] = cursor_of(cursor, cursor_size);
    assert_int_equal(request(client, message), 0);
    assert_int_equal(client->reply.records[0].size, cursor_size);
    assert_true(!some || client->reply.records[1].count > 0);
    assert_true(client->reply.records[1].count == 0 || client->reply.records[1].size == size);
    message.records[0] = cursor_of(cursor, cursor_size + 1);
    assert_int_equal(request(client, message), EPROTO);
}

static void
test_samples_threads_history(void **state) {
    (void)state;
    client_t *client = new_client();
    must_set("prof.active", "true");
    must_set("prof.reset", "0");
    void *block = lunalloc_malloc(5000);
    assert_list(client, WIRE_SAMPLES, sizeof(lunalloc_sample_cursor_t), sizeof(lunalloc_sample_t), !config_tsan);
    lunalloc_free(block);
    must_set("prof.active", "false");
    assert_list(client, WIRE_THREADS, sizeof(lunalloc_thread_cursor_t), sizeof(lunalloc_thread_t), true);
    assert_list(client, WIRE_MOMENTS, sizeof(lunalloc_history_cursor_t), sizeof(lunalloc_moment_t), true);
    assert_int_equal(write_text(client, "arena.0.dirty_max", "1G"), 0);
    assert_int_equal(write_text(client, "arena.0.dirty_max", "-1"), 0);
    assert_list(client, WIRE_MARKS, sizeof(lunalloc_history_cursor_t), sizeof(lunalloc_mark_t), true);
    end_client(client);
}

/* ---- the audit ---- */

/* Through the agent, whose thread writes them: texts may change under another reader. */
static const lunalloc_value_t *
audited(client_t *client, uint64_t n, const char *field) {
    char name[64];
    snprintf(name, sizeof name, "agent.audit.%u.%s", (unsigned)(n % AUDIT_KEPT), field);
    assert_int_equal(get(client, name), 0);
    return &client->reply.value;
}

static void
assert_audited(client_t *client, uint64_t n, const char *name, const char *old, const char *new) {
    assert_string_equal(audited(client, n, "name")->v.s, name);
    assert_string_equal(audited(client, n, "old")->v.s, old);
    assert_string_equal(audited(client, n, "new")->v.s, new);
    assert_int_equal(audited(client, n, "pid")->v.u, getpid());
    assert_int_equal(audited(client, n, "uid")->v.u, geteuid());
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    uint64_t when = audited(client, n, "time")->v.u;
    assert_true(when <= ns && when + UINT64_C(60000000000) > ns);
}

static void
test_audit(void **state) {
    (void)state;
    client_t *client = new_client();
    uint64_t n = audit_count();
    assert_int_equal(write_text(client, "arena.0.dirty_decay_ms", "1234"), 0);
    assert_int_equal(write_text(client, "arena.0.dirty_decay_ms", "10s"), 0);
    assert_int_equal(write_text(client, "arena.0.purge", NULL), 0);
    assert_int_equal(write_text(client, "arena.0.dirty_decay_ms", "x"), EINVAL); /* changes nothing */
    assert_int_equal(get(client, "arenas.create"), 0);                           /* creates an arena */
    uint64_t created = client->reply.value.v.u;
    assert_int_equal(audit_count(), n + 4);
    assert_audited(client, n, "arena.0.dirty_decay_ms", "10000", "1234");
    assert_audited(client, n + 1, "arena.0.dirty_decay_ms", "1234", "10s");
    assert_audited(client, n + 2, "arena.0.purge", "", "");
    char number[24];
    snprintf(number, sizeof number, "%llu", (long long unsigned)created);
    assert_audited(client, n + 3, "arenas.create", "", number);
    must_set("arena.0.dirty_max", "2G"); /* by the process itself */
    must_set("arena.0.dirty_max", "-1");
    assert_int_equal(audit_count(), n + 4);
    end_client(client);
}

static void
test_audit_wraps(void **state) {
    (void)state;
    client_t *client = new_client();
    char text[16];
    uint64_t n = audit_count();
    for (unsigned i = 0; i < 3 * AUDIT_KEPT + 5; i++) {
        snprintf(text, sizeof text, "%u", i + 1);
        assert_int_equal(write_text(client, "arena.0.dirty_decay_ms", text), 0);
    }
    assert_int_equal(audit_count(), n + 3 * AUDIT_KEPT + 5);
    assert_int_equal(lunalloc_ctl_limit("agent.audit.<i>.name"), AUDIT_KEPT);
    for (uint64_t k = 2 * AUDIT_KEPT + 5; k < 3 * AUDIT_KEPT + 5; k++) {
        char old[16];
        snprintf(old, sizeof old, "%u", (unsigned)k);
        snprintf(text, sizeof text, "%u", (unsigned)k + 1);
        assert_audited(client, n + k, "arena.0.dirty_decay_ms", old, text);
    }
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get("agent.audit.64.name", &value, NULL, 0), ENOENT);
    must_set("arena.0.dirty_decay_ms", "10000");
    end_client(client);
}

/* A text that is longer than its place is cut. */
static void
test_audit_cuts(void **state) {
    (void)state;
    client_t *client = new_client();
    char prefix[600];
    uint64_t n = audit_count();
    memset(prefix, 'p', sizeof prefix);
    prefix[200] = '\0';
    assert_int_equal(write_text(client, "prof.prefix", prefix), 0);
    size_t len = strlen(audited(client, n, "new")->v.s);
    assert_true(len >= 100 && len < AUDIT_VALUE);
    must_set("prof.prefix", "jeprof");
    end_client(client);
}

/* ---- read-only: a child, for the option is constant while an agent runs ---- */

static void
read_only(void *arg) {
    (void)arg;
    options.agent = agent_read_only;
    start_agent();
    client_t *client = new_client();
    uint64_t narenas, writes = audit_count();
    size_t len = sizeof(unsigned);
    unsigned before = 0, after = 0;
    child_assert(client->reply.number[2] == 1);
    child_assert(mallctl("arenas.narenas", &before, &len, NULL, 0) == 0);
    child_assert(get(client, "arenas.narenas") == 0);
    narenas = client->reply.value.v.u;
    const char *const names[] = {"arena.0.dirty_decay_ms", "arena.0.purge", "prof.dump", "agent.active", "epoch",
                                 "background_thread",      "version",       "wyvern"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        child_assert(write_text(client, names[i], "1") == EPERM);
        child_assert(strstr(client->reply.text[0], "read-only") != NULL);
    }
    child_assert(get(client, "arenas.create") == EPERM);
    child_assert(mallctl("arenas.narenas", &after, &len, NULL, 0) == 0);
    child_assert(before == after && narenas == before && audit_count() == writes);
    child_assert(get(client, "agent.read_only") == 0 && client->reply.value.v.b);
    child_assert(request(client, (wire_message_t){.kind = WIRE_STATS, .number = {0}}) == 0);
    end_client(client);
    end_agent();
}

static void
test_read_only(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(read_only, NULL);
}

/* ---- HELLO ---- */

static client_t *
silent_client(void) {
    client_t *client = calloc(1, sizeof *client);
    client->fd = connect_to(lunalloc_target.socket);
    assert_true(client->fd >= 0);
    return client;
}

static void
test_versions(void **state) {
    (void)state;
    const uint64_t versions[] = {WIRE_VERSION - 1, WIRE_VERSION + 1, 0, UINT64_MAX};
    for (size_t i = 0; i < LENGTH_OF(versions); i++) {
        client_t *client = silent_client();
        assert_refused(client, hello(client, versions[i]), EPROTONOSUPPORT, "version");
        assert_true(is_closed(client->fd));
        end_client(client);
    }
}

static void
test_first_request_is_hello(void **state) {
    (void)state;
    client_t *client = silent_client();
    assert_refused(client, get(client, "version"), EPROTO, "HELLO");
    assert_true(is_closed(client->fd));
    end_client(client);
    client = silent_client();
    wire_message_t message = {.kind = WIRE_HELLO, .number = {WIRE_VERSION}, .text = {"jemalloc"}};
    assert_refused(client, request(client, message), EPROTO, "HELLO");
    assert_true(is_closed(client->fd));
    end_client(client);
    client = new_client();
    assert_refused(client, hello(client, WIRE_VERSION), EPROTO, "already");
    assert_int_equal(get(client, "version"), 0);
    end_client(client);
}

static void
test_silent_client_is_closed(void **state) {
    (void)state;
    client_t *client = silent_client();
    assert_true(is_closed(client->fd));
    end_client(client);
    client = new_client();
    usleep((useconds_t)(agent_patience_ns / 1000 * 2));
    assert_int_equal(get(client, "version"), 0); /* an idle one stays */
    end_client(client);
}

/* ---- bad frames ---- */

/* The agent still serves somebody who was there before, and somebody new. */
static void
assert_unharmed(client_t *witness) {
    assert_int_equal(get(witness, "version"), 0);
    end_client(new_client());
}

static void
test_frames_cut_off_at_every_byte(void **state) {
    (void)state;
    client_t *witness = new_client();
    char frame[512];
    wire_message_t message = {.kind = WIRE_WRITE, .id = 7, .text = {"arena.0.dirty_decay_ms"}};
    message.value = (lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = "10000"};
    size_t len = wire_encode(frame, sizeof frame, wire_request, &message);
    for (size_t cut = 0; cut < len; cut++) {
        client_t *client = new_client();
        uint32_t payload = (uint32_t)(cut - WIRE_HEADER);
        if (cut < WIRE_HEADER) { /* the rest never comes */
            assert_true(send_all(client->fd, frame, cut));
            shutdown(client->fd, SHUT_WR);
        } else { /* the header says that it is whole */
            memcpy(frame, &payload, sizeof payload);
            assert_true(send_all(client->fd, frame, cut));
        }
        assert_true(is_closed(client->fd));
        end_client(client);
    }
    assert_unharmed(witness);
    end_client(witness);
}

static void
test_lengths(void **state) {
    (void)state;
    client_t *witness = new_client();
    const uint32_t lengths[] = {WIRE_REQUEST_MAX + 1, WIRE_MAX, WIRE_MAX + 1, INT32_MAX, UINT32_MAX, UINT32_MAX - 11};
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        client_t *client = new_client();
        uint32_t header[3] = {lengths[i], WIRE_GET, 1};
        assert_true(send_all(client->fd, header, sizeof header));
        assert_true(is_closed(client->fd));
        end_client(client);
    }
    client_t *client = new_client();
    char name[WIRE_REQUEST_MAX - 4]; /* the longest that fits */
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(get(client, name), ENOENT);
    end_client(client);
    assert_unharmed(witness);
    end_client(witness);
}

/* A byte now and then does not extend the time. */
static void
test_one_byte_at_a_time(void **state) {
    (void)state;
    client_t *client = new_client();
    uint32_t header[3] = {5000, WIRE_GET, 1};
    assert_true(send_all(client->fd, header, sizeof header));
    int i = 0;
    while (i < 1000 && send_all(client->fd, "a", 1)) {
        usleep(20000);
        i++;
    }
    assert_true(i < 200);
    end_client(client);
}

/* Whole frames in pieces, and several in one. */
static void
test_frames_in_pieces(void **state) {
    (void)state;
    client_t *client = new_client();
    char frames[1024];
    size_t len = 0;
    for (uint32_t id = 100; id < 110; id++) {
        wire_message_t message = {.kind = WIRE_GET, .id = id, .text = {"version"}};
        len += wire_encode(frames + len, sizeof frames - len, wire_request, &message);
    }
    for (size_t i = 0; i < len / 2; i++) {
        assert_true(send_all(client->fd, frames + i, 1));
    }
    assert_true(send_all(client->fd, frames + len / 2, len - len / 2));
    for (uint32_t id = 100; id < 110; id++) {
        assert_int_equal(receive_reply(client), 0);
        assert_int_equal(client->reply.id, id);
    }
    end_client(client);
}

/* Somebody who asks and does not read is closed; others are served meanwhile. */
static void
test_replies_that_are_not_read(void **state) {
    (void)state;
    client_t *witness = new_client(), *client = new_client();
    char frame[128];
    wire_message_t message = {.kind = WIRE_ROWS};
    size_t len = wire_encode(frame, sizeof frame, wire_request, &message);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    size_t sent = 0;
    while (sent < 100000 && send_all(client->fd, frame, len)) {
        sent++;
    }
    assert_true(sent < 100000);
    assert_true(is_closed(client->fd));
    assert_unharmed(witness);
    end_client(client);
    end_client(witness);
}

/* A reader that is slow, but reads, gets everything. */
static void
test_slow_reader(void **state) {
    (void)state;
    client_t *client = new_client();
    char frame[128];
    wire_message_t message = {.kind = WIRE_ROWS};
    size_t len = wire_encode(frame, sizeof frame, wire_request, &message);
    for (int i = 0; i < 20; i++) {
        assert_true(send_all(client->fd, frame, len));
    }
    for (int i = 0; i < 20; i++) {
        usleep(20000);
        assert_int_equal(receive_reply(client), 0);
        assert_true(client->reply.bytes.len > 1000);
    }
    end_client(client);
}

static void
test_unknown_kinds(void **state) {
    (void)state;
    const uint16_t kinds[] = {0, WIRE_ERROR, 1000, UINT16_MAX};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        client_t *client = new_client();
        uint32_t header[3] = {0, kinds[i], 1};
        assert_true(send_all(client->fd, header, sizeof header));
        assert_true(is_closed(client->fd));
        end_client(client);
    }
}

/* ---- many clients ---- */

static bool
connections_become(uint32_t n) {
    for (int i = 0; i < 5000 && agent_connections() != n; i++) {
        usleep(1000);
    }
    return agent_connections() == n;
}

static void
test_a_thousand_clients(void **state) {
    (void)state;
    static int fds[1000];
    client_t *clients[AGENT_CONNECTIONS];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_true(connections_become(0));
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        clients[i] = new_client();
    }
    client_t *refused = silent_client();
    assert_refused(refused, receive_reply(refused), EBUSY, "16");
    assert_true(is_closed(refused->fd));
    end_client(refused);
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        fds[i] = connect_to(lunalloc_target.socket);
    }
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        assert_int_equal(get(clients[i], "agent.nconnections"), 0);
        assert_int_equal(clients[i]->reply.value.v.u, AGENT_CONNECTIONS);
    }
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        assert_true(fds[i] < 0 || is_closed(fds[i]));
        close(fds[i]);
    }
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        end_client(clients[i]);
    }
    assert_true(connections_become(0));
    end_client(new_client());
}

/* No memory, descriptors or places are lost. */
static void
test_many_cycles(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    for (int i = 0; i < 20; i++) {
        end_client(new_client());
    }
    assert_true(connections_become(0));
    lunalloc_stats(LUNALLOC_ALL, &before);
    for (int i = 0; i < 500; i++) {
        client_t *client = new_client();
        assert_int_equal(request(client, (wire_message_t){.kind = WIRE_REPORT, .text = {""}}), 0);
        end_client(client);
    }
    assert_true(connections_become(0));
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.metadata <= before.metadata + (128U << 10));
}

/* ---- random frames ---- */

/* A good request of a random kind with random contents. */
static size_t
random_request(uint64_t *seed, char *frame, size_t size) {
    static const char *const names[] = {
        "version",          "arena.0.dirty_decay_ms",        "wyvern",    "", "arena.<i>.purge",
        "arena.4096.purge", "stats.arenas.0.bins.3.nmalloc", "arenas.<i>"};
    char records[64];
    for (size_t i = 0; i < sizeof records; i++) {
        records[i] = (char)(rnd_below(seed, 2) == 0 ? 0 : rnd(seed));
    }
    const size_t sizes[] = {0, 1, 8, sizeof(lunalloc_cursor_t), 64};
    wire_message_t message = {
        .kind = (uint16_t)(1 + rnd_below(seed, 21)),
        .id = (uint32_t)rnd(seed),
        .number = {rnd(seed) >> rnd_below(seed, 64), rnd(seed) >> rnd_below(seed, 64)},
        .text = {names[rnd_below(seed, LENGTH_OF(names))]},
        .value = {.type = LUNALLOC_U64, .v.u = rnd(seed) >> rnd_below(seed, 64)},
        .records = {{(uint32_t)sizes[rnd_below(seed, LENGTH_OF(sizes))], 1, records}},
    };
    message.number[0] = message.kind == WIRE_HELLO ? WIRE_VERSION : message.number[0];
    message.text[0] = message.kind == WIRE_HELLO ? TARGET_MAGIC : message.text[0];
    return wire_encode(frame, size, wire_request, &message);
}

/* Sends some requests, a few of them damaged, reads what there is, and leaves. */
static void
fuzz_once(uint64_t *seed) {
    char frame[1024], rest[4096];
    client_t *client = rnd_below(seed, 8) == 0 ? silent_client() : new_client();
    for (size_t n = 1 + rnd_below(seed, 8); n > 0; n--) {
        size_t len = random_request(seed, frame, sizeof frame);
        for (size_t damage = rnd_below(seed, 4) == 0 ? rnd_below(seed, 6) : 0; damage > 0 && len > 0; damage--) {
            frame[rnd_below(seed, len)] = (char)rnd(seed);
        }
        len = rnd_below(seed, 20) == 0 ? rnd_below(seed, len + 1) : len;
        if (!send_all(client->fd, frame, len)) {
            break;
        }
        while (rnd_below(seed, 2) == 0 && recv(client->fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
        }
    }
    end_client(client);
}

static void
test_random_frames(void **state) {
    (void)state;
    client_t *witness = new_client();
    const char *given = getenv("AGENT_SEED");
    uint64_t seed =
        given != NULL ? (uint64_t)strtoull(given, NULL, 10) : (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
    print_message("AGENT_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 0; i < (config_tsan || config_asan ? 150 : 600); i++) {
        connections_become(1); /* so that none is refused */
        fuzz_once(&seed);
    }
    assert_unharmed(witness);
    end_client(witness);
    must_set("arena.0.dirty_decay_ms", "10000");
}

int
main(int argc, char **argv) {
    (void)argc;
    restart_with_directory(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_controls_of_a_thread),
        cmocka_unit_test(test_pointers_are_not_written),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_size_classes),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_reconcile),
        cmocka_unit_test(test_samples_threads_history),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_audit_wraps),
        cmocka_unit_test(test_audit_cuts),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_first_request_is_hello),
        cmocka_unit_test(test_silent_client_is_closed),
        cmocka_unit_test(test_frames_cut_off_at_every_byte),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_one_byte_at_a_time),
        cmocka_unit_test(test_frames_in_pieces),
        cmocka_unit_test(test_replies_that_are_not_read),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_a_thousand_clients),
        cmocka_unit_test(test_many_cycles),
        cmocka_unit_test(test_random_frames),
    };
    return remove_directory(cmocka_run_group_tests_name("agent_serve", tests, begin, end));
}
