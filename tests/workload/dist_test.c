/*
 * dist_test.c -- distributions: what can be written, what is refused and how, and that draws follow the curve.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload/dist.h"
#include "workload/textfile.h"

static region_t region;

static dist_t
parse(const char *text, dist_use_t use) {
    char message[512] = "";
    dist_t dist;
    if (dist_parse(&dist, text, use, &region, message, sizeof(message)) != 0) {
        fail_msg("%s: %s", text, message);
    }
    return dist;
}

static void
refuse_as(int error, const char *text, dist_use_t use, const char *part) {
    char message[512] = "";
    dist_t dist;
    assert_int_equal(dist_parse(&dist, text, use, &region, message, sizeof(message)), error);
    if (strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("%s: the message \"%s\" does not say \"%s\" in one line", text, message, part);
    }
}

static void
refuse(const char *text, dist_use_t use, const char *part) {
    refuse_as(EINVAL, text, use, part);
}

static uint64_t
draw(const char *text, dist_use_t use, uint64_t random) {
    dist_t dist = parse(text, use);
    return dist_draw(&dist, random);
}

static double
mean(const char *text, dist_use_t use) {
    dist_t dist = parse(text, use);
    return dist_mean(&dist);
}

/* ---- parsing ---- */

static void
test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},       {"4096", 4096}, {"1.5", 1.5},    {"1e3", 1000},       {"2.5e-1", 0.25},
                {"64K", 65536}, {"64k", 65536}, {"1M", 1048576}, {"1.5MiB", 1572864}, {"2GB", 2147483648.0},
                {"-3", -3},     {".5", 0.5},    {"1 K", 1024},   {"0x10", 16}};
    static const char *const bad[] = {"", "-", ".", "e3", "1e", "1x", "1KK", "0x", "1 2", "K", "nan", "inf", "1e999"};
    double value;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(dist_number(UNITS_BYTES, good[i].text, good[i].text + strlen(good[i].text), &value));
        assert_true(fabs(value - good[i].value) <= 1e-12 * fabs(good[i].value));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(dist_number(UNITS_BYTES, bad[i], bad[i] + strlen(bad[i]), &value));
    }
}

