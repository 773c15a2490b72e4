/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio devices on a PCI bus without CPU or kernel, and a guest's driver
 * for them that does what it is told, sense or nonsense.
 */
#ifndef UNIT_VIRTIO_BOARD_H
#define UNIT_VIRTIO_BOARD_H

#include "virtio/balloon.h"
#include "virtio/console.h"
#include "virtio/virtio.h"
#include "vm.h"

#define BOARD_RAM  (4 * MIB)
#define BOARD_DISK (1 * MIB)
#define POOL_GPA   0x100000
#define POOL_PAGES 128
#define DRV_QUEUES 8
#define DRV_NUM	   16

enum board_device { DEV_DISK, DEV_CDROM, DEV_NET, DEV_CONSOLE, DEV_RNG, DEV_BALLOON, DEV_COUNT };

/**
 * struct driver - a guest's idea of one queue
 * @dev: device
 * @index: queue
 * @seen: answers taken
 */
struct driver {
	struct virtio_dev *dev;
	u16 index;
	u16 seen;
};

extern struct vm vm;
extern struct virtio_dev *device[DEV_COUNT];
extern int net_peer;	       /* far end of the network card's stream */
extern char console_text[256]; /* what the guest wrote on its console */
extern u32 messages;	       /* MSI-X messages sent */
extern u32 line_raises;	       /* how often INTx rose */
extern const char *disk_path;

void board_create(void);
void board_destroy(void);
void board_pause(void);
void board_resume(void);
void board_reset(void);
size_t board_type(const char *text);

u32 reg_read(struct virtio_dev *dev, u32 off, u32 size);
void reg_write(struct virtio_dev *dev, u32 off, u32 size, u32 value);
u32 cfg_read(struct virtio_dev *dev, u32 off, u32 size);
void cfg_write(struct virtio_dev *dev, u32 off, u32 size, u32 value);
u8 status(struct virtio_dev *dev);

bool drv_negotiate(struct virtio_dev *dev, u64 drop);
void drv_queue(struct virtio_dev *dev, u16 index);
bool drv_up(struct virtio_dev *dev, u64 drop);
struct driver drv(struct virtio_dev *dev, u16 index);

void *ram(u64 gpa);
struct vring_desc *drv_desc(u16 queue, u32 i);
void drv_set(u16 queue, u32 i, u64 gpa, u32 len, u16 flags);
void drv_offer(struct driver *d, u16 head);
void drv_kick(struct driver *d);
bool drv_wait(struct driver *d, u32 *len);

#define REG_CONFIG 0x200
#define REG_ISR	   0x100
#define REG_NOTIFY 0x1000

#endif /* UNIT_VIRTIO_BOARD_H */
