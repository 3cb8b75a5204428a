/* labclock: gives one process a crystal of its own.
 *
 *   LD_PRELOAD=/path/labclock.so LABCLOCK="offset_s=1234.5 raw_ppm=37 wander_ppm=2 period_s=3600" player ...
 *
 *   offset_s, raw_ppm       CLOCK_MONOTONIC_RAW is shifted by so much and runs so much fast
 *   wander_ppm, period_s    and a slow sine is added to its rate
 *   mono_ppm                CLOCK_MONOTONIC runs fast, too, counted from the start of the process (sleeps to an
 *                           absolute time then end up to that much off). Without it, it stays as it is on a machine
 *                           that NTP keeps on rate
 *
 * All are 0 unless given, period_s 3600. The wall clock and sleeping are left alone. labdac reads the true clock by
 * system call, so recordings of different processes stay comparable.
 *
 *   gcc -O2 -Wall -Wextra -shared -fPIC -o labclock.so labclock.c -lm -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double offset_s, raw_ppm, mono_ppm, wander_ppm, period_s, start;

static double true_seconds(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
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
    mono_ppm = option("mono_ppm=", 0);
    wander_ppm = option("wander_ppm=", 0);
    period_s = option("period_s=", 3600);
    start = true_seconds();
}

/* How far the process's clock is ahead of the true one, in seconds. */
static double ahead(clockid_t id) {
    double t = true_seconds() - start;
    if (id == CLOCK_MONOTONIC)
        return t * mono_ppm * 1e-6;
    /* The integral of the rate error. */
    double wander = wander_ppm * period_s / (2 * M_PI) * (1 - cos(2 * M_PI * t / period_s));
    return offset_s + (t * raw_ppm + wander) * 1e-6;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, out);
    if (status || (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_RAW))
        return status;
    long long ns = out->tv_sec * 1000000000LL + out->tv_nsec + (long long)(ahead(id) * 1e9);
    out->tv_sec = ns / 1000000000LL;
    out->tv_nsec = ns % 1000000000LL;
    return 0;
}
