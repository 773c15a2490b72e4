// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's kernel had in its registers. See dump.h.
 *
 * A vCPU that has nothing to do, or has ended, is inside of the shim. For a
 * hypercall the stubs leave what the guest needs to go on at the end of the vCPU's
 * own stack (entry.S); a crash leaves struct shim_crash.
 */
#include <string.h>

#include "vm.h"
#include "xen/dump.h"
#include "xen/xen_internal.h"

/* What stub_syscall pushes, from the last word to the first. */
struct hypercall_frame {
	u64 r9, r8, r10, rdx, rsi, rdi, rip, rflags, rsp;
};

/* GPA of a part of a vCPU's own pages. */
static u64 part_of(const struct xen *xen, u32 id, u64 offset)
{
	return xen->places.vcpus + id * (SHIM_VCPU_END - SHIM_GDT_RESERVED) + offset -
	       SHIM_GDT_RESERVED;
}

static bool in_shim(u64 rip)
{
	return rip >> 39 == SHIM_VA >> 39;
}

static void from_crash(const struct xen *xen, u32 id, struct cpu_user_regs *r)
{
	struct shim_crash c;

	if (mem_read(&xen->vm->mem, part_of(xen, id, SHIM_VCPU_CRASH), &c, sizeof(c)))
		return;
	r->r15 = c.r15;
	r->r14 = c.r14;
	r->r13 = c.r13;
	r->r12 = c.r12;
	r->rbp = c.rbp;
	r->rbx = c.rbx;
	r->r11 = c.r11;
	r->r10 = c.r10;
	r->r9 = c.r9;
	r->r8 = c.r8;
	r->rax = c.rax;
	r->rcx = c.rcx;
	r->rdx = c.rdx;
	r->rsi = c.rsi;
	r->rdi = c.rdi;
	r->rip = c.rip;
	r->cs = (u16)c.cs;
	r->rflags = c.rflags;
	r->rsp = c.rsp;
	r->ss = (u16)c.ss;
}

/* Those that C code keeps are the shim's. */
static void from_hypercall(const struct xen *xen, u32 id, struct cpu_user_regs *r)
{
	u64 end = SHIM_VCPU_VA + id * SHIM_VCPU_STRIDE + SHIM_VCPU_END;
	struct hypercall_frame f;

	if (r->rsp >= end || r->rsp < end - (SHIM_VCPU_END - SHIM_VCPU_STACK))
		return;
	if (mem_read(&xen->vm->mem, part_of(xen, id, SHIM_VCPU_END - sizeof(f)), &f, sizeof(f)) ||
	    !f.rip || in_shim(f.rip))
		return;
	r->r11 = f.rflags;
	r->r10 = f.r10;
	r->r9 = f.r9;
	r->r8 = f.r8;
	r->rcx = f.rip;
	r->rdx = f.rdx;
	r->rsi = f.rsi;
	r->rdi = f.rdi;
	r->rip = f.rip;
	r->rflags = f.rflags;
	r->rsp = f.rsp;
}

int dump_regs(struct vm *vm, u32 id, vcpu_guest_context_t *c)
{
	const struct xen *xen = vm->xen;
	struct cpu_user_regs *r = &c->user_regs;
	struct kvm_regs regs;
	struct kvm_sregs s;
	int ret;

	ret = hv_ioctl(vm->vcpu[id].fd, KVM_GET_REGS, &regs);
	if (!ret)
		ret = hv_ioctl(vm->vcpu[id].fd, KVM_GET_SREGS, &s);
	if (ret)
		return ret;
	memset(c, 0, sizeof(*c));
	*r = (struct cpu_user_regs){
		.r15 = regs.r15,
		.r14 = regs.r14,
		.r13 = regs.r13,
		.r12 = regs.r12,
		.rbp = regs.rbp,
		.rbx = regs.rbx,
		.r11 = regs.r11,
		.r10 = regs.r10,
		.r9 = regs.r9,
		.r8 = regs.r8,
		.rax = regs.rax,
		.rcx = regs.rcx,
		.rdx = regs.rdx,
		.rsi = regs.rsi,
		.rdi = regs.rdi,
		.rip = regs.rip,
		.cs = s.cs.selector,
		.rflags = regs.rflags,
		.rsp = regs.rsp,
		.ss = s.ss.selector,
		.es = s.es.selector,
		.ds = s.ds.selector,
		.fs = s.fs.selector,
		.gs = s.gs.selector,
	};
	if (in_shim(regs.rip)) {
		if (__atomic_load_n(&xen->crashed, __ATOMIC_RELAXED) >> id & 1)
			from_crash(xen, id, r);
		else
			from_hypercall(xen, id, r);
	}
	c->flags = VGCF_online | (r->cs & 3 ? 0 : VGCF_in_kernel);
	c->fs_base = s.fs.base;
	c->gs_base_kernel = s.gs.base;
	c->ctrlreg[0] = s.cr0;
	c->ctrlreg[2] = s.cr2;
	c->ctrlreg[3] = s.cr3;
	c->ctrlreg[4] = s.cr4;
	return 0;
}
