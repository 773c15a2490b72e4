// SPDX-License-Identifier: GPL-2.0
/* Event loops. See loop.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "thread.h"

#define LOOP_BATCH 16

/**
 * struct loop_source - a watched descriptor
 * @fd: the descriptor
 * @fn: called when it is ready; constant
 * @opaque: argument of @fn; constant
 * @dead: deleted; freed once no epoll batch can name it
 * @next: in the loop's list of live or of dead sources
 */
struct loop_source {
	int fd;
	loop_fd_fn fn;
	void *opaque;
	bool dead;
	struct loop_source *next;
};

struct loop_job {
	loop_fn fn;
	void *opaque;
	struct loop_job *next;
};

struct loop_timer {
	struct loop *loop;
	int fd;
	loop_fn fn;
	void *opaque;
};

/**
 * struct loop - see loop.h
 * @epoll_fd: constant
 * @wake_fd: eventfd: @jobs or @stop changed; constant
 * @lock: guards what follows
 * @idle: signalled when @running becomes NULL
 * @sources: watched descriptors
 * @dead: deleted ones, freed by the loop's thread between batches
 * @running: source whose callback is being called
 * @runner: thread in loop_run(), valid when @has_runner
 * @jobs: posted functions, oldest first
 * @jobs_end: where the next one is linked
 * @stop: loop_run() is to return
 * @thread: made by loop_start_thread(), valid when @threaded
 */
struct loop {
	int epoll_fd;
	int wake_fd;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct loop_source *sources;
	struct loop_source *dead;
	struct loop_source *running;
	pthread_t runner;
	bool has_runner;
	struct loop_job *jobs;
	struct loop_job **jobs_end;
	bool stop;
	pthread_t thread;
	bool threaded;
};

struct loop *loop_create(void)
{
	struct epoll_event wake = {.events = EPOLLIN};
	struct loop *loop;

	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return NULL;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->idle, NULL);
	loop->jobs_end = &loop->jobs;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake)) {
		int err = errno;

		loop_destroy(loop);
		errno = err;
		return NULL;
	}
	return loop;
}

static void loop_free_sources(struct loop_source *src)
{
	struct loop_source *next;

	for (; src; src = next) {
		next = src->next;
		free(src);
	}
}