static void
test_fixed_and_uniform(void **state) {
    (void)state;
    prng_t prng;
    prng_seed(&prng, 1, 0);
    assert_int_equal(draw("64K", DIST_SIZE, prng_next(&prng)), 65536);
    assert_int_equal(draw(" fixed( 100 ) ", DIST_SIZE, prng_next(&prng)), 100);
    dist_t uniform = parse("uniform(3, 7)", DIST_LIFETIME);
    size_t seen[8] = {0};
    for (int i = 0; i < 50000; i++) {
        uint64_t value = dist_draw(&uniform, prng_next(&prng));
        assert_in_range(value, 3, 7);
        seen[value]++;
    }
    for (int i = 3; i <= 7; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
}

static void
test_lifetimes_only(void **state) {
    (void)state;
    assert_int_equal(parse("fifo(50)", DIST_LIFETIME).kind, DIST_FIFO);
    assert_int_equal(parse("forever", DIST_LIFETIME).kind, DIST_FOREVER);
    assert_int_equal(parse("0", DIST_LIFETIME).least, 0);
    refuse("fifo(50)", DIST_SIZE, "allowed: a number, fixed(n)");
    refuse("forever", DIST_SIZE, "no such distribution");
}

static void
test_refused(void **state) {
    (void)state;
    refuse("", DIST_SIZE, "allowed: a number");
    refuse("exp", DIST_SIZE, "parentheses are missing; allowed: exp(mean[,max])");
    refuse("exp(3", DIST_SIZE, "parentheses are missing");
    refuse("exp()", DIST_SIZE, "too few arguments");
    refuse("exp(1,2,3)", DIST_SIZE, "too many arguments; allowed: exp(mean[,max])");
    refuse("exp(a)", DIST_SIZE, "\"a\" is not a number");
    refuse("exp(0)", DIST_SIZE, "out of range");
    refuse("exp(-5)", DIST_SIZE, "out of range");
    refuse("exp(10,0)", DIST_SIZE, "max 0 is out of range");
    refuse("normal(10)", DIST_SIZE, "too few arguments");
    refuse("normal(1M,1,100)", DIST_SIZE, "almost nothing of the curve is between 1 and 100");
    refuse("uniform(7,3)", DIST_SIZE, "a <= b");
    refuse("uniform(0,3)", DIST_SIZE, "1 to 1T (bytes)");
    refuse("0", DIST_SIZE, "1 to 1T (bytes)");
    refuse("2T", DIST_SIZE, "out of range");
    refuse("-1", DIST_LIFETIME, "0 to 1T (allocations)");
    refuse("gamma(2,3)", DIST_SIZE, "no such distribution; allowed: a number, fixed(n), uniform(a,b), exp(");
    refuse("histogram()", DIST_SIZE, "a path");
    refuse("pareto(10)", DIST_SIZE, "too few arguments; allowed: pareto(least,alpha[,max])");
    refuse("pareto(10,0)", DIST_SIZE, "out of range");
    refuse("pareto(10,1,5)", DIST_SIZE, "almost nothing of the curve");
    refuse("zipf(0,1)", DIST_SIZE, "n from 1 to 65536");
    refuse("zipf(1e9,1)", DIST_LIFETIME, "n from 1 to 65536");
    refuse("zipf(10,-1)", DIST_SIZE, "s from 0 to 100");
    refuse("zipf(10,1,1T)", DIST_SIZE, "the largest value");
    refuse("table()", DIST_SIZE, "0 entries with a weight above 0; allowed: 1 to 1048576");
    refuse("table(16)", DIST_SIZE, "entry 1 is not value:weight; allowed: a size of 1 to 1T, a weight of 0 or more");
    refuse("table(16:1,17)", DIST_SIZE, "entry 2");
    refuse("table(16:1,17:-1)", DIST_SIZE, "entry 2");
    refuse("table(16:1:1)", DIST_SIZE, "entry 1");
    refuse("table(0:1)", DIST_SIZE, "entry 1");
    refuse("table(16:1e40)", DIST_SIZE, "entry 1");
    refuse("table(2T:1)", DIST_LIFETIME, "allowed: a lifetime of 0 to 1T");
}

/* ---- drawing ---- */

static int
compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

enum {
    DRAWS = 400000
};
static uint64_t draws[DRAWS];

static void
draw_sorted(const char *text, dist_use_t use) {
    dist_t dist = parse(text, use);
    prng_t prng;
    prng_seed(&prng, 5, 0);
    for (size_t i = 0; i < DRAWS; i++) {
        draws[i] = dist_draw(&dist, prng_next(&prng));
    }
    qsort(draws, DRAWS, sizeof(draws[0]), compare);
}

/* The quantile of the draws lies where the distribution function says, within sampling error. */
static void
assert_quantile(double share, double exact) {
    double half_width = 4 * sqrt(share * (1 - share) / DRAWS); /* in share: 4 standard deviations */
    size_t low = (size_t)fmax(0, (share - half_width) * DRAWS),
           high = (size_t)fmin(DRAWS - 1, (share + half_width) * DRAWS + 1);
    if (exact < (double)draws[low] - 1 || exact > (double)draws[high] + 1) {
        fail_msg("quantile %g: exact %g, drawn %llu .. %llu", share, exact, (unsigned long long)draws[low],
                 (unsigned long long)draws[high]);
    }
}

static void
test_exp_follows_curve(void **state) {
    (void)state;
    static const double shares[] = {0.0001, 0.003, 0.1, 0.5, 0.9, 0.996, 0.9999};
    draw_sorted("exp(100000)", DIST_LIFETIME);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        assert_quantile(shares[i], -1e5 * log(1 - shares[i]));
    }
}

/* z of the standard normal distribution for some shares, from tables. */
static const double normal_shares[] = {0.00135, 0.02275, 0.1587, 0.5, 0.8413, 0.97725, 0.99865};
static const double normal_z[] = {-3, -2, -1, 0, 1, 2, 3};

static void
test_normal_follows_curve(void **state) {
    (void)state;
    draw_sorted("normal(100000,10000)", DIST_SIZE);
    for (size_t i = 0; i < 7; i++) {
        assert_quantile(normal_shares[i], 1e5 + 1e4 * normal_z[i]);
    }
}

static void
test_lognormal_follows_curve(void **state) {
    (void)state;
    draw_sorted("lognormal(10000,0.5)", DIST_SIZE);
    for (size_t i = 0; i < 7; i++) {
        assert_quantile(normal_shares[i], 1e4 * exp(0.5 * normal_z[i]));
    }
}

