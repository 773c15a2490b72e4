/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest that speaks to Xen finds behind its hypercalls: event channels
 * and grants on vmmd's side. The shim (shim/) keeps the tables in guest memory;
 * here they are read, as hostile as any guest memory, for the back ends.
 *
 * Domain 0 is vmmd. A back end connects to a port that the guest has allocated
 * for it, and reaches memory by grant references that the guest has given out.
 */
#ifndef VMMD_XEN_H
#define VMMD_XEN_H

#include "types.h"

struct loop;
struct vm;
struct xen;
struct xenstore;

/* Ports are those of 2-level event channels (xen/event_channel.h). */
#define XEN_PORTS 4096

/* The guest's domain id, as it sees it: it is alone with vmmd, domain 0. */
#define XEN_DOMID 1

/** xen_store() - the guest's xenstore */
struct xenstore *xen_store(struct xen *xen);

/** typedef xen_event_fn - the guest has notified a port */
typedef void (*xen_event_fn)(void *opaque);

/**
 * xen_evtchn_bind() - listen to a port of the guest
 * @xen: the guest's Xen side
 * @port: number that the guest has given, as hostile as it likes
 * @loop: whose thread calls @fn
 * @fn: called after one or more notifications
 * @opaque: its argument
 *
 * Context: main thread. Return: 0; -EINVAL for no such port, -EBUSY when
 * another back end has it, or what the hypervisor answers.
 */
int xen_evtchn_bind(struct xen *xen, u32 port, struct loop *loop, xen_event_fn fn, void *opaque);

/**
 * xen_evtchn_unbind() - stop listening
 * @xen: the guest's Xen side
 * @port: bound by this caller
 *
 * When it returns the callback is not running and will not start again; the
 * rules of loop_del_fd() apply. Context: main thread.
 */
void xen_evtchn_unbind(struct xen *xen, u32 port);

/**
 * xen_evtchn_notify() - make a port pending in the guest
 * @xen: the guest's Xen side
 * @port: a bound port
 *
 * Context: any thread.
 */
void xen_evtchn_notify(struct xen *xen, u32 port);

/**
 * xen_grant_map() - take hold of a page that the guest has granted
 * @xen: the guest's Xen side
 * @ref: grant reference, as hostile as the guest likes
 * @write: the back end is going to write
 *
 * The page stays shared with the running guest. While it is held the grant is
 * marked as in use, so that the guest's end of access fails, as under Xen.
 * Context: any thread. Return: host pointer to the page, or NULL when the
 * reference is none, not for domain 0, read-only, names no RAM, or by version 2 is
 * one for a part of a page or for another domain's page.
 */
void *xen_grant_map(struct xen *xen, u32 ref, bool write);

/**
 * xen_grant_unmap() - let go of it
 * @xen: the guest's Xen side
 * @ref: mapped by xen_grant_map()
 * @write: as it was mapped
 *
 * Context: any thread.
 */
void xen_grant_unmap(struct xen *xen, u32 ref, bool write);

#endif /* VMMD_XEN_H */
