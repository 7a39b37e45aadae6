/* The machine's ceiling: how many commands a second can be started, read and reaped.
 *
 * usage: ceiling WORKERS SECONDS
 *
 * Each worker is a thread that does one command after the other: posix_spawn of
 * `sh -c true`, two pipes read to their ends, wait. Nothing else is done, so no server
 * that does the same for its clients can be faster.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORKERS = 64 };

extern char **environ;
static double seconds;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static void read_to_end(int descriptor)
{
    static __thread char buffer[65536];
    while (read(descriptor, buffer, sizeof buffer) > 0)
        ;
    close(descriptor);
}

static void one_command(void)
{
    char *arguments[] = {"/bin/sh", "-c", "true", NULL};
    int out[2], err[2], status;
    pid_t pid;
    posix_spawn_file_actions_t actions;

    check(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe2");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    check(posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environ) == 0,
          "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    read_to_end(out[0]);
    read_to_end(err[0]);
    check(waitpid(pid, &status, 0) == pid && status == 0, "waitpid");
}

static void *work(void *count)
{
    double end = now() + seconds;
    while (now() < end) {
        one_command();
        ++*(long *)count;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static long counts[MOST_WORKERS][16]; /* a cache line for each */
    pthread_t threads[MOST_WORKERS];
    int workers = argc == 3 ? atoi(argv[1]) : 0;
    long count = 0;
    double start = now();

    seconds = argc == 3 ? atof(argv[2]) : 0;
    if (workers < 1 || workers > MOST_WORKERS || seconds <= 0) {
        fprintf(stderr, "usage: ceiling WORKERS SECONDS\n");
        return 2;
    }
    for (int i = 0; i < workers; i++)
        check(pthread_create(&threads[i], NULL, work, counts[i]) == 0, "pthread_create");
    for (int i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
        count += counts[i][0];
    }
    printf("{\"count\": %ld, \"per_second\": %.1f}\n", count,
           (double)count / (now() - start));
    return 0;
}