static void
test_pareto_follows_curve(void **state) {
    (void)state;
    static const double shares[] = {0.0001, 0.1, 0.5, 0.9, 0.99, 0.997, 0.999, 0.9999};
    draw_sorted("pareto(1000,1.5)", DIST_SIZE);
    assert_int_equal(draws[0], 1000);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        assert_quantile(shares[i], 1000 * pow(1 - shares[i], -1 / 1.5));
    }
}

/* ---- the whole curve, by Pearson's test ---- */

enum {
    BINS = 512
};

/* The distribution function of the curves, from the definitions. */
static double
exact_below(const char *curve, double x) {
    switch (curve[0]) {
    case 'e':
        return 1 - exp(-x / 1e6);
    case 'n':
        return 0.5 * erfc(-(x - 1e6) / 1e5 / sqrt(2));
    case 'l':
        return 0.5 * erfc(-log(x / 1e6) / 0.8 / sqrt(2));
    default:
        return x < 1e6 ? 0 : 1 - pow(1e6 / x, 1.2);
    }
}

/*
 * Counts draws in bins, most of them near the ends, and compares each count with the exact share. The statistic has a
 * mean of 511 and a deviation of 32. Seeds are fixed, so this does not fail by chance.
 */
static void
assert_chi_square(const char *text) {
    static uint64_t seen[BINS];
    double edges[BINS + 1];
    draw_sorted(text, DIST_LIFETIME);
    for (int i = 1; i < BINS; i++) { /* most bins near the ends, where the curve bends */
        double share = i < 64 ? (i + 1) * 2.5e-4 : i < 448 ? 0.02 + (i - 64) * 0.96 / 384 : 1 - (BINS - i) * 2.5e-4;
        edges[i] = (double)draws[(size_t)(share * DRAWS)] + 0.5;
    }
    edges[0] = 0, edges[BINS] = 1e18;
    dist_t dist = parse(text, DIST_LIFETIME);
    prng_t prng;
    prng_seed(&prng, 77, 0);
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < DRAWS; i++) {
        double x = (double)dist_draw(&dist, prng_next(&prng));
        int low = 0, high = BINS;
        while (high - low > 1) {
            int middle = (low + high) / 2;
            *(x < edges[middle] ? &high : &low) = middle;
        }
        seen[low]++;
    }
    double chi_square = 0;
    for (int i = 0; i < BINS; i++) {
        double expected = DRAWS * (exact_below(text, edges[i + 1]) - exact_below(text, edges[i]));
        chi_square += pow((double)seen[i] - expected, 2) / fmax(expected, 1);
    }
    if (fabs(chi_square - (BINS - 1)) > 4 * 32) {
        fail_msg("%s: chi-square %.0f of %d bins", text, chi_square, BINS);
    }
}

static void
test_curves_by_chi_square(void **state) {
    (void)state;
    assert_chi_square("exp(1000000)");
    assert_chi_square("normal(1000000,100000)");
    assert_chi_square("lognormal(1000000,0.8)");
    assert_chi_square("pareto(1000000,1.2)");
}

/* Each rank as often as its weight says: chi-square of 100 ranks has a mean of 99 and a deviation of 14. */
static void
test_zipf(void **state) {
    (void)state;
    static uint64_t seen[101];
    double total = 0, chi_square = 0, mean_size = 0;
    draw_sorted("zipf(100,1.1,16)", DIST_SIZE);
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < DRAWS; i++) {
        assert_true(draws[i] % 16 == 0 && draws[i] >= 16 && draws[i] <= 1600);
        seen[draws[i] / 16]++;
    }
    for (int k = 1; k <= 100; k++) {
        total += pow(k, -1.1);
    }
    for (int k = 1; k <= 100; k++) {
        double share = pow(k, -1.1) / total;
        chi_square += pow((double)seen[k] - DRAWS * share, 2) / (DRAWS * share);
        mean_size += 16 * k * share;
    }
    assert_in_range(chi_square, 50, 150);
    assert_true(fabs(mean("zipf(100,1.1,16)", DIST_SIZE) / mean_size - 1) < 1e-9);
    assert_int_equal(draw("zipf(1,1)", DIST_LIFETIME, 12345), 1);
}

