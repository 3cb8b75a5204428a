/* wifilink: a hop that behaves as home Wi-Fi does.
 *
 *   wifilink IF_A IF_B seed_ab=1 seed_ba=2 base_us=1000 jit_us=800 sig=80 stall_hz=0.5 stall_ms=25 loss=5 burst=3
 *
 * It forwards Ethernet frames between two interfaces, in order. Each direction draws by itself, from its own seed:
 *
 *   base_us             the shortest way, in microseconds
 *   jit_us, sig         a log-normal access delay on top: its median in microseconds, its sigma in hundredths
 *   stall_hz, stall_ms  stalls a second and their mean length: everything waits and is then released in a burst
 *   loss, burst         packets lost of a thousand, in bursts of so many on average (Gilbert-Elliott)
 *   asym_us             so much more from A to B
 *
 * What it has carried is written to standard error every 5 s, and how many frames left over 0.5 ms after they were due, and by
 * how much the latest did. Run it at real-time priority: what it is late counts as
 * delay of the link.
 *
 *   gcc -O2 -Wall -Wextra -o wifilink wifilink.c -lm */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#define QUEUE 4096
#define FRAME_BYTES 2048
#define CLOSEST_NS 20000 /* between two frames: about what a full one takes on the air */

typedef struct {
    int64_t due;
    ssize_t length;
    unsigned char bytes[FRAME_BYTES];
} frame_t;

typedef struct {
    int from, to;
    uint64_t random;
    double extra_us;
    frame_t *frames; /* head is the next to leave, tail the next free; both count on for ever */
    uint64_t head, tail;
    int64_t last, stall_end, next_stall;
    bool losing;
    uint64_t carried, lost, overflowed;
    uint64_t delayed; /* left over 0.5 ms after they were due */
    int64_t latest;   /* by how much the latest did */
} direction_t;

static double base_us = 1000, jit_us = 800, sig = 80, stall_hz = 0.5, stall_ms = 25, loss = 5, burst = 3, asym_us = 0;

