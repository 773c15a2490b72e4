/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An event loop: file descriptors by epoll, timers by timerfd, and functions
 * posted from other threads. The main loop serves the control socket, the
 * consoles and signals; I/O threads each own one more.
 */
#ifndef VMMD_LOOP_H
#define VMMD_LOOP_H

#include <sys/epoll.h>
#include "types.h"

struct loop;
struct loop_timer;

/** typedef loop_fd_fn - a descriptor is ready; @events as epoll reports them */
typedef void (*loop_fd_fn)(void *opaque, u32 events);
/** typedef loop_fn - a posted function or an expired timer */
typedef void (*loop_fn)(void *opaque);

/**
 * loop_create() - make a loop nobody runs yet
 * Return: the loop, or NULL with errno set.
 */
struct loop *loop_create(void);

/** loop_destroy() - free a loop that no thread runs; NULL is ignored */
void loop_destroy(struct loop *loop);

/**
 * loop_add_fd() - watch a descriptor
 * @loop: the loop that will call @fn
 * @fd: not watched by this loop yet; stays owned by the caller
 * @events: EPOLLIN, EPOLLOUT, ... (level triggered unless EPOLLET)
 * @fn: called in the loop's thread
 * @opaque: its argument
 *
 * Context: any thread.
 * Return: 0, -EEXIST when watched already, or another negative errno.
 */
int loop_add_fd(struct loop *loop, int fd, u32 events, loop_fd_fn fn, void *opaque);

/**
 * loop_mod_fd() - change the events of a watched descriptor
 * Return: 0, or -ENOENT when it is not watched.
 */
int loop_mod_fd(struct loop *loop, int fd, u32 events);

/**
 * loop_del_fd() - stop watching; before the descriptor is closed
 * @loop: the loop
 * @fd: watched or not
 *
 * When this returns the callback is not running and will not start again,
 * save when called from inside a callback of the same loop.
 * Context: any thread; from outside the loop's thread no lock may be held
 * that a callback of this loop takes.
 */
void loop_del_fd(struct loop *loop, int fd);

/**
 * loop_post() - run a function once in the loop's thread, soon
 * @loop: the loop
 * @fn: the function
 * @opaque: its argument
 *
 * Context: any thread, including the loop's own.
 * Return: 0 or -ENOMEM.
 */
int loop_post(struct loop *loop, loop_fn fn, void *opaque);

/** loop_run() - serve events in this thread until loop_stop() */
void loop_run(struct loop *loop);

/** loop_stop() - make loop_run() return; any thread, also before it began */
void loop_stop(struct loop *loop);

/**
 * loop_start_thread() - run a loop in an I/O thread of its own
 * @loop: a loop nobody runs
 * @name: thread name for ps and top, 15 bytes at most
 *
 * The thread blocks all signals and enters sandbox role ROLE_IO first.
 * Return: 0 or a negative errno.
 */
int loop_start_thread(struct loop *loop, const char *name);

/** loop_stop_thread() - loop_stop() and join; harmless when not started */
void loop_stop_thread(struct loop *loop);

/**
 * loop_timer_create() - a one-shot or periodic CLOCK_MONOTONIC timer, unarmed
 * @loop: whose thread calls @fn
 * @fn: the function
 * @opaque: its argument
 *
 * Return: the timer, or NULL with errno set.
 */
struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *opaque);

/**
 * loop_timer_set() - arm or disarm
 * @timer: the timer
 * @delay_ns: nanoseconds from now until the first expiry; 0 disarms
 * @period_ns: nanoseconds between further expiries; 0 for a single one
 *
 * Context: any thread.
 */
void loop_timer_set(struct loop_timer *timer, u64 delay_ns, u64 period_ns);

/** loop_timer_destroy() - rules of loop_del_fd(); NULL is ignored */
void loop_timer_destroy(struct loop_timer *timer);

/** loop_now_ns() - CLOCK_MONOTONIC in nanoseconds */
u64 loop_now_ns(void);

#endif /* VMMD_LOOP_H */