static void
test_table(void **state) {
    (void)state;
    draw_sorted("table( 16:700, 1K : 200 ,64K:100, 32:0 )", DIST_SIZE);
    assert_int_equal(draws[(size_t)(DRAWS * 0.69)], 16);
    assert_int_equal(draws[(size_t)(DRAWS * 0.71)], 1024);
    assert_int_equal(draws[(size_t)(DRAWS * 0.89)], 1024);
    assert_int_equal(draws[(size_t)(DRAWS * 0.91)], 65536);
    assert_int_equal(draws[DRAWS - 1], 65536);
    assert_int_equal(draw("table(1k:1)", DIST_LIFETIME, 7), 1000);
    assert_int_equal(draw("table(0:1)", DIST_LIFETIME, 7), 0);
    assert_true(fabs(mean("table(16:700,1K:200,64K:100)", DIST_SIZE) - (0.7 * 16 + 0.2 * 1024 + 0.1 * 65536)) < 1e-6);
}

/* Truncated, not clamped: nothing beyond the bound, and no pile at it. */
static void
test_truncation(void **state) {
    (void)state;
    size_t at_bound = 0;
    draw_sorted("lognormal(1000,1,2000)", DIST_SIZE);
    for (size_t i = 0; i < DRAWS; i++) {
        assert_in_range(draws[i], 1, 2000);
        at_bound += draws[i] == 2000;
    }
    assert_true(at_bound < DRAWS / 1000);
    /* P(x < 1000) of the truncated curve = 0.5 / Phi(ln 2) = 0.5 / 0.75589 */
    assert_quantile(0.5 / 0.75589, 1000);
}

static void
test_mean(void **state) {
    (void)state;
    assert_true(fabs(mean("exp(100000)", DIST_SIZE) - 1e5) < 1e3);
    assert_true(fabs(mean("uniform(1,1M)", DIST_SIZE) - 524288.5) < 100);
    assert_true(mean("fifo(50)", DIST_LIFETIME) == 50);
    assert_true(fabs(mean("exp(100000)", DIST_LIFETIME) / 1e5 - 1) < 1e-3);
    assert_true(fabs(mean("normal(100000,10000)", DIST_LIFETIME) / 1e5 - 1) < 1e-4);
    assert_true(fabs(mean("lognormal(10000,1)", DIST_LIFETIME) / (1e4 * exp(0.5)) - 1) < 1e-3);
    assert_true(fabs(mean("pareto(1000,2)", DIST_LIFETIME) / 2000 - 1) < 1e-3);
    /* Rounded: the sum over k of the share above k - 1/2. */
    assert_true(fabs(mean("exp(2)", DIST_LIFETIME) - exp(-0.25) / (1 - exp(-0.5))) < 2e-3);
    assert_true(isinf(mean("forever", DIST_LIFETIME)));
}

/* Draws are rounded, not cut: the mean of a narrow curve is its middle to a twentieth of a unit. */
static void
test_mean_of_narrow_curves(void **state) {
    (void)state;
    static const char *const texts[] = {"normal(1000,2)", "normal(1000,0.7)", "lognormal(1000,0.002)"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        dist_t dist = parse(texts[i], DIST_SIZE);
        double mean = dist_mean(&dist);
        if (fabs(mean - 1000) > 0.05) {
            fail_msg("the mean of %s is %g", texts[i], mean);
        }
    }
}

/* Draws depend on the random number only. */
static void
test_pure(void **state) {
    (void)state;
    dist_t a = parse("lognormal(64,1.2,4096)", DIST_SIZE), b = parse("lognormal(64,1.2,4K)", DIST_SIZE);
    prng_t prng;
    prng_seed(&prng, 8, 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t random = prng_next(&prng);
        assert_int_equal(dist_draw(&a, random), dist_draw(&b, random));
    }
    uint64_t extremes[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63};
    for (size_t i = 0; i < 5; i++) {
        assert_in_range(dist_draw(&a, extremes[i]), 1, 4096);
    }
}

/* ---- histograms ---- */

