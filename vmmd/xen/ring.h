/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What xen/io/ring.h wants of whoever includes it, before any of Xen's headers:
 * the version of the interface, whose names for barriers are left to us.
 */
#ifndef VMMD_XEN_RING_H
#define VMMD_XEN_RING_H

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#define xen_mb()		  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()		  __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()		  __atomic_thread_fence(__ATOMIC_RELEASE)

#endif /* VMMD_XEN_RING_H */
