/* labclock: gives one process a crystal of its own.
 *
 *   LD_PRELOAD=/path/labclock.so LABCLOCK="offset_s=1234.5 raw_ppm=37 wander_ppm=2 period_s=3600" player ...
 *
 *   offset_s, raw_ppm       CLOCK_MONOTONIC_RAW is shifted by so much and runs so much fast
 *   wander_ppm, period_s    and a slow sine is added to its rate
 *   mono=1                  CLOCK_MONOTONIC runs and wanders with it, though without the shift: for a player that steers
 *                           by that clock, on a machine without NTP. Waits until an instant of it are put right as far
 *                           as they go through pthread_cond_clockwait and clock_nanosleep. Without this, it stays as it
 *                           is on a machine that NTP keeps on rate
 *   only=NAME               only the thread of this name has that crystal, all others the true clock. What such a
 *                           process learns of another machine's clock is then the true clock's, which that thread takes
 *                           for its own crystal's: the fault of an estimator that always says zero
 *
 * All are 0 unless given, period_s 3600. The wall clock and sleeping are left alone. labdac reads the true clock by
 * system call, so recordings of different processes stay comparable.
 *
 *   gcc -O2 -Wall -Wextra -shared -fPIC -o labclock.so labclock.c -lm -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static double offset_s, raw_ppm, wander_ppm, period_s, start;
static bool mono;
static char only[16];

/* The C library's own, which needs no system call: a player is not to pay for the instrument. */
static int real_gettime(clockid_t id, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return real(id, out);
}

static double true_seconds(void) {
    struct timespec now;
    real_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static double option(const char *name, double otherwise) {
    const char *text = getenv("LABCLOCK");
    const char *found = text ? strstr(text, name) : NULL;
    return found ? atof(found + strlen(name)) : otherwise;
}

__attribute__((constructor)) static void configure(void) {
    offset_s = option("offset_s=", 0);
    raw_ppm = option("raw_ppm=", 0);
    mono = option("mono=", 0) != 0;
    wander_ppm = option("wander_ppm=", 0);
    period_s = option("period_s=", 3600);
    const char *text = getenv("LABCLOCK"), *name = text ? strstr(text, "only=") : NULL;
    if (name)
        sscanf(name, "only=%15s", only);
    start = true_seconds();
}

/* Whether the calling thread has the true clock. A thread's name is asked for once it has been given one. */
static bool is_true(void) {
    static __thread char name[16];
    if (!*only)
        return false;
    if (strcmp(name, only))
        prctl(PR_GET_NAME, name);
    return strcmp(name, only) != 0;
}

/* How far the process's clock is ahead of the true one, in nanoseconds. */
static long long ahead(clockid_t id) {
    if ((id != CLOCK_MONOTONIC_RAW && !(mono && id == CLOCK_MONOTONIC)) || is_true())
        return 0;
    double t = true_seconds() - start;
    /* The integral of the rate error. */
    double wander = wander_ppm * period_s / (2 * M_PI) * (1 - cos(2 * M_PI * t / period_s));
    double shift_s = id == CLOCK_MONOTONIC_RAW ? offset_s : 0;
    return (long long)((shift_s + (t * raw_ppm + wander) * 1e-6) * 1e9);
}

static void add(struct timespec *time, long long ns) {
    ns += time->tv_sec * 1000000000LL + time->tv_nsec;
    time->tv_sec = ns / 1000000000LL;
    time->tv_nsec = ns % 1000000000LL;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    int status = real_gettime(id, out);
    if (!status)
        add(out, ahead(id));
    return status;
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t id,
                           const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (!real)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_cond_clockwait");
    struct timespec true_until = *until;
    add(&true_until, -ahead(id));
    return real(condition, mutex, id, &true_until);
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *left) {
    static int (*real)(clockid_t, int, const struct timespec *, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, int, const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "clock_nanosleep");
    struct timespec true_time = *time;
    if (flags & TIMER_ABSTIME)
        add(&true_time, -ahead(id));
    return real(id, flags, &true_time, left);
}
