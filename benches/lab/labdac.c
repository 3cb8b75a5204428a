/* labdac: an ALSA output whose converter is a model. Any program that plays through ALSA can be measured on it.
 *
 *   pcm_type.labdac { lib "/path/libasound_module_pcm_labdac.so" }
 *   pcm.room1 { type labdac  out "/tmp/room1"  ppm 40.0  quantum 48  control "/tmp/room1.gone" }
 *
 *   out       OUT.raw gets every frame as negotiated, OUT.log the instant of each unbroken run of frames
 *   ppm       the converter consumes frames at rate * (1 + ppm / 1e6) of CLOCK_MONOTONIC           (0)
 *   quantum   its position moves in steps of so many frames                                        (1)
 *   control   while this file exists the device is unplugged: a running stream ends as one on a USB card does, and
 *             opening gives ENODEV. A file that says "busy" leaves a running stream alone; opening gives EBUSY (put
 *             it there by renaming: an empty file unplugs)
 *   format, channels, rate   take only this one, as plain hardware does                            (any)
 *
 * The log: "seg <first frame in OUT.raw> <t0 ns> <rate> <ppm> <format> <channels>" when a run starts: its frame k left
 * the converter at t0 + k / (rate * (1 + ppm / 1e6)); and "stop <ns> <frames emitted> <frames written>" when it ends.
 *
 * As hardware does, it refuses to start empty, and stops when its position passes what was written.
 *
 *   gcc -O2 -Wall -Wextra -shared -fPIC -DPIC -o libasound_module_pcm_labdac.so labdac.c -lasound */
#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    snd_pcm_ioplug_t io;
    double ppm;
    uint64_t quantum;
    char *control;
    FILE *raw, *log;
    int timer;
    size_t frame_bytes;
    uint64_t first;   /* the frame of the file at which this run begins */
    uint64_t written; /* frames of this run */
    int64_t t0;
    int64_t looked; /* when it was looked for the control file last */
    bool running, gone;
} dac_t;

static int64_t now(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t); /* the true clock, whatever labclock tells the player */
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double frames_per_ns(const dac_t *d) {
    return d->io.rate * (1.0 + d->ppm * 1e-6) * 1e-9;
}

static uint64_t position(const dac_t *d) {
    double frames = (double)(now() - d->t0) * frames_per_ns(d);
    uint64_t whole = frames > 0 ? (uint64_t)frames : 0;
    return whole - whole % d->quantum;
}

/* What the control file says of the device: 0, -ENODEV or -EBUSY. */
static int presence(const dac_t *d) {
    char word[5] = "";
    FILE *file = d->control ? fopen(d->control, "r") : NULL;
    if (!file)
        return 0;
    bool busy = fread(word, 1, 4, file) == 4 && !strcmp(word, "busy");
    fclose(file);
    return busy ? -EBUSY : -ENODEV;
}

static void end_run(dac_t *d) {
    if (!d->running)
        return;
    d->running = false;
    uint64_t emitted = position(d);
    int64_t end = now();
    if (emitted >= d->written) { /* it ran empty, and nobody looked until now */
        emitted = d->written;
        int64_t empty = d->t0 + (int64_t)((double)d->written / frames_per_ns(d));
        end = empty < end ? empty : end;
    }
    fprintf(d->log, "stop %lld %llu %llu\n", (long long)end, (unsigned long long)emitted,
            (unsigned long long)d->written);
    fflush(d->log);
}

/* Notices that the device was unplugged. The player's audio thread waits meanwhile, and a file may be far away (9p). */
static bool gone(dac_t *d) {
    int64_t t = now();
    if (d->gone || t - d->looked < 20000000)
        return d->gone;
    d->looked = t;
    if (presence(d) == -ENODEV) {
        end_run(d);
        d->gone = true;
    }
    return d->gone;
}

