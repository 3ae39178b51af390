/* What pid 1 of a sandbox tells its caller at the end. Shared by init.c, which has no libc, and
   process.c. */
#ifndef MOONSAND_STATUS_H
#define MOONSAND_STATUS_H

#include <stdint.h>

/* Signals to pid 1 that are not passed on: stop, or continue, all processes inside. */
enum { STOP_ALL = 40, CONTINUE_ALL = 41 };

typedef struct Ended {
  int32_t status; /* of the program, as wait4(2) gives it */
  int32_t leftovers; /* processes that were still there, and were killed */
  int64_t user_us, system_us; /* of all processes that were waited for */
  int64_t max_rss_kib; /* of the largest */
  int64_t read_blocks, written_blocks; /* of 512 bytes, from and to disks */
} Ended;

#endif