/* xorshift64*; never 0 */
static double uniform(direction_t *d) {
    d->random ^= d->random >> 12;
    d->random ^= d->random << 25;
    d->random ^= d->random >> 27;
    return ((double)((d->random * 0x2545F4914F6CDD1DULL) >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(direction_t *d) {
    return -log(uniform(d));
}

static double gauss(direction_t *d) {
    double radius = sqrt(2 * exponential(d));
    return radius * cos(2 * M_PI * uniform(d));
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_interface(const char *name) {
    int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1, buffer = 8 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (s < 0 || !address.sll_ifindex || bind(s, (struct sockaddr *)&address, sizeof address) ||
        setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
        setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all)) {
        perror(name);
        exit(1);
    }
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    return s;
}

static bool is_lost(direction_t *d) {
    double share = loss / 1000;
    if (uniform(d) < (d->losing ? 1 / burst : share / (1 - share) / burst))
        d->losing = !d->losing;
    return d->losing;
}

static int64_t arrival(direction_t *d, int64_t t) {
    while (stall_hz > 0 && d->next_stall < t) {
        d->stall_end = d->next_stall + (int64_t)(exponential(d) * stall_ms * 1e6);
        d->next_stall += (int64_t)(exponential(d) / stall_hz * 1e9);
    }
    int64_t at = t + (int64_t)((base_us + d->extra_us + jit_us * exp(gauss(d) * sig / 100)) * 1000);
    if (at < d->stall_end)
        at = d->stall_end;
    if (at < d->last + CLOSEST_NS)
        at = d->last + CLOSEST_NS;
    return d->last = at;
}

static void receive(direction_t *d) {
    for (;;) {
        frame_t *frame = &d->frames[d->tail % QUEUE];
        bool full = d->tail - d->head == QUEUE;
        unsigned char nowhere[FRAME_BYTES];
        ssize_t length = recv(d->from, full ? nowhere : frame->bytes, FRAME_BYTES, MSG_DONTWAIT);
        if (length < 0)
            return;
        d->carried++;
        if (is_lost(d)) {
            d->lost++;
        } else if (full) {
            d->overflowed++;
        } else {
            frame->length = length;
            frame->due = arrival(d, now());
            d->tail++;
        }
    }
}

static void deliver(direction_t *d) {
    for (int64_t t = now(); d->head != d->tail && d->frames[d->head % QUEUE].due <= t; d->head++) {
        frame_t *frame = &d->frames[d->head % QUEUE];
        int64_t late = t - frame->due;
        d->delayed += late > 500000;
        d->latest = late > d->latest ? late : d->latest;
        if (send(d->to, frame->bytes, (size_t)frame->length, 0) < 0)
            d->overflowed++;
    }
}

int main(int count, char **arguments) {
    uint64_t seed_ab = 1, seed_ba = 2;
    struct {
        const char *name;
        double *value;
    } options[] = {{"base_us", &base_us},   {"jit_us", &jit_us}, {"sig", &sig},     {"stall_hz", &stall_hz},
                   {"stall_ms", &stall_ms}, {"loss", &loss},     {"burst", &burst}, {"asym_us", &asym_us}};
    for (int i = 3; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        bool known = false;
        if (equals) {
            *equals = 0;
            for (size_t o = 0; o < sizeof options / sizeof *options; o++)
                if (!strcmp(arguments[i], options[o].name)) {
                    *options[o].value = atof(equals + 1);
                    known = true;
                }
            if (!strcmp(arguments[i], "seed_ab") || !strcmp(arguments[i], "seed_ba")) {
                *(strcmp(arguments[i], "seed_ab") ? &seed_ba : &seed_ab) = strtoull(equals + 1, NULL, 10);
                known = true;
            }
        }
        if (!known) {
            fprintf(stderr, "wifilink: %s is not to be understood\n", arguments[i]);
            return 2;
        }
    }
    if (count < 3 || burst < 1 || loss < 0 || loss >= 1000) {
        fprintf(stderr, "usage: wifilink IF_A IF_B key=value ...; burst is 1 or more, loss below 1000\n");
        return 2;
    }
    /* Nobody would end it if the lab were killed. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int a = open_interface(arguments[1]), b = open_interface(arguments[2]);
    direction_t ways[2] = {{.from = a, .to = b, .random = seed_ab, .extra_us = asym_us},
                           {.from = b, .to = a, .random = seed_ba}};
    for (int i = 0; i < 2; i++) {
        direction_t *d = &ways[i];
        /* Seeds that differ in one bit are to give streams that have nothing in common. */
        d->random = (d->random + 1) * 0x9E3779B97F4A7C15ULL | 1;
        for (int skip = 0; skip < 16; skip++)
            uniform(d);
        d->frames = calloc(QUEUE, sizeof *d->frames);
        if (!d->frames)
            return 1;
        d->next_stall = stall_hz > 0 ? now() + (int64_t)(exponential(d) / stall_hz * 1e9) : INT64_MAX;
    }
    mlockall(MCL_CURRENT);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    for (int64_t said = now();;) {
        int64_t next = 0;
        for (int i = 0; i < 2; i++)
            if (ways[i].head != ways[i].tail) {
                int64_t due = ways[i].frames[ways[i].head % QUEUE].due;
                next = next && next < due ? next : due;
            }
        struct itimerspec at = {.it_value = {next / 1000000000, next % 1000000000}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        struct pollfd fds[3] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {timer, POLLIN, 0}};
        poll(fds, 3, 1000);
        for (int i = 0; i < 2; i++) {
            receive(&ways[i]);
            deliver(&ways[i]);
        }
        if (now() - said > 5000000000LL) {
            said = now();
            for (int i = 0; i < 2; i++)
                fprintf(stderr, "%s carried %lu lost %lu overflowed %lu delayed %lu late_ns %lld\n", i ? "ba" : "ab",
                        ways[i].carried, ways[i].lost, ways[i].overflowed, ways[i].delayed, (long long)ways[i].latest);
        }
    }
}
