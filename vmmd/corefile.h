/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core of a guest that has crashed, for on_crash="coredump-destroy" and
 * "coredump-restart". It is where xl's users look for it.
 *
 * Context: main thread.
 */
#ifndef VMMD_COREFILE_H
#define VMMD_COREFILE_H

#include <stdbool.h>

#define CORE_DIR "/var/lib/xen/dump"

struct vm;

/**
 * corefile_open() - open CORE_DIR/NAME if the configuration may ask for a core
 * @vm: being created, outside of the sandbox
 *
 * Inside of it nothing can be made there, so the file is there from the guest's
 * start. What it has from a former crash stays until the next. Who cannot write
 * there is warned.
 */
void corefile_open(struct vm *vm);

/** corefile_close() - the reverse; harmless when not open */
void corefile_close(struct vm *vm);

/**
 * corefile_dump() - begin to write the core
 * @vm: a guest that has ended, powered and paused
 * @done: called when that is over, successful or not (logged); not when the guest
 *	  is powered off before
 *
 * Return: whether it has begun; else the reason was logged.
 */
bool corefile_dump(struct vm *vm, void (*done)(struct vm *vm));

#endif /* VMMD_COREFILE_H */
