/* Starts a program as execvp(3) finds it: a script without `#!` is one for the shell. In place of posix_spawn, which does not
 * know such scripts and cannot let a program find a signal ignored that the caller does not ignore. */
#ifndef CSTART_H
#define CSTART_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* `blocked` are the signals that it finds blocked; SIGPIPE and SIGCHLD it finds ignored or as by default. Returns its PID,
 * or -1 with errno. */
pid_t cstart(char *const arguments[], const sigset_t *blocked, bool ignores_pipe, bool ignores_child);

#endif
