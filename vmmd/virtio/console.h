/* SPDX-License-Identifier: GPL-2.0 */
/* The virtio console, as the rest of vmmd sees it. */
#ifndef VMMD_VIRTIO_CONSOLE_H
#define VMMD_VIRTIO_CONSOLE_H

#include "types.h"

struct console;
struct vcon;
struct vm;

int virtio_console_create(struct vm *vm, struct console *console);
void virtio_console_resize(struct vcon *con, u16 cols, u16 rows);

#endif /* VMMD_VIRTIO_CONSOLE_H */
