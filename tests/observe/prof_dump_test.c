/* prof_dump_test.c -- profiles as files: what they say in either format, when they are written, and that a failure
 * leaves nothing. */
#include "prof.h"

#include "extent/highwater.h"
#include "observe/prof_dump.h"
#include "os/gzip.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

static char folder[64];

/* A folder of its own, which becomes the working directory. */
static int
enter_folder(void **state) {
    boot_allocator(state);
    strcpy(folder, "/tmp/prof_dump_test.XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

/* Calls visit with each file's name; returns how many there are that contain `part`. */
static size_t
count_files(const char *part, bool remove_them) {
    size_t n = 0;
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.' && strstr(entry->d_name, part) != NULL) {
            n++;
            if (remove_them) {
                unlink(entry->d_name);
            }
        }
    }
    closedir(dir);
    return n;
}

static int
leave_folder(void **state) {
    (void)state;
    count_files("", true);
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static int
clean(void **state) {
    prof_set_gdump(false);
    prof_dump_set_prefix("jeprof");
    options.lg_prof_interval = -1;
    prof_set_accum(false);
    count_files("", true);
    return profile_off(state);
}

static unsigned char *
read_whole(const char *name, size_t *len) {
    static unsigned char text[4 << 20];
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    *len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[*len] = '\0';
    return text;
}

/* ---- text ---- */

typedef struct {
    unsigned long long live, bytes, accum, accum_bytes;
} line_t;

/* The header's sums are those of the stacks' lines, and what lives is that of the threads'. */
static void
check_text(const char *name, size_t count, bool accum) {
    size_t len;
    char *text = (char *)read_whole(name, &len);
    line_t total = {0}, sum = {0}, threads = {0}, one;
    unsigned long long rate;
    assert_int_equal(sscanf(text, "heap profile: %llu: %llu [%llu: %llu] @ heap_v2/%llu\n", &total.live, &total.bytes,
                            &total.accum, &total.accum_bytes, &rate),
                     5);
    assert_int_equal(rate, UINT64_C(1) << prof_lg_sample());
    char *libraries = strstr(text, "\nMAPPED_LIBRARIES:\n");
    assert_non_null(libraries);
    assert_non_null(strstr(libraries, "prof_dump_test"));
    *libraries = '\0';
    for (char *line = text; (line = strchr(line, '\n')) != NULL;) {
        line++;
        if (sscanf(line, "%llu: %llu [%llu: %llu] @ 0x", &one.live, &one.bytes, &one.accum, &one.accum_bytes) == 4) {
            sum.live += one.live;
            sum.bytes += one.bytes;
            sum.accum += one.accum;
            sum.accum_bytes += one.accum_bytes;
        } else if (sscanf(line, "# thread %*u: %llu: %llu [", &one.live, &one.bytes) == 2) {
            threads.live += one.live;
            threads.bytes += one.bytes;
        }
    }
    assert_memory_equal(&sum, &total, sizeof sum);
    assert_int_equal(threads.live, total.live);
    assert_int_equal(threads.bytes, total.bytes);
    assert_int_equal(total.live, count);
    assert_true(accum ? total.accum > total.live : total.accum == 0);
}

static void
test_text_says_what_lives(void **state) {
    (void)state;
    profile(0);
    void *kept[10];
    lunalloc_free(sampled_malloc(100));
    for (size_t i = 0; i < 10; i++) {
        kept[i] = sampled_malloc(100 * (i + 1));
    }
    assert_int_equal(prof_dump("a.heap"), 0);
    check_text("a.heap", 10, false);
    prof_set_accum(true);
    assert_int_equal(prof_dump("a.heap"), 0);
    check_text("a.heap", 10, true);
    for (size_t i = 0; i < 10; i++) {
        lunalloc_free(kept[i]);
    }
    assert_int_equal(prof_dump("a.heap"), 0);
    check_text("a.heap", 0, true);
}

static void *
allocate_named(void *arg) {
    thread_assert(prof_thread_set_name("a worker's name") == 0);
    *(void **)arg = sampled_malloc(5000);
    return NULL;
}

/* A thread's name stays as long as something lives that it allocated. */
static void
test_text_names_threads(void **state) {
    (void)state;
    void *block;
    size_t len;
    profile(0);
    run_thread(allocate_named, &block);
    assert_int_equal(prof_dump("a.heap"), 0);
    assert_non_null(strstr((char *)read_whole("a.heap", &len), " a worker's name\n"));
    lunalloc_free(block);
    assert_int_equal(prof_dump("a.heap"), 0);
    assert_null(strstr((char *)read_whole("a.heap", &len), " a worker's name\n"));
}

/* ---- protocol buffer ---- */

typedef struct {
    const unsigned char *at, *end;
} bytes_t;

typedef struct {
    unsigned number, kind;
    uint64_t value;
    bytes_t inside;
} field_t;

static uint64_t
varint(bytes_t *in) {
    uint64_t value = 0;
    for (unsigned shift = 0; in->at < in->end; shift += 7) {
        value |= (uint64_t)(*in->at & 0x7f) << shift;
        if (*in->at++ < 0x80) {
            return value;
        }
    }
    fail_msg("a number has no end");
    return 0;
}

static bool
next_field(bytes_t *in, field_t *out) {
    if (in->at == in->end) {
        return false;
    }
    uint64_t key = varint(in);
    *out = (field_t){.number = (unsigned)(key >> 3), .kind = key & 7};
    assert_true(out->kind == 0 || out->kind == 2);
    out->value = varint(in);
    if (out->kind == 2) {
        assert_true(out->value <= (uint64_t)(in->end - in->at));
        out->inside = (bytes_t){in->at, in->at + out->value};
        in->at += out->value;
    }
    return true;
}

/* What a profile holds. */
typedef struct {
    size_t nstrings, ntypes, nsamples, nlocations, nmappings, stray;
    uint64_t locations[10000];
    uint64_t sums[4];
    bool has_file;
} proto_t;

static proto_t proto;

static bool
has_location(uint64_t id) {
    for (size_t i = 0; i < proto.nlocations; i++) {
        if (proto.locations[i] == id) {
            return true;
        }
    }
    return false;
}

/* Its mapping is there, but for code that is in none. */
static void
check_location(bytes_t in) {
    uint64_t values[4] = {0};
    for (field_t f; next_field(&in, &f);) {
        assert_true(f.number >= 1 && f.number <= 3);
        values[f.number] = f.value;
    }
    assert_false(has_location(values[1]));
    assert_true(values[2] >= 1 && values[2] <= proto.nmappings);
    assert_int_equal(values[3], values[1] - 1);
    proto.locations[proto.nlocations++] = values[1];
}

static void
check_sample(bytes_t in) {
    for (field_t f; next_field(&in, &f);) {
        size_t k = 0;
        uint64_t inner = 0;
        for (bytes_t packed = f.inside; packed.at < packed.end; k++) {
            uint64_t value = varint(&packed);
            if (f.number == 1) {
                assert_true(has_location(value) && value != inner);
                inner = value;
            } else {
                proto.sums[k] += value;
            }
        }
        assert_true(f.number == 1 ? k > 2 : f.number == 2 && k == proto.ntypes);
    }
    proto.nsamples++;
}

static void
check_field(const field_t *f) {
    switch (f->number) {
    case 1:
        proto.ntypes++;
        break;
    case 2:
        check_sample(f->inside);
        break;
    case 3:
        proto.nmappings++;
        break;
    case 4:
        check_location(f->inside);
        break;
    case 6:
        assert_true(proto.nstrings++ > 0 || f->inside.at == f->inside.end);
        proto.has_file |= memmem(f->inside.at, (size_t)(f->inside.end - f->inside.at), "prof_dump_test", 14) != NULL;
        break;
    default:
        proto.stray += f->number != 9 && f->number != 11 && f->number != 12;
        break;
    }
}

static void
read_proto(const char *name) {
    size_t len;
    const unsigned char *text = read_whole(name, &len);
    bytes_t in = {text, text + len};
    memset(&proto, 0, sizeof proto);
    for (field_t f; next_field(&in, &f);) {
        check_field(&f);
    }
    assert_int_equal(proto.stray, 0);
    assert_true(proto.has_file);
}

static void
test_protocol_buffer_says_what_lives(void **state) {
    (void)state;
    profile(0);
    void *kept[10];
    lunalloc_free(sampled_malloc(16384));
    for (size_t i = 0; i < 10; i++) {
        kept[i] = sampled_malloc(16384);
    }
    assert_int_equal(prof_dump("a.pb"), 0);
    read_proto("a.pb");
    assert_int_equal(proto.ntypes, 2);
    assert_int_equal(proto.sums[0], 10);
    assert_int_equal(proto.sums[1], 10 * 16384);
    prof_set_accum(true);
    assert_int_equal(prof_dump("a.pb"), 0);
    read_proto("a.pb");
    assert_int_equal(proto.ntypes, 4);
    assert_true(proto.sums[0] > 10 && proto.sums[1] > 10 * 16384);
    assert_int_equal(proto.sums[2], 10);
    for (size_t i = 0; i < 10; i++) {
        lunalloc_free(kept[i]);
    }
}

/* Samples are scaled to what they stand for. */
static void
test_protocol_buffer_is_scaled(void **state) {
    (void)state;
    enum {
        N = 40000
    };
    static void *kept[N];
    profile(12);
    for (size_t i = 0; i < N; i++) {
        kept[i] = lunalloc_malloc(256);
    }
    assert_int_equal(prof_dump("a.pb"), 0);
    read_proto("a.pb");
    double p = 1 / prof_sampling_weight(256, 12);
    assert_true(fabs((double)proto.sums[0] - N) < 6 * sqrt(N * (1 - p) / p) + TCACHE_PERIOD);
    for (size_t i = 0; i < N; i++) {
        lunalloc_free(kept[i]);
    }
}

/* ---- compressed ---- */

/* Larger than any buffer on the way, and as gzip reads it. */
static void
test_compressed_profile(void **state) {
    (void)state;
    if (!gzip_load() || system("gzip --version >/dev/null 2>&1") != 0) {
        skip();
    }
    profile(0);
    void *kept[10];
    for (size_t i = 0; i < 10; i++) {
        kept[i] = sampled_malloc(16384);
    }
    lunalloc_stats_t before, after;
    lunalloc_stats(LUNALLOC_ALL, &before);
    assert_int_equal(prof_dump("a.pb.gz"), 0);
    assert_int_equal(prof_dump("a.heap.gz"), 0);
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_int_equal(after.allocated, before.allocated);
    assert_int_equal(system("gzip -t a.pb.gz a.heap.gz && gzip -d a.pb.gz a.heap.gz"), 0);
    read_proto("a.pb");
    assert_int_equal(proto.sums[0], 10);
    check_text("a.heap", 10, false);
    for (size_t i = 0; i < 10; i++) {
        lunalloc_free(kept[i]);
    }
}

/* ---- failures ---- */

static void
test_unwritable_path_leaves_nothing(void **state) {
    (void)state;
    profile(0);
    assert_int_equal(prof_dump("no/such/folder"), ENOENT);
    assert_int_equal(mkdir("taken", 0700), 0);
    assert_int_equal(prof_dump("taken"), EISDIR);
    assert_int_equal(rmdir("taken"), 0);
    char name[FILENAME_MAX + 10];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(prof_dump(name), ENAMETOOLONG);
    assert_int_equal(count_files("", false), 0);
    char message[256];
    assert_int_equal(lunalloc_ctl_set("prof.dump", "no/such/folder", message, sizeof message), EFAULT);
    assert_non_null(strstr(message, "there is no such folder"));
}

static int
dump_limited(void) {
    struct rlimit before, none = {0, 0};
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    int error = prof_dump("a.heap");
    setrlimit(RLIMIT_FSIZE, &before);
    return error;
}

/* Neither a new file nor half of one in the place of an old one; and no signal ends the process. */
static void
test_full_device_leaves_nothing(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(dump_limited(), EFBIG);
    assert_int_equal(count_files("", false), 0);
    assert_int_equal(prof_dump("a.heap"), 0);
    assert_true(stat("a.heap", &st) == 0 && st.st_size > 0);
    assert_int_equal(dump_limited(), EFBIG);
    assert_int_equal(count_files("", false), 1);
    assert_true(stat("a.heap", &st) == 0 && st.st_size == 0);
}

/* A name that the caller gives is written in place: its link, its file's mode, its open descriptor. */
static void
test_named_file_stays_what_it_is(void **state) {
    (void)state;
    struct stat st;
    char text[16] = "";
    int fd = open("a.heap", O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(symlink("a.heap", "b.heap"), 0);
    assert_int_equal(prof_dump("b.heap"), 0);
    assert_int_equal(pread(fd, text, 13, 0), 13);
    assert_string_equal(text, "heap profile:");
    close(fd);
    assert_int_equal(lstat("b.heap", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat("b.heap", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(mkfifo("c.heap", 0600), 0);
    alarm(60);
    assert_int_equal(prof_dump("c.heap"), ENXIO);
    alarm(0);
    assert_int_equal(count_files("", false), 3);
    char message[256];
    assert_int_equal(lunalloc_ctl_set("prof.dump", "c.heap", message, sizeof message), EFAULT);
    assert_non_null(strstr(message, "no process reads it"));
}

static void
test_prefix_has_a_longest(void **state) {
    (void)state;
    char name[PROF_PREFIX_MAX + 1];
    memset(name, 'p', sizeof name);
    name[PROF_PREFIX_MAX] = '\0';
    assert_false(prof_dump_set_prefix(name));
    name[PROF_PREFIX_MAX - 1] = '\0';
    assert_true(prof_dump_set_prefix(name));
}

/* A name that counts up can be foreseen: a link that somebody has put there is replaced, and not followed. */
static void
test_own_names_do_not_follow_links(void **state) {
    (void)state;
    struct stat st;
    char name[64];
    unsigned number = 0, request = 0;
    assert_true(prof_dump_set_prefix("own"));
    assert_int_equal(prof_dump(NULL), 0);
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        sscanf(entry->d_name, "own.%*u.%u.m%u.heap", &number, &request);
    }
    closedir(dir);
    snprintf(name, sizeof name, "own.%d.%u.m%u.heap", getpid(), number + 1, request + 1);
    assert_int_equal(symlink("victim", name), 0);
    assert_int_equal(prof_dump(NULL), 0);
    assert_int_equal(count_files("victim", false), 0);
    assert_true(lstat(name, &st) == 0 && S_ISREG(st.st_mode));
}

/* ---- cancellation ---- */

static void *
dump_cancelled(void *arg) {
    pthread_cancel(pthread_self());
    *(int *)arg = prof_dump("a.pb.gz") | prof_dump("a.heap");
    prof_dump_allocated((double)(UINT64_C(1) << 40));
    pthread_testcancel();
    *(int *)arg = -1;
    return NULL;
}

/* The lowest descriptor that is free. */
static int
free_descriptor(void) {
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

/* A thread that is to be cancelled is cancelled after the dump, not in the middle of it. */
static void
test_dump_is_no_cancellation_point(void **state) {
    (void)state;
    pthread_t thread;
    void *result;
    int error = -2, fd = free_descriptor();
    profile(10);
    options.lg_prof_interval = 20;
    gzip_load();
    assert_int_equal(pthread_create(&thread, NULL, dump_cancelled, &error), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(error == 0 || (error == ENOSYS && !gzip_load()));
    assert_int_equal(free_descriptor(), fd);
    assert_true(lock_try(prof_dump_mutex()));
    lock_release(prof_dump_mutex());
    size_t len;
    assert_non_null(strstr((char *)read_whole("a.heap", &len), "\nMAPPED_LIBRARIES:\n"));
    assert_int_equal(count_files(".i", false), 1);
}

/* ---- occasions ---- */

static void
test_names_count_up(void **state) {
    (void)state;
    char name[64];
    assert_true(prof_dump_set_prefix("mine"));
    assert_int_equal(mallctl("prof.dump", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("prof.dump", NULL, NULL, NULL, 0), 0);
    snprintf(name, sizeof name, "mine.%d.", getpid());
    assert_int_equal(count_files(name, false), 2);
    assert_int_equal(count_files(".m0.heap", false), 1);
    assert_int_equal(count_files(".m1.heap", false), 1);
}

static void
test_interval(void **state) {
    (void)state;
    profile(10);
    options.lg_prof_interval = 20;
    for (size_t i = 0; i < 64; i++) {
        lunalloc_free(lunalloc_malloc(1 << 17));
    }
    assert_in_range(count_files(".i", false), 7, 8);
}

/* What is over an interval counts for the next one. */
static void
test_interval_keeps_the_remainder(void **state) {
    (void)state;
    double interval = (double)(UINT64_C(1) << 40);
    profile(10);
    prof_set_active(false); /* so that nothing else counts */
    options.lg_prof_interval = 0;
    prof_dump_allocated(2); /* nothing is left over */
    count_files(".i", true);
    options.lg_prof_interval = 40;
    prof_dump_allocated(interval / 4);
    assert_int_equal(count_files(".i", false), 0);
    prof_dump_allocated(interval * 1.25);
    assert_int_equal(count_files(".i", false), 1);
    prof_dump_allocated(interval / 2);
    assert_int_equal(count_files(".i", false), 2);
    prof_dump_allocated(interval / 2);
    assert_int_equal(count_files(".i", false), 2);
    prof_dump_allocated(interval / 2);
    assert_int_equal(count_files(".i", false), 3);
}

/* Allocates what raises the high-water mark. */
static void *
grow_high(void *arg) {
    size_t *n = arg;
    void *blocks[64];
    for (size_t i = 0; i < *n; i++) {
        blocks[i] = lunalloc_malloc((highwater_mark() >> 1) + (8 << 20));
    }
    for (size_t i = 0; i < *n; i++) {
        lunalloc_free(blocks[i]);
    }
    return NULL;
}

static void
test_gdump_at_each_new_high(void **state) {
    (void)state;
    size_t one = 1;
    profile(16);
    prof_set_gdump(true);
    run_thread(grow_high, &one);
    assert_true(count_files(".u", false) >= 1);
    prof_set_active(false);
    size_t before = count_files(".u", false);
    run_thread(grow_high, &one);
    assert_int_equal(count_files(".u", false), before);
}

/* A new high inside of what a dump does is not told: it ends, and writes one file. */
static void
test_gdump_that_allocates_does_not_recur(void **state) {
    (void)state;
    profile(16);
    prof_set_gdump(true);
    prof_dump_lock();
    void *p = lunalloc_malloc(highwater_mark() + (8 << 20));
    prof_dump_unlock();
    assert_int_equal(count_files(".u", false), 0);
    lunalloc_free(p);
}

static void *
dump_often(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < 50; i++) {
        thread_assert(prof_dump(i % 2 == 0 ? "b.heap" : "b.pb") == 0);
    }
    return NULL;
}

static void
test_gdump_while_others_dump(void **state) {
    (void)state;
    pthread_t dumpers[2];
    size_t two = 2;
    profile(16);
    prof_set_gdump(true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&dumpers[i], NULL, dump_often, NULL), 0);
    }
    run_thread(grow_high, &two);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(dumpers[i], NULL);
    }
    assert_threads_well();
    size_t len;
    assert_int_equal(strncmp((char *)read_whole("b.heap", &len), "heap profile: ", 14), 0);
    read_proto("b.pb");
}

/* ---- at exit ---- */

static void *leaked;

static int
leak(void) {
    leaked = lunalloc_malloc(3 << 20);
    return 0;
}

static void
test_final_dump(void **state) {
    (void)state;
    outcome_t out =
        in_new_process("leak", "LUNALLOC_CONF", "prof:true,prof_final:true,lg_prof_sample:10,prof_prefix:e");
    assert_child_well(&out);
    assert_int_equal(count_files(".f.heap", false), 1);
    assert_int_equal(count_files("e.", false), 1);
}

static void
test_leak_report(void **state) {
    (void)state;
    outcome_t out = in_new_process("leak", "LUNALLOC_CONF", "prof_leak:true,lg_prof_sample:10");
    assert_child_well(&out);
    assert_non_null(strstr(out.text, "lunalloc: leak: about "));
    out = in_new_process("leak", "LUNALLOC_CONF", "prof_leak:true,prof_leak_error:true,lg_prof_sample:10");
    assert_true(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 1);
    out = in_new_process("leak", "LUNALLOC_CONF", "prof_leak:true,prof_leak_error:true,prof_active:false");
    assert_child_well(&out);
    assert_int_equal(count_files(".heap", false), 0);
}

int
main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        return leak();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_text_says_what_lives, clean),
        cmocka_unit_test_teardown(test_text_names_threads, clean),
        cmocka_unit_test_teardown(test_protocol_buffer_says_what_lives, clean),
        cmocka_unit_test_teardown(test_protocol_buffer_is_scaled, clean),
        cmocka_unit_test_teardown(test_compressed_profile, clean),
        cmocka_unit_test_teardown(test_unwritable_path_leaves_nothing, clean),
        cmocka_unit_test_teardown(test_full_device_leaves_nothing, clean),
        cmocka_unit_test_teardown(test_named_file_stays_what_it_is, clean),
        cmocka_unit_test_teardown(test_dump_is_no_cancellation_point, clean),
        cmocka_unit_test_teardown(test_names_count_up, clean),
        cmocka_unit_test_teardown(test_prefix_has_a_longest, clean),
        cmocka_unit_test_teardown(test_own_names_do_not_follow_links, clean),
        cmocka_unit_test_teardown(test_interval, clean),
        cmocka_unit_test_teardown(test_interval_keeps_the_remainder, clean),
        cmocka_unit_test_teardown(test_gdump_at_each_new_high, clean),
        cmocka_unit_test_teardown(test_gdump_that_allocates_does_not_recur, clean),
        cmocka_unit_test_teardown(test_gdump_while_others_dump, clean),
        cmocka_unit_test_teardown(test_final_dump, clean),
        cmocka_unit_test_teardown(test_leak_report, clean),
    };
    return cmocka_run_group_tests_name("observe/prof_dump", tests, enter_folder, leave_folder);
}