static int on_start(snd_pcm_ioplug_t *io) {
    dac_t *d = io->private_data;
    if (gone(d))
        return -ENODEV;
    if (!d->written)
        return -EPIPE;
    d->t0 = now();
    d->running = true;
    fprintf(d->log, "seg %llu %lld %u %.6f %s %u\n", (unsigned long long)d->first, (long long)d->t0, io->rate, d->ppm,
            snd_pcm_format_name(io->format), io->channels);
    fflush(d->log);
    return 0;
}

static int on_stop(snd_pcm_ioplug_t *io) {
    end_run(io->private_data);
    return 0;
}

/* A device that is opened again goes on in the same recording. */
static int on_prepare(snd_pcm_ioplug_t *io) {
    dac_t *d = io->private_data;
    if (gone(d))
        return -ENODEV;
    end_run(d);
    d->frame_bytes = snd_pcm_format_physical_width(io->format) / 8 * io->channels;
    d->first = ftello(d->raw) / d->frame_bytes;
    d->written = 0;
    return 0;
}

static snd_pcm_sframes_t on_pointer(snd_pcm_ioplug_t *io) {
    dac_t *d = io->private_data;
    if (gone(d)) {
        /* Every negative answer means an overrun to alsa-lib, so -ENODEV would not get through. */
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
        return io->hw_ptr % io->buffer_size;
    }
    if (!d->running)
        return io->hw_ptr % io->buffer_size;
    uint64_t frames = position(d);
    if (frames > d->written)
        return -EPIPE;
    return frames % io->buffer_size;
}

static snd_pcm_sframes_t on_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                     snd_pcm_uframes_t offset, snd_pcm_uframes_t frames) {
    dac_t *d = io->private_data;
    if (d->gone)
        return -ENODEV;
    const char *from = (const char *)areas[0].addr + (areas[0].first + areas[0].step * offset) / 8;
    if (fwrite(from, d->frame_bytes, frames, d->raw) != frames)
        return -EIO;
    d->written += frames;
    return frames;
}

static int on_poll(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *events) {
    dac_t *d = io->private_data;
    uint64_t ticks;
    if (count && fds[0].revents & POLLIN && read(d->timer, &ticks, sizeof ticks) < 0)
        *events = 0; /* another thread took the tick */
    snd_pcm_sframes_t room = snd_pcm_avail_update(io->pcm);
    *events = room < 0 || (snd_pcm_uframes_t)room >= io->period_size ? POLLOUT : 0;
    if (room < 0 || d->gone)
        *events |= d->gone ? POLLERR | POLLNVAL : POLLERR;
    return 0;
}

static void destroy(dac_t *d) {
    if (d->raw)
        fclose(d->raw);
    if (d->log)
        fclose(d->log);
    if (d->timer >= 0)
        close(d->timer);
    free(d->control);
    free(d);
}

static int on_close(snd_pcm_ioplug_t *io) {
    end_run(io->private_data);
    destroy(io->private_data);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {.start = on_start,
                                                    .stop = on_stop,
                                                    .pointer = on_pointer,
                                                    .transfer = on_transfer,
                                                    .prepare = on_prepare,
                                                    .poll_revents = on_poll,
                                                    .close = on_close};

static FILE *append_to(const char *out, const char *suffix) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s.%s", out, suffix);
    FILE *file = length < (int)sizeof path ? fopen(path, "a") : NULL;
    if (file) {
        setvbuf(file, NULL, _IOFBF, 1 << 16);
        fseek(file, 0, SEEK_END); /* so that ftello is right before the first write */
    }
    return file;
}

/* One value or, when none was asked for, all of them. */
static int allow(dac_t *d, int parameter, long only, const unsigned *all, unsigned count) {
    unsigned one = (unsigned)only;
    return snd_pcm_ioplug_set_param_list(&d->io, parameter, only < 0 ? count : 1, only < 0 ? all : &one);
}

