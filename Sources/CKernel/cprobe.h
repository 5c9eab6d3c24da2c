/* Within the child of cplace.h. A function that returns a text returns what was refused, with errno, which is 0 where no
 * call failed; NULL where all went well. */
#ifndef CPROBE_H
#define CPROBE_H

#include "cplace.h"

#include <stddef.h>

/* A record of the job at hand, sent by and by. */
void cplace_add(enum cplace_kind kind, uint64_t value);
void cplace_add_text(enum cplace_kind kind, const char *text, size_t length);
/* Sends what was added. */
void cplace_send(void);

/* Writes the digits of a number, in base 10 or 16. Returns their end. */
char *cplace_append(char *end, uint64_t value, unsigned base);

/* Records the figures and pages of a file, which `descriptor` may lead to with O_PATH. */
const char *cprobe_file(int descriptor, uint64_t most_probes);
/* Records the page size of the filesystem that `descriptor`, which may be of O_PATH, leads to. */
const char *cprobe_filesystem(int descriptor);

#endif
