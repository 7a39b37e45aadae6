/* Forks, leaves its session and exits, over and over, so that no list of processes
 * that anybody makes is true for long. Ignores TERM and HUP.
 *
 *   hopper MICROSECONDS [sibling]
 *
 * MICROSECONDS is the rest between two hops. With "sibling" each hop makes a sibling
 * in place of a child: the new process has the parent of the old one. Ends by itself
 * after 60 seconds, or 10,000 hops: each leaves a zombie, and ids are not endless. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pid_t hop(int sibling) {
    if (!sibling) return fork();
    return syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

int main(int count, char **words) {
    long rest = count > 1 ? atol(words[1]) : 0;
    int sibling = count > 2;
    time_t end = time(NULL) + 60;
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_NAME, "hopper");
    for (int each = 0; each < 64; each++) close(each);
    for (int hops = 0; hops < 10000 && time(NULL) < end; hops++) {
        pid_t child = hop(sibling);
        if (child > 0) _exit(0);
        if (child == 0) setsid();
        if (rest) usleep(rest);
    }
    return 0;
}
