// SPDX-License-Identifier: GPL-2.0
/* Guest RAM and the one bounds check for it. See memory.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hv.h"
#include "log.h"
#include "memory.h"

/* A huge page maps both sides only when both are aligned to it. */
#define HUGE_PAGE_BYTES (2 * MIB)

static void mem_add(struct guest_mem *m, u64 gpa, u64 len)
{
	if (!len)
		return;
	m->region[m->nr++] = (struct mem_region){
		.gpa = gpa,
		.len = len,
		.host = m->host + m->size,
	};
	m->size += len;
}

int mem_create(struct guest_mem *m, u64 bytes, u64 hole)
{
	u64 low = bytes < MEM_LOW_LIMIT ? bytes : MEM_LOW_LIMIT;
	u64 all = bytes + hole;
	u8 *map, *host;
	int err;

	memset(m, 0, sizeof(*m));
	map = mmap(NULL, all + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED) {
		err = errno;
		log_err("cannot reserve %llu MiB for the guest: %s",
			(unsigned long long)(all / MIB), strerror(err));
		return -err;
	}

	/* Trim the reservation to the aligned part. */
	host = (u8 *)ALIGN_UP((uintptr_t)map, HUGE_PAGE_BYTES);
	if (host > map)
		munmap(map, (size_t)(host - map));
	munmap(host + all, (size_t)(map + HUGE_PAGE_BYTES - host));

	/* Hosts without transparent huge pages refuse; 4 KiB pages do, too. */
	madvise(host, all, MADV_HUGEPAGE);

	m->host = host;
	mem_add(m, 0, low);
	mem_add(m, MEM_PCI32_BASE, hole);
	mem_add(m, MEM_HIGH_BASE, bytes - low);
	return 0;
}

u64 mem_ram(const struct guest_mem *m)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->region[i].gpa != MEM_PCI32_BASE)
			bytes += m->region[i].len;
	return bytes;
}

void mem_destroy(struct guest_mem *m)
{
	if (m->host)
		munmap(m->host, m->size);
	memset(m, 0, sizeof(*m));
}

void mem_discard(struct guest_mem *m)
{
	madvise(m->host, m->size, MADV_DONTNEED);
}

void mem_give_end(const struct guest_mem *m, struct mem_run *run)
{
	void *p = run->len ? mem_range(m, run->gpa, run->len) : NULL;

	if (p)
		madvise(p, run->len, MADV_DONTNEED);
	run->len = 0;
}

void mem_give(const struct guest_mem *m, struct mem_run *run, u64 gpa, u64 len)
{
	if (!mem_range(m, gpa, len))
		return;
	if (run->len && gpa == run->gpa + run->len) {
		run->len += len;
	} else if (run->len && gpa + len == run->gpa) {
		/* Linux takes pages from the top of a block downwards. */
		run->gpa = gpa;
		run->len += len;
	} else {
		mem_give_end(m, run);
		*run = (struct mem_run){.gpa = gpa, .len = len};
	}
}

int mem_register(const struct guest_mem *m, struct hv *hv)
{
	const struct mem_region *r;
	u32 i;
	int ret;

	for (i = 0; i < m->nr; i++) {
		r = &m->region[i];
		ret = hv_set_memslot(hv, i, r->gpa, r->len, r->host, 0);
		if (ret) {
			log_err("%s: cannot map guest memory at %#llx: %s", hv->path,
				(unsigned long long)r->gpa, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

void *mem_range(const struct guest_mem *m, u64 gpa, u64 len)
{
	const struct mem_region *r;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		r = &m->region[i];
		if (gpa >= r->gpa && range_fits(gpa - r->gpa, len, r->len))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

int mem_read(const struct guest_mem *m, u64 gpa, void *buf, size_t len)
{
	const void *src = mem_range(m, gpa, len);

	if (!src)
		return -EFAULT;
	memcpy(buf, src, len);
	return 0;
}

int mem_write(const struct guest_mem *m, u64 gpa, const void *buf, size_t len)
{
	void *dst = mem_range(m, gpa, len);

	if (!dst)
		return -EFAULT;
	memcpy(dst, buf, len);
	return 0;
}