static const char *
write_file(const char *text) {
    static char path[] = "/tmp/dist_test_XXXXXX";
    strcpy(path, "/tmp/dist_test_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void
test_histogram(void **state) {
    (void)state;
    char text[128];
    const char *path = write_file("# size count\n16 700\n\n 1K\t200 # a comment\r\n64K 90\n1M 10\n32 0\n");
    snprintf(text, sizeof(text), "histogram(%s)", path);
    draw_sorted(text, DIST_SIZE);
    unlink(path);
    size_t n16 = 0, n1k = 0, n64k = 0, n1m = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        n16 += draws[i] == 16;
        n1k += draws[i] == 1024;
        n64k += draws[i] == 65536;
        n1m += draws[i] == 1 << 20;
    }
    assert_int_equal(n16 + n1k + n64k + n1m, DRAWS);
    assert_in_range(n16, DRAWS * 0.695, DRAWS * 0.705);
    assert_in_range(n1k, DRAWS * 0.195, DRAWS * 0.205);
    assert_in_range(n64k, DRAWS * 0.087, DRAWS * 0.093);
    assert_in_range(n1m, DRAWS * 0.009, DRAWS * 0.011);
}

static void
refuse_file(const char *contents, const char *part) {
    char text[128];
    const char *path = write_file(contents);
    snprintf(text, sizeof(text), "histogram(%s)", path);
    refuse_as(TEXTFILE_WRONG, text, DIST_SIZE, part);
    unlink(path);
}

static void
test_bad_histograms(void **state) {
    (void)state;
    char message[512];
    dist_t dist;
    refuse_file("16 1\nsixteen 1\n", ":2: not a line \"size count\"");
    refuse_file("16\n", ":1: not a line");
    refuse_file("16 -1\n", ":1: not a line");
    refuse_file("16 1 1\n", ":1: not a line");
    refuse_file("0 5\n", "a size of 1 to 1T");
    refuse_file("# nothing\n16 0\n", "has 0 lines");
    refuse_file("", "is empty");
    assert_int_equal(dist_parse(&dist, "histogram(/no/such/file)", DIST_SIZE, &region, message, sizeof(message)),
                     ENOENT);
    assert_string_equal(message, "cannot open /no/such/file: No such file or directory");
}

static void
test_lifetimes_from_a_file(void **state) {
    (void)state;
    char text[128];
    const char *path = write_file("0 1\n1k 3\n");
    snprintf(text, sizeof(text), "histogram(%s)", path);
    assert_true(fabs(mean(text, DIST_LIFETIME) - 750) < 1e-9);
    refuse_as(TEXTFILE_WRONG, text, DIST_SIZE, ":1: not a line \"size count\"; allowed: a size of 1 to 1T");
    unlink(path);
}

static void
test_binary_and_large_files(void **state) {
    (void)state;
    char text[128];
    const char *path = write_file("16 1\n");
    snprintf(text, sizeof(text), "histogram(%s)", path);
    assert_int_equal(truncate(path, 8), 0); /* zero bytes */
    refuse_as(TEXTFILE_WRONG, text, DIST_SIZE, "is a binary file; a text file is needed");
    assert_int_equal(truncate(path, (off_t)1 << 40), 0); /* it has holes */
    refuse_as(TEXTFILE_WRONG, text, DIST_SIZE, "is too large; allowed: at most 64 MiB");
    unlink(path);
    refuse_as(TEXTFILE_WRONG, "histogram(/dev/zero)", DIST_SIZE, "not a regular file");
    refuse_as(TEXTFILE_WRONG, "histogram(/)", DIST_SIZE, "not a regular file");
}

/* Nobody writes to it: that is no reason to wait. */
static void
test_histogram_of_a_fifo(void **state) {
    (void)state;
    char text[128];
    const char *path = write_file("");
    snprintf(text, sizeof(text), "histogram(%s)", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(60);
    refuse_as(TEXTFILE_WRONG, text, DIST_SIZE, "is empty or not a regular file");
    alarm(0);
    unlink(path);
}

static int
free_region(void **state) {
    (void)state;
    region_free(&region);
    return 0;
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fixed_and_uniform),
        cmocka_unit_test(test_lifetimes_only),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_exp_follows_curve),
        cmocka_unit_test(test_normal_follows_curve),
        cmocka_unit_test(test_lognormal_follows_curve),
        cmocka_unit_test(test_pareto_follows_curve),
        cmocka_unit_test(test_curves_by_chi_square),
        cmocka_unit_test(test_zipf),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_mean_of_narrow_curves),
        cmocka_unit_test(test_pure),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_bad_histograms),
        cmocka_unit_test(test_lifetimes_from_a_file),
        cmocka_unit_test(test_binary_and_large_files),
        cmocka_unit_test(test_histogram_of_a_fifo),
    };
    return cmocka_run_group_tests_name("workload/dist", tests, NULL, free_region);
}
