/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Confinement of vmmd: what a guest gains by taking over its VMM.
 *
 * sandbox_enter() runs once, on the main thread, after all that needs a path
 * or a privilege is open and before any other thread exists: namespaces are
 * per thread, and each thread inherits what its creator had. sandbox_thread()
 * then narrows each thread to its role. The filter of ROLE_MAIN allows what
 * any role needs, because filters only ever add up and the main thread starts
 * the others, once more at each restart of the guest.
 */
#ifndef VMMD_SANDBOX_H
#define VMMD_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

enum sandbox_role {
	ROLE_MAIN,   /* event loop: control socket, console, timers, restart */
	ROLE_VCPU,   /* KVM_RUN and the device registers it traps on */
	ROLE_IO,     /* one queue's data plane: io_uring, tap, eventfds */
	ROLE_READER, /* child process that looks for a kernel on the guest's disk */
};

/**
 * struct sandbox_params - what to become
 * @enabled: false for --no-sandbox: every call here does nothing
 * @change_user: root starts the guest: become @uid
 * @uid: user and group id to become; see runtime_claim_uid()
 * @log_fd: where a violation is told
 */
struct sandbox_params {
	bool enabled;
	bool change_user;
	uid_t uid;
	int log_fd;
};

/**
 * sandbox_enter - give up all that a running guest does not need
 * @params: what to become; copied
 *
 * New mount, network, IPC, UTS and, without root, user name spaces; an empty
 * read-only root; another user id; no capabilities and no way to get any; no
 * core dump that would hold guest memory; limits; the filter of ROLE_MAIN.
 * Where the system denies name spaces to ordinary users that step is skipped
 * with a line in the log; any other failure is an error.
 *
 * Context: main thread, no other thread exists, restart included.
 * Return: 0 or a negative errno, told in the log.
 */
int sandbox_enter(const struct sandbox_params *params);

/**
 * sandbox_thread - narrow the calling thread to @role
 * @role: all but ROLE_MAIN
 *
 * The first thing that a thread calls, and the last that a child process does
 * before it meets what may take it over. A system call outside the role is
 * told in the log by name and ends the process by SIGSYS.
 */
int sandbox_thread(enum sandbox_role role);

#endif /* VMMD_SANDBOX_H */
