// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to memory that is not there: each form of instruction that guests
 * use on devices arrives in user space with its size, direction and value,
 * and the registers are right afterwards.
 *
 * lab: svm-bochs
 */
#include "guest.h"
#include "harness.h"

FIXTURE(mmio)
{
	struct kv_vm *vm;
	struct kv_vcpu *vcpu;
	struct kvm_run *run;
};

FIXTURE_SETUP(mmio)
{
	self->vm = kv_vm_new(0);
	self->vcpu = kv_vcpu_new(self->vm, 0);
	self->run = self->vcpu->run;
}

FIXTURE_TEARDOWN(mmio)
{
	kv_vcpu_free(self->vcpu);
	kv_vm_free(self->vm);
}

static void expect_write(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 gpa, u32 len,
			 u64 value)
{
	u64 seen = 0;

	ASSERT_EXIT(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(1, vcpu->run->mmio.is_write);
	ASSERT_EQ(gpa, vcpu->run->mmio.phys_addr);
	ASSERT_EQ(len, vcpu->run->mmio.len);
	memcpy(&seen, vcpu->run->mmio.data, len);
	ASSERT_EQ(value, seen);
}

static void expect_read(struct __test_metadata *_metadata, struct kv_vcpu *vcpu, u64 gpa, u32 len,
			u64 value)
{
	ASSERT_EXIT(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(0, vcpu->run->mmio.is_write);
	ASSERT_EQ(gpa, vcpu->run->mmio.phys_addr);
	ASSERT_EQ(len, vcpu->run->mmio.len);
	memcpy(vcpu->run->mmio.data, &value, len);
}

/* Run text with RBX = KV_MMIO, RAX = start, then report RAX. */
#define FORM(name, start, text)                                                                    \
	static __guest void name(void)                                                             \
	{                                                                                          \
		u64 rax = (start);                                                                 \
                                                                                                   \
		asm volatile(text : "+a"(rax) : "b"(KV_MMIO) : "rcx", "rdx", "memory", "cc");      \
		guest_sync2(1, rax, 0);                                                            \
		guest_done();                                                                      \
	}

#define START 0x8877665544332211UL

FORM(store8, START, "movb %%al, (%%rbx)")
FORM(store_high, START, "movb %%ah, 1(%%rbx)")
FORM(store16, START, "movw %%ax, 2(%%rbx)")
FORM(store32, START, "movl %%eax, 4(%%rbx)")
FORM(store64, START, "movq %%rax, 8(%%rbx)")
FORM(store_r15, START,
     "movq %%rax, %%rcx; xchg %%rcx, %%r15;"
     "movl %%r15d, 0x10(%%rbx); mov %%rcx, %%r15")
FORM(store_imm8, START, "movb $0x7f, 0x11(%%rbx)")
FORM(store_imm16, START, "movw $0x1234, 0x12(%%rbx)")
FORM(store_imm32, START, "movl $0x12345678, 0x14(%%rbx)")
FORM(store_imm64, START, "movq $-2, 0x18(%%rbx)")
FORM(store_index, START, "mov $4, %%ecx; movl %%eax, 0x20(%%rbx, %%rcx, 8)")
FORM(store_moffs, START, "movabs %%eax, 0xd0000040")
FORM(store_addr32, START, "movl %%eax, 0x44(%%ebx)")
FORM(store_movnti, START, "movnti %%eax, 0x48(%%rbx)")

TEST_F(mmio, stores)
{
	static const struct {
		const void *fn;
		u64 offset;
		u32 len;
		u64 value;
	} forms[] = {
		{store8, 0, 1, 0x11},
		{store_high, 1, 1, 0x22},
		{store16, 2, 2, 0x2211},
		{store32, 4, 4, 0x44332211},
		{store64, 8, 8, START},
		{store_r15, 0x10, 4, 0x44332211},
		{store_imm8, 0x11, 1, 0x7f},
		{store_imm16, 0x12, 2, 0x1234},
		{store_imm32, 0x14, 4, 0x12345678},
		{store_imm64, 0x18, 8, (u64)-2},
		{store_index, 0x40, 4, 0x44332211},
		{store_moffs, 0x40, 4, 0x44332211},
		{store_addr32, 0x44, 4, 0x44332211},
		{store_movnti, 0x48, 4, 0x44332211},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		kv_enter(self->vcpu, forms[i].fn, 0, 0);
		expect_write(_metadata, self->vcpu, KV_MMIO + forms[i].offset, forms[i].len,
			     forms[i].value);
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(START, self->vcpu->last.a);
	}
}

FORM(load8, ~0UL, "movb (%%rbx), %%al")
FORM(load_high, ~0UL, "movb (%%rbx), %%ah")
FORM(load16, ~0UL, "movw (%%rbx), %%ax")
FORM(load32, ~0UL, "movl (%%rbx), %%eax")
FORM(load64, ~0UL, "movq (%%rbx), %%rax")
FORM(load_zx8, ~0UL, "movzbl (%%rbx), %%eax")
FORM(load_zx8w, ~0UL, "movzbw (%%rbx), %%ax")
FORM(load_zx16, ~0UL, "movzwl (%%rbx), %%eax")
FORM(load_zx16q, ~0UL, "movzwq (%%rbx), %%rax")
FORM(load_sx8, 0, "movsbl (%%rbx), %%eax")
FORM(load_sx8q, 0, "movsbq (%%rbx), %%rax")
FORM(load_sx16, 0, "movswl (%%rbx), %%eax")
FORM(load_sx32, 0, "movslq (%%rbx), %%rax")
FORM(load_moffs, ~0UL, "movabs 0xd0000000, %%eax")
FORM(load_lods, ~0UL, "xchg %%rsi, %%rbx; lodsl; xchg %%rsi, %%rbx; sub $4, %%rbx")

TEST_F(mmio, loads)
{
	static const struct {
		const void *fn;
		u32 len;
		u64 device, rax;
	} forms[] = {
		{load8, 1, 0x81, 0xffffffffffffff81},
		{load_high, 1, 0x81, 0xffffffffffff81ff},
		{load16, 2, 0x8182, 0xffffffffffff8182},
		{load32, 4, 0x81828384, 0x81828384},
		{load64, 8, START, START},
		{load_zx8, 1, 0x81, 0x81},
		{load_zx8w, 1, 0x81, 0xffffffffffff0081},
		{load_zx16, 2, 0x8182, 0x8182},
		{load_zx16q, 2, 0x8182, 0x8182},
		{load_sx8, 1, 0x81, 0xffffff81},
		{load_sx8q, 1, 0x81, 0xffffffffffffff81},
		{load_sx16, 2, 0x8182, 0xffff8182},
		{load_sx32, 4, 0x81828384, 0xffffffff81828384},
		{load_moffs, 4, 0x81828384, 0x81828384},
		{load_lods, 4, 0x81828384, 0x81828384},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		kv_enter(self->vcpu, forms[i].fn, 0, 0);
		expect_read(_metadata, self->vcpu, KV_MMIO, forms[i].len, forms[i].device);
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(forms[i].rax, self->vcpu->last.a)
		{
			TH_LOG("form %zu", i);
		}
	}
}

FORM(alu_or, 0x0f0f0f0f, "orl %%eax, (%%rbx)")
FORM(alu_and, 0x0f0f0f0f, "andl %%eax, (%%rbx)")
FORM(alu_xor_imm, 0, "xorl $0xff, (%%rbx)")
FORM(alu_add_imm8, 0, "addw $-1, (%%rbx)")
FORM(alu_sub, 1, "subb %%al, (%%rbx)")
FORM(alu_xchg, 0x55667788, "xchgl %%eax, (%%rbx)")
FORM(alu_bts, 0, "btsl $4, (%%rbx)")
FORM(alu_btr, 0, "btrl $0, (%%rbx)")
FORM(alu_lock, 0x10, "lock orl %%eax, (%%rbx)")

TEST_F(mmio, read_modify_write)
{
	static const struct {
		const void *fn;
		u32 len;
		u64 before, after, rax;
	} forms[] = {
		{alu_or, 4, 0x11223341, 0x1f2f3f4f, 0x0f0f0f0f},
		{alu_and, 4, 0x11223344, 0x01020304, 0x0f0f0f0f},
		{alu_xor_imm, 4, 0x11223344, 0x112233bb, 0},
		{alu_add_imm8, 2, 0x2000, 0x1fff, 0},
		{alu_sub, 1, 0x80, 0x7f, 1},
		{alu_xchg, 4, 0x11223344, 0x55667788, 0x11223344},
		{alu_bts, 4, 0x11223301, 0x11223311, 0},
		{alu_btr, 4, 0x11223301, 0x11223300, 0},
		{alu_lock, 4, 1, 0x11, 0x10},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		kv_enter(self->vcpu, forms[i].fn, 0, 0);
		expect_read(_metadata, self->vcpu, KV_MMIO, forms[i].len, forms[i].before);
		expect_write(_metadata, self->vcpu, KV_MMIO, forms[i].len, forms[i].after);
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(forms[i].rax, self->vcpu->last.a);
	}
}

/* The flags of a comparison with device memory decide a jump. */
FORM(test_zero, 0, "testl $0x80, (%%rbx); setz %%al")
FORM(test_reg, 0x80, "testb %%al, (%%rbx); setnz %%al")
FORM(cmp_imm, 0, "cmpl $0x1234, (%%rbx); sete %%al")
FORM(cmp_below, 0x10, "cmpl (%%rbx), %%eax; setb %%al")
FORM(bit_test, 0, "btl $3, (%%rbx); setc %%al")

TEST_F(mmio, comparisons)
{
	static const struct {
		const void *fn;
		u32 len;
		u64 device, rax;
	} forms[] = {
		{test_zero, 4, 0x7f, 1}, {test_zero, 4, 0x80, 0}, {test_reg, 1, 0x80, 1},
		{test_reg, 1, 0x7f, 0},	 {cmp_imm, 4, 0x1234, 1}, {cmp_imm, 4, 0x1235, 0},
		{cmp_below, 4, 0x11, 1}, {cmp_below, 4, 0x10, 0}, {bit_test, 4, 8, 1},
		{bit_test, 4, 7, 0},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		kv_enter(self->vcpu, forms[i].fn, 0, 0);
		expect_read(_metadata, self->vcpu, KV_MMIO, forms[i].len, forms[i].device);
		ASSERT_SYNC(self->vcpu, 1);
		EXPECT_EQ(forms[i].rax, self->vcpu->last.a & 0xff)
		{
			TH_LOG("form %zu", i);
		}
	}
}

/* Strings between a device and RAM, in both directions. */
static __guest void strings(void)
{
	u64 to = KV_MMIO, from = KV_DATA, count = 5;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	guest_equal(to, KV_MMIO + 5);
	guest_equal(count, 0);
	to = KV_DATA + 0x100;
	from = KV_MMIO + 0x100;
	count = 3;
	asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	guest_equal(from, KV_MMIO + 0x10c);
	to = KV_MMIO + 0x200;
	count = 4;
	asm volatile("rep stosw" : "+D"(to), "+c"(count) : "a"(0xabcd) : "memory");
	guest_equal(to, KV_MMIO + 0x208);
	guest_sync(1);
	guest_done();
}

TEST_F(mmio, strings)
{
	u8 *data = kv_gpa(self->vm, KV_DATA, 0x1000);
	u64 i;

	memcpy(data, "hello", 5);
	kv_enter(self->vcpu, strings, 0, 0);
	for (i = 0; i < 5; i++)
		expect_write(_metadata, self->vcpu, KV_MMIO + i, 1, data[i]);
	for (i = 0; i < 3; i++)
		expect_read(_metadata, self->vcpu, KV_MMIO + 0x100 + 4 * i, 4, 0x1000 + i);
	for (i = 0; i < 4; i++)
		expect_write(_metadata, self->vcpu, KV_MMIO + 0x200 + 2 * i, 2, 0xabcd);
	ASSERT_SYNC(self->vcpu, 1);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0x1000 + i, *(u32 *)(data + 0x100 + 4 * i));
}

/* Without paging, with a segment base, with 16-bit addresses. */
GUEST_BLOB(code32, ".code32\n"
		   "mov $0xd0000010, %ebx\n movl $0x11223344, 4(%ebx)\n movzbl (%ebx), %eax\n"
		   "outl %eax, $0xf0\n xor %eax, %eax\n outl %eax, $0xf1\n");
GUEST_BLOB(code16, ".code16\n"
		   "mov $0x8000, %bx\n mov $0x10, %si\n movw $0x4711, %es:2(%bx, %si)\n"
		   "movzbl %es:(%bx), %eax\n outl %eax, $0xf0\n"
		   "xor %eax, %eax\n outl %eax, $0xf1\n");

TEST_F(mmio, protected_32)
{
	KV_LOAD_BLOB(self->vm, KV_CODE, code32);
	kv_enter_mode(self->vcpu, KV_PROT32, KV_CODE, 0, 0);
	expect_write(_metadata, self->vcpu, 0xd0000014, 4, 0x11223344);
	expect_read(_metadata, self->vcpu, 0xd0000010, 1, 9);
	ASSERT_SYNC(self->vcpu, 9);
	ASSERT_DONE(self->vcpu);
}

TEST_F(mmio, real)
{
	struct kvm_sregs sregs;

	KV_LOAD_BLOB(self->vm, 0x8000, code16);
	kv_enter_mode(self->vcpu, KV_REAL, 0x8000, 0, 0);
	sregs = kv_sregs(self->vcpu);
	sregs.es.selector = 0x1000;
	sregs.es.base = 0xd0000000;
	kv_set_sregs(self->vcpu, &sregs);
	expect_write(_metadata, self->vcpu, 0xd0008012, 2, 0x4711);
	expect_read(_metadata, self->vcpu, 0xd0008000, 1, 3);
	ASSERT_SYNC(self->vcpu, 3);
	ASSERT_DONE(self->vcpu);
}

/* A page of the guest's that maps device memory elsewhere. */
static __guest void remapped(void)
{
	write32(KV_DATA + 0x10, 5);
	guest_sync2(1, read32(KV_DATA + 0x14), 0);
	guest_done();
}

TEST_F(mmio, through_page_tables)
{
	kv_enter(self->vcpu, remapped, 0, 0);
	kv_map(self->vm, KV_DATA, 0x1d0005000, 4096, KV_PTE_P | KV_PTE_W);
	expect_write(_metadata, self->vcpu, 0x1d0005010, 4, 5);
	expect_read(_metadata, self->vcpu, 0x1d0005014, 4, 6);
	ASSERT_SYNC(self->vcpu, 1);
	EXPECT_EQ(6, self->vcpu->last.a);
}

/* Writes to read-only memory are the device's, reads are RAM's. */
static __guest void rom(u64 at)
{
	guest_equal(read32(at), 0x600dc0de);
	write32(at, 1);
	guest_equal(read32(at), 0x600dc0de);
	guest_done();
}

TEST_F(mmio, read_only_slot)
{
	u32 *page = kv_mmap(2 << 20);

	*page = 0x600dc0de;
	ASSERT_EQ(0, kv_slot(self->vm, 1, 0x40000000, 4096, page, KVM_MEM_READONLY));
	kv_enter(self->vcpu, rom, 0x40000000, 0);
	expect_write(_metadata, self->vcpu, 0x40000000, 4, 1);
	ASSERT_DONE(self->vcpu);
	EXPECT_EQ(0x600dc0de, *page);
}

TEST_HARNESS_MAIN
