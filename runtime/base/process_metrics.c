/* process_metrics.c - what this process takes of the machine, read from /proc when the page is made. */
#include "runtime/base/process_metrics.h"

#include "runtime/base/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void add(weir_buf *page, const char *name, const char *type, const char *help, double value)
{
    metrics_family(page, name, type, help);
    metrics_sample(page, name, NULL, 0, value);
}

/* Resident pages are the second number of this file. */
static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    const char *second;
    double pages = 0;

    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL && (second = strchr(line, ' ')) != NULL)
        for (second++; *second >= '0' && *second <= '9'; second++)
            pages = pages * 10 + (*second - '0');
    (void)fclose(file); /* was only read */
    return pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the folder itself */

    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder); /* was only read */
    return count;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void process_metrics_collect(void *version, weir_buf *page)
{
    struct rusage usage = {0};
    struct rlimit limit = {0};

    (void)getrusage(RUSAGE_SELF, &usage); /* with these arguments neither can fail */
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    metrics_family(page, "weir_build_info", "gauge", "1; the label says which version runs.");
    metrics_sample(page, "weir_build_info", &(metric_label){"version", weir_cstr(version)}, 1, 1);
    add(page, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
        resident_bytes());
    add(page, "process_cpu_seconds_total", "counter",
        "Total user and system CPU time spent in seconds.",
        seconds(usage.ru_utime) + seconds(usage.ru_stime));
    add(page, "process_open_fds", "gauge", "Number of open file descriptors.", open_files());
    add(page, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
        (double)limit.rlim_cur);
}
