/* States of the test's own process that Swift cannot make: the calls are variadic, hidden, or in no library. */
#ifndef STATES_H
#define STATES_H

#include <stddef.h>
#include <sys/types.h>

/* A memfd of huge pages of 2^page_shift bytes, `length` bytes long: it has no page and reserves none. -1 with errno. */
int states_hugetlb_memfd(const char *name, unsigned page_shift, off_t length);

/* An io_uring with `count` registered buffers of `length` bytes, one after the other. -1 with errno. */
int states_io_uring(void *buffers, size_t length, unsigned count);

/* An io_uring with `slots` places for buffers and one buffer, in place `used`. -1 with errno: EINVAL before 5.19. */
int states_sparse_io_uring(void *buffer, size_t length, unsigned slots, unsigned used);

/* Sends `descriptor` over a UNIX socket, with one byte. 0, or -1 with errno. */
int states_send(int socket, int descriptor);

/* A thread that waits until states_end_thread. Where `kept`, above 0, is a descriptor, the thread has a table of its
 * own with nothing else in it; where it is -1 it shares the table of all. Its id, or -1 with errno. There is one at a
 * time for each `number` from 0 to 3. */
pid_t states_begin_thread(unsigned number, int kept);
void states_end_thread(unsigned number);

#endif
