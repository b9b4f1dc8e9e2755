/* application_test.c -- what an application may define as its own: malloc_conf and malloc_message. */
#include "support.h"

__attribute__((visibility("default"))) const char *malloc_conf = "narenas:3,no_such_option:1";

static char received[2048];

static void
receive(void *opaque, const char *text) {
    size_t len = strlen(received);
    snprintf(received + len, sizeof received - len, "%s%s", opaque == NULL ? "" : "not null ", text);
}

__attribute__((visibility("default"))) lunalloc_message_t *malloc_message = receive;

static unsigned
narenas(const char **source) {
    unsigned n = 0;
    size_t len = sizeof n;
    child_assert(mallctl("opt.narenas", &n, &len, NULL, 0) == 0);
    child_assert(lunalloc_ctl_source("opt.narenas", source) == 0);
    return n;
}

/* In a process of its own, which boots with what the environment says. */
static int
configured(const char *expected) {
    const char *source;
    child_assert(narenas(&source) == (unsigned)strtoul(expected, NULL, 10));
    child_assert(strcmp(source, strchr(expected, ' ') + 1) == 0);
    child_assert(strstr(received, "lunalloc: malloc_conf: 'no_such_option' is no option") == received);
    child_assert(received[strlen(received) - 1] == '\n');
    return 0;
}

static void
test_malloc_conf(void **state) {
    (void)state;
    outcome_t outcome = in_new_process("3 symbol", "LUNALLOC_CONF", NULL);
    assert_child_well(&outcome);
    assert_string_equal(outcome.text, "");
    outcome = in_new_process("2 environment", "LUNALLOC_CONF", "narenas:2");
    assert_child_well(&outcome);
    assert_string_equal(outcome.text, "");
}

/* Set to nothing, lines go to standard error. */
static void
misuse_silently(void *arg) {
    char *block = lunalloc_malloc(100000);
    received[0] = '\0';
    malloc_message = arg == NULL ? NULL : malloc_message;
    lunalloc_free(block + 1);
}

static void
test_malloc_message(void **state) {
    (void)state;
    char some;
    outcome_t outcome = in_child(misuse_silently, NULL);
    assert_misuse(&outcome, "free");
    outcome = in_child(misuse_silently, &some);
    assert_true(WIFSIGNALED(outcome.status));
    assert_string_equal(outcome.text, "");
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return configured(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malloc_conf),
        cmocka_unit_test(test_malloc_message),
    };
    return cmocka_run_group_tests_name("api/application", tests, NULL, NULL);
}
