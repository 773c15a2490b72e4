/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Figures of this machine.
 */
#ifndef HVCTL_HOST_H
#define HVCTL_HOST_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct host - what /proc says
 * @cpus: online CPUs
 * @total_bytes: memory
 * @free_bytes: memory that could be had without swapping
 * @busy_ns: CPU time spent on anything but idling, all CPUs together
 * @mhz: clock of the first CPU, 0 when unknown
 * @model: CPU's name
 * @svm: the CPU has AMD SVM
 * @vmx: the CPU has Intel VMX
 * @npt: second-level paging
 */
struct host {
	size_t cpus;
	uint64_t total_bytes;
	uint64_t free_bytes;
	uint64_t busy_ns;
	double mhz;
	char model[64];
	int svm;
	int vmx;
	int npt;
};

/** host_get - read them; what cannot be read is 0 */
void host_get(struct host *host);

#endif /* HVCTL_HOST_H */
