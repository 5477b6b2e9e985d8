// SPDX-License-Identifier: GPL-2.0-only
/*
 * poke: dom0's kernel touches the frames that the hypervisor has hidden from it, in each way that can happen, and says what
 * it saw. Loading it is the test; it refuses to stay (-EAGAIN), so it can be loaded again.
 *
 *	how=find	count hidden frames (PageOffline), and print where the first one is
 *	how=read	read all of them: they must be zeros
 *	how=write	write to the first one: it must fault
 *	how=zeropad	read a word that begins in the page below a hidden one, as the kernel's string functions do
 *	how=physical	write to a frame that is dom0's own: it must not fault
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/page-flags.h>
#include <linux/pfn.h>
#include <linux/uaccess.h>
#include <asm/asm.h>
#include <asm/word-at-a-time.h>

static char *how = "find";
module_param(how, charp, 0444);

static unsigned long last_pfn(void)
{
	struct sysinfo i;

	si_meminfo(&i);
	/* Twice the memory: room for the hole below 4 GiB. */
	return i.totalram * 2 + PFN_DOWN(SZ_1G);
}

static bool is_hidden(unsigned long pfn)
{
	return pfn_valid(pfn) && PageOffline(pfn_to_page(pfn));
}

static unsigned long next_hidden(unsigned long pfn)
{
	while (pfn < last_pfn() && !is_hidden(pfn))
		pfn++;
	return pfn < last_pfn() ? pfn : 0;
}

/* The usual exception table: no complaint in the log about the fault that we want. */
static bool write_faults(void *p)
{
	bool faulted = true;

	asm volatile("1: movb $0x5a, (%[p])\n\t"
		     "movb $0, %[faulted]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [faulted] "+m" (faulted) : [p] "r" (p) : "memory");
	return faulted;
}

static void find(void)
{
	unsigned long pfn, n = 0;

	for (pfn = next_hidden(0); pfn; pfn = next_hidden(pfn + 1))
		n++;
	pr_info("poke: %lu hidden frames, the first at %#lx\n", n, next_hidden(0) << PAGE_SHIFT);
}

static void read_all(void)
{
	unsigned long pfn, frames = 0, bad = 0;

	for (pfn = next_hidden(0); pfn; pfn = next_hidden(pfn + 1)) {
		if (memchr_inv(pfn_to_kaddr(pfn), 0, PAGE_SIZE))
			bad++;
		frames++;
	}
	pr_info("poke: read %lu frames, %lu were not zero\n", frames, bad);
}

static void write_first(void)
{
	unsigned long pfn = next_hidden(0);
	u8 *p = pfn_to_kaddr(pfn);
	bool faulted;

	if (!pfn)
		return;
	faulted = write_faults(p + 0x123);
	pr_info("poke: the write %s, then it reads %02x\n", faulted ? "faulted" : "went through", READ_ONCE(p[0x123]));
}

static void zeropad(void)
{
	unsigned long pfn, below, value, own, n = 0, bad = 0;
	unsigned int i;

	for (pfn = next_hidden(0); pfn; pfn = next_hidden(pfn + 1)) {
		below = (unsigned long)pfn_to_kaddr(pfn) - sizeof(long);
		if (is_hidden(pfn - 1) || !pfn_valid(pfn - 1))
			continue;
		for (i = 1; i < sizeof(long); i++) {
			/* Bytes of our own page, then bytes of the hidden one. */
			own = READ_ONCE(*(unsigned long *)below) >> (8 * i);
			value = load_unaligned_zeropad((void *)(below + i));
			bad += value != own;
			n++;
		}
	}
	pr_info("poke: %lu words across the edge, %lu wrong\n", n, bad);
}

static void write_own(void)
{
	void *p = (void *)__get_free_page(GFP_KERNEL);

	if (!p)
		return;
	pr_info("poke: the write %s\n", write_faults(p) ? "faulted" : "went through");
	free_page((unsigned long)p);
}

static int __init poke_init(void)
{
	if (!strcmp(how, "find"))
		find();
	else if (!strcmp(how, "read"))
		read_all();
	else if (!strcmp(how, "write"))
		write_first();
	else if (!strcmp(how, "zeropad"))
		zeropad();
	else if (!strcmp(how, "physical"))
		write_own();
	else
		return -EINVAL;
	return -EAGAIN;
}
module_init(poke_init);

MODULE_DESCRIPTION("Test: touch hidden frames");
MODULE_LICENSE("GPL");
