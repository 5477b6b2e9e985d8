// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's page in xAPIC mode: the instruction that touched it is read, decoded and carried out. */
#include "core/guest_mem.h"
#include "core/log.h"
#include "guest/guest.h"
#include "guest/insn.h"
#include "guest/lapic.h"

#define CS_DEFAULT_32	0x400	/* the D bit, as segments are packed in struct zendo_segment */

/* The instruction at RIP, from a copy of its bytes; @ret_n: how many could be read. */
static bool at_rip(struct vcpu *v, uint8_t buf[INSN_MAX], unsigned int *ret_n, struct insn_mem *ret)
{
	enum insn_mode mode = INSN_64;
	uint64_t rip = v->regs.rip;
	struct paging_state ps;
	struct zendo_sregs s;

	ops->paging(v, &ps);
	if (!ps.code64) {
		ops->sregs_get(v, &s);
		mode = s.seg[ZSEG_CS].attr & CS_DEFAULT_32 ? INSN_32 : INSN_16;
		rip = (uint32_t)(s.seg[ZSEG_CS].base + rip);
	}
	*ret_n = insn_fetch(v, ps.code64, rip, buf);
	return insn_decode(buf, *ret_n, mode, ret);
}

static enum exit_next refuse(struct vcpu *v, const struct exit_info *x, const uint8_t *buf, unsigned int n)
{
	uint64_t first = 0;

	for (unsigned int i = 0; i < MIN(n, 8U); i++)
		first = first << 8 | buf[i];
	guest_log(v->d, "v%u: cannot carry out the %s of its APIC's page at %lx: rip %lx, %u bytes there begin with %lx", v->id,
		  x->npf.write ? "write" : "read", x->npf.gpa, v->regs.rip, MIN(n, 8U), first);
	return vcpu_crash(v, x, ZCRASH_APIC_ACCESS);
}

/* Where PCs have the end of their firmware, and Xen nothing: ones. GRUB (cbfs) looks for a pointer there when it starts. */
static bool is_firmware(uint64_t addr)
{
	return (addr & PAGE_MASK) == 0xfffff000;
}

bool guest_apic_at(const struct vcpu *v, uint64_t addr)
{
	return is_firmware(addr) || lapic_at(v, addr);
}

/* The processor has checked the guest's own tables and rights, and says which address it is. */
enum exit_next guest_apic_access(struct vcpu *v, const struct exit_info *x)
{
	uint32_t offset = x->npf.gpa & ~PAGE_MASK, mem = 0;
	uint8_t buf[INSN_MAX];
	unsigned int n = 0;
	struct insn_mem i;

	if (x->npf.indirect || !at_rip(v, buf, &n, &i))
		return refuse(v, x, buf, n);
	if (insn_reads(&i))
		mem = is_firmware(x->npf.gpa) ? ~0U : lapic_page_read(v, offset);
	mem = insn_execute(&i, &v->regs, mem);
	/* RIP first: an interrupt that the write raises comes behind the instruction. */
	ops->skip(v, i.len);
	if (insn_writes(&i) && !is_firmware(x->npf.gpa))
		lapic_page_write(v, offset, mem);
	return NEXT_RESUME;
}
