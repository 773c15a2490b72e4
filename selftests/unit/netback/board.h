/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A network back end without hypervisor, xenstore, tap or guest: board.c is what
 * it asks of the rest of vmmd, front.c a front end that does what it is told,
 * sense or nonsense, packet.c makes frames and checks what became of them. The
 * test's own thread is vmmd's main thread.
 */
#ifndef UNIT_NETBACK_BOARD_H
#define UNIT_NETBACK_BOARD_H

#include "vm.h"
#include "xen/netback.h"
#include "xen/xen.h"

#define GUEST_PAGES 512U
#define GRANT_BASE  8U /* the first that exists */
#define PORTS	    16U
#define PORT_BASE   3U	/* the first of the front end's */
#define PORT_TAKEN  15U /* another back end's */
#define HDR_LEN	    ETHERPORT_HDR_LEN

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: not true: %s\n", __func__, __LINE__, #cond);              \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* board.c */
extern struct vm vm;
extern struct device *device;
extern struct xenbus_dev *xenbus;   /* NULL when the card is not on the bus */
extern char fail_reason[128];	    /* of xenbus_fail(), "" for none */
extern u8 *guest[GUEST_PAGES];	    /* pages, each granted */
extern bool readonly[GUEST_PAGES];  /* their grants */
extern s64 maps;		    /* grants that are mapped */
extern u32 bound;		    /* ports that are bound */
extern u32 notified[PORTS];	    /* notifications of the back end */
extern int peer;		    /* far end of the card's port */
extern unsigned int tap_offloads;   /* what the tap was told last */
extern bool tap_refuses;	    /* offloads it does not know */
extern bool no_xenbus;		    /* xenbus_add() fails */
extern struct config_vif *card_cfg; /* of the next board_create() */

void board_create(enum net_kind kind);
void board_destroy(void);
void board_turn(void);
void board_restart(void);
void board_notify(u32 port);
void board_wait_idle(void);

void store_clear(void);
void store_set(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *store_get(const char *path);
void front_set(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void front_unset(const char *key);
const char *front_get(const char *key);
const char *back_get(const char *key);
int board_connect(void);
void board_disconnect(void);

/**
 * struct front - a guest's idea of one queue
 * @page: its tx ring's page; the rx ring's is the next
 * @tx: transmit ring
 * @rx: receive ring
 * @tx_port: event channel
 * @rx_port: event channel
 */
struct front {
	u32 page;
	netif_tx_front_ring_t tx;
	netif_rx_front_ring_t rx;
	u32 tx_port;
	u32 rx_port;
};

#define DATA_PAGE 64U  /* pages that frames are sent from */
#define BUF_PAGE  256U /* pages that frames are received into, by the place in the ring */

extern struct front front[NETBACK_QUEUES_MAX];
extern RING_IDX ring_start; /* where the rings of front_rings() begin */

u32 gref(u32 page);
void front_rings(u32 queues, bool split);
void front_features(void);
bool front_up(u32 queues, bool split);
void tx_put(struct front *f, u32 ref, u16 offset, u16 size, u16 flags);
void tx_extra(struct front *f, u8 type, u8 flags, const void *info);
void tx_push(struct front *f);
bool tx_answer(struct front *f, int16_t *status);
bool tx_answers(struct front *f, u32 count, int16_t status);
bool front_rung(u32 port, u32 times);
u32 rx_where(u32 n, u32 packets);
void tx_frame(struct front *f, const u8 *frame, size_t len, u16 flags);
void rx_offer(struct front *f, u32 count);
bool rx_answer(struct front *f, netif_rx_response_t *r);
bool rx_frame(struct front *f, u8 *frame, size_t *len, u16 *flags, struct netif_extra_info *gso);
bool rx_quiet(struct front *f);

/* packet.c */
/**
 * struct packet - a frame with TCP or UDP
 * @data: the frame, with rubbish for a checksum
 * @len: its bytes
 * @l4: offset of the TCP or UDP header
 * @csum: offset of the checksum
 * @ip6: IPv6, or IPv4
 */
struct packet {
	u8 data[65536];
	size_t len;
	u32 l4;
	u32 csum;
	bool ip6;
};

extern struct packet pkt; /* the one at hand */
extern u8 got[65536];	  /* what came of it */

#define PKT_IP6	    1U
#define PKT_UDP	    2U
#define PKT_VLAN    4U
#define PKT_OPTIONS 8U

void packet_make(struct packet *p, u32 what, u32 payload, u16 port);
bool packet_valid(const u8 *frame, size_t len, const struct packet *p);
void packet_complete(u8 *frame, size_t len, const struct virtio_net_hdr *hdr);
bool peer_take(struct virtio_net_hdr *hdr, u8 *frame, size_t *len);
bool peer_quiet(void);
bool peer_give(const struct virtio_net_hdr *hdr, const u8 *frame, size_t len);

void run_tx_tests(void);
void run_rx_tests(void);
void run_hostile_tests(void);
void run_test(const char *name, bool (*fn)(void));
#define TEST(fn) run_test(#fn, fn)

#endif /* UNIT_NETBACK_BOARD_H */
