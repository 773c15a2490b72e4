// SPDX-License-Identifier: GPL-2.0
/* See thread.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "log.h"
#include "thread.h"
#include "types.h"

#define THREAD_STACK_BYTES (512 * KIB)

struct thread_arg {
	char name[16];
	enum sandbox_role role;
	void (*fn)(void *opaque);
	void *opaque;
};

static void *thread_main(void *opaque)
{
	struct thread_arg arg = *(struct thread_arg *)opaque;

	free(opaque);
	pthread_setname_np(pthread_self(), arg.name);
	/* Half a sandbox is none: a thread that cannot enter it must not run. */
	if (sandbox_thread(arg.role))
		abort();
	arg.fn(arg.opaque);
	return NULL;
}

int thread_start(pthread_t *thread, const char *name, enum sandbox_role role, void (*fn)(void *),
		 void *opaque)
{
	struct thread_arg *arg;
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	arg = malloc(sizeof(*arg));
	if (!arg)
		return -ENOMEM;
	snprintf(arg->name, sizeof(arg->name), "%s", name);
	arg->role = role;
	arg->fn = fn;
	arg->opaque = opaque;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, &attr, thread_main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err) {
		free(arg);
		log_err("cannot start thread %s: %s", name, strerror(err));
	}
	return -err;
}