static int set_limits(dac_t *d, long format, long channels, long rate) {
    static const unsigned accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
    static const unsigned formats[] = {SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S24_LE, SND_PCM_FORMAT_S32_LE,
                                       SND_PCM_FORMAT_FLOAT_LE};
    static const unsigned channel_counts[] = {1, 2};
    static const unsigned rates[] = {44100, 48000, 88200, 96000, 192000};
    int err = allow(d, SND_PCM_IOPLUG_HW_ACCESS, -1, accesses, 2);
    if (!err)
        err = allow(d, SND_PCM_IOPLUG_HW_FORMAT, format, formats, 4);
    if (!err)
        err = allow(d, SND_PCM_IOPLUG_HW_CHANNELS, channels, channel_counts, 2);
    if (!err)
        err = allow(d, SND_PCM_IOPLUG_HW_RATE, rate, rates, 5);
    if (!err)
        err = snd_pcm_ioplug_set_param_minmax(&d->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 128, 1 << 18);
    if (!err)
        err = snd_pcm_ioplug_set_param_minmax(&d->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 512, 1 << 21);
    if (!err)
        err = snd_pcm_ioplug_set_param_minmax(&d->io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
    return err;
}

SND_PCM_PLUGIN_DEFINE_FUNC(labdac) {
    (void)root;
    snd_config_iterator_t i, next;
    const char *out = NULL, *control = NULL, *format = NULL;
    double ppm = 0;
    long quantum = 1, channels = -1, rate = -1;
    snd_config_for_each(i, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        int err = 0;
        if (snd_config_get_id(entry, &id) < 0 || !strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint"))
            continue;
        if (!strcmp(id, "out"))
            err = snd_config_get_string(entry, &out);
        else if (!strcmp(id, "control"))
            err = snd_config_get_string(entry, &control);
        else if (!strcmp(id, "format"))
            err = snd_config_get_string(entry, &format);
        else if (!strcmp(id, "ppm"))
            err = snd_config_get_ireal(entry, &ppm);
        else if (!strcmp(id, "quantum"))
            err = snd_config_get_integer(entry, &quantum);
        else if (!strcmp(id, "channels"))
            err = snd_config_get_integer(entry, &channels);
        else if (!strcmp(id, "rate"))
            err = snd_config_get_integer(entry, &rate);
        else
            err = -EINVAL;
        if (err < 0) {
            SNDERR("labdac: field %s is unknown or of the wrong type", id);
            return -EINVAL;
        }
    }
    long only_format = format ? (long)snd_pcm_format_value(format) : -1;
    if (!out || stream != SND_PCM_STREAM_PLAYBACK || (format && only_format < 0))
        return -EINVAL;

    dac_t *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->ppm = ppm;
    d->quantum = quantum > 0 ? quantum : 1;
    d->control = control ? strdup(control) : NULL;
    d->timer = -1;
    int err = control && !d->control ? -ENOMEM : presence(d);
    if (!err) {
        d->raw = append_to(out, "raw");
        d->log = append_to(out, "log");
        d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        struct itimerspec every_ms = {{0, 1000000}, {0, 1000000}};
        if (!d->raw || !d->log || d->timer < 0 || timerfd_settime(d->timer, 0, &every_ms, NULL) < 0)
            err = -errno;
    }
    if (!err) {
        d->io.version = SND_PCM_IOPLUG_VERSION;
        d->io.name = "lab DAC";
        d->io.callback = &callbacks;
        d->io.private_data = d;
        d->io.poll_fd = d->timer;
        d->io.poll_events = POLLIN;
        err = snd_pcm_ioplug_create(&d->io, name, stream, mode);
    }
    if (err) {
        destroy(d);
        return err;
    }
    err = set_limits(d, only_format, channels, rate);
    if (err) {
        snd_pcm_ioplug_delete(&d->io); /* closes, which destroys */
        return err;
    }
    *pcmp = d->io.pcm;
    return 0;
}
SND_PCM_PLUGIN_SYMBOL(labdac);
