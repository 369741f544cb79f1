/* Adds FSYNC_DELAY_US microseconds to every fsync and fdatasync: a slower disk, for LD_PRELOAD.
   gcc -O2 -shared -fPIC -o slow_fsync.so slow_fsync.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int delayed(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *delay = getenv("FSYNC_DELAY_US");
    if (delay != NULL) usleep((useconds_t)atoi(delay));
    return real(descriptor);
}

int fsync(int descriptor) { return delayed("fsync", descriptor); }
int fdatasync(int descriptor) { return delayed("fdatasync", descriptor); }