void loop_destroy(struct loop *loop)
{
	struct loop_job *job;

	if (!loop)
		return;
	loop_free_sources(loop->sources);
	loop_free_sources(loop->dead);
	while ((job = loop->jobs)) {
		loop->jobs = job->next;
		free(job);
	}
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	pthread_cond_destroy(&loop->idle);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static struct loop_source **loop_find(struct loop *loop, int fd)
{
	struct loop_source **link;

	for (link = &loop->sources; *link; link = &(*link)->next)
		if ((*link)->fd == fd)
			return link;
	return NULL;
}

int loop_add_fd(struct loop *loop, int fd, u32 events, loop_fd_fn fn, void *opaque)
{
	struct loop_source *src;
	struct epoll_event ev;
	int ret = 0;

	src = calloc(1, sizeof(*src));
	if (!src)
		return -ENOMEM;
	src->fd = fd;
	src->fn = fn;
	src->opaque = opaque;
	ev.events = events;
	ev.data.ptr = src;

	pthread_mutex_lock(&loop->lock);
	if (loop_find(loop, fd))
		ret = -EEXIST;
	else if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		ret = -errno;
	if (!ret) {
		src->next = loop->sources;
		loop->sources = src;
	}
	pthread_mutex_unlock(&loop->lock);
	if (ret)
		free(src);
	return ret;
}

int loop_mod_fd(struct loop *loop, int fd, u32 events)
{
	struct loop_source **link;
	struct epoll_event ev;
	int ret = -ENOENT;

	pthread_mutex_lock(&loop->lock);
	link = loop_find(loop, fd);
	if (link) {
		ev.events = events;
		ev.data.ptr = *link;
		ret = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
	}
	pthread_mutex_unlock(&loop->lock);
	return ret;
}

void loop_del_fd(struct loop *loop, int fd)
{
	struct loop_source **link, *src;

	pthread_mutex_lock(&loop->lock);
	link = loop_find(loop, fd);
	if (link) {
		src = *link;
		*link = src->next;
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		src->dead = true;
		src->next = loop->dead;
		loop->dead = src;
		if (loop->has_runner && !pthread_equal(loop->runner, pthread_self()))
			while (loop->running == src)
				pthread_cond_wait(&loop->idle, &loop->lock);
	}
	pthread_mutex_unlock(&loop->lock);
}

static void loop_wake(struct loop *loop)
{
	u64 one = 1;

	/* A full counter wakes as well as a fresh one. */
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

int loop_post(struct loop *loop, loop_fn fn, void *opaque)
{
	struct loop_job *job;

	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->fn = fn;
	job->opaque = opaque;
	pthread_mutex_lock(&loop->lock);
	*loop->jobs_end = job;
	loop->jobs_end = &job->next;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
	return 0;
}

void loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
}

static void loop_run_jobs(struct loop *loop)
{
	struct loop_job *job, *next;
	u64 count;

	if (read(loop->wake_fd, &count, sizeof(count)) < 0)
		return;

	pthread_mutex_lock(&loop->lock);
	job = loop->jobs;
	loop->jobs = NULL;
	loop->jobs_end = &loop->jobs;
	pthread_mutex_unlock(&loop->lock);

	for (; job; job = next) {
		next = job->next;
		job->fn(job->opaque);
		free(job);
	}
}

static void loop_call(struct loop *loop, struct loop_source *src, u32 events)
{
	bool dead;

	pthread_mutex_lock(&loop->lock);
	dead = src->dead;
	if (!dead)
		loop->running = src;
	pthread_mutex_unlock(&loop->lock);
	if (dead)
		return;

	src->fn(src->opaque, events);

	pthread_mutex_lock(&loop->lock);
	loop->running = NULL;
	pthread_cond_broadcast(&loop->idle);
	pthread_mutex_unlock(&loop->lock);
}

/* Between batches nothing names a dead source any more. */
static bool loop_next_batch(struct loop *loop)
{
	struct loop_source *dead;
	bool stop;

	pthread_mutex_lock(&loop->lock);
	dead = loop->dead;
	loop->dead = NULL;
	stop = loop->stop;
	pthread_mutex_unlock(&loop->lock);
	loop_free_sources(dead);
	return !stop;
}

void loop_run(struct loop *loop)
{
	struct epoll_event ev[LOOP_BATCH];
	int i, n;

	pthread_mutex_lock(&loop->lock);
	loop->runner = pthread_self();
	loop->has_runner = true;
	pthread_mutex_unlock(&loop->lock);

	while (loop_next_batch(loop)) {
		n = epoll_wait(loop->epoll_fd, ev, LOOP_BATCH, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				loop_call(loop, ev[i].data.ptr, ev[i].events);
			else
				loop_run_jobs(loop);
		}
	}

	pthread_mutex_lock(&loop->lock);
	loop->has_runner = false;
	loop->stop = false;
	pthread_mutex_unlock(&loop->lock);
}

static void loop_thread(void *opaque)
{
	loop_run(opaque);
}

int loop_start_thread(struct loop *loop, const char *name)
{
	int ret;

	ret = thread_start(&loop->thread, name, ROLE_IO, loop_thread, loop);
	loop->threaded = !ret;
	return ret;
}

void loop_stop_thread(struct loop *loop)
{
	if (!loop->threaded)
		return;
	loop_stop(loop);
	pthread_join(loop->thread, NULL);
	loop->threaded = false;
}

static void loop_timer_ready(void *opaque, u32 events)
{
	struct loop_timer *timer = opaque;
	u64 expiries;

	(void)events;
	/* Disarmed between epoll_wait() and here: nothing to read, no call. */
	if (read(timer->fd, &expiries, sizeof(expiries)) == sizeof(expiries))
		timer->fn(timer->opaque);
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *opaque)
{
	struct loop_timer *timer;
	int ret;

	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return NULL;
	timer->loop = loop;
	timer->fn = fn;
	timer->opaque = opaque;
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->fd < 0) {
		free(timer);
		return NULL;
	}
	ret = loop_add_fd(loop, timer->fd, EPOLLIN, loop_timer_ready, timer);
	if (ret) {
		close(timer->fd);
		free(timer);
		errno = -ret;
		return NULL;
	}
	return timer;
}

void loop_timer_set(struct loop_timer *timer, u64 delay_ns, u64 period_ns)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(delay_ns / NSEC_PER_SEC),
		.it_value.tv_nsec = (long)(delay_ns % NSEC_PER_SEC),
		.it_interval.tv_sec = (time_t)(period_ns / NSEC_PER_SEC),
		.it_interval.tv_nsec = (long)(period_ns % NSEC_PER_SEC),
	};

	timerfd_settime(timer->fd, 0, &when, NULL);
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_del_fd(timer->loop, timer->fd);
	close(timer->fd);
	free(timer);
}

u64 loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * NSEC_PER_SEC + (u64)now.tv_nsec;
}
