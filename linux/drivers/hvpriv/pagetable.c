// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's first page table, built in chunk 0 by dom0 (abi.h, section 1):
 *
 *	ZENDO_VA_IMAGE		the image, 4 KiB pages, each segment with its own rights
 *	ZENDO_VA_DIRECT + hpa	every chunk, 2 MiB pages, RW NX
 *	the trampoline		one 4 KiB page of module text, RX, at its own address
 *
 * All three lie in the last 512th of a 5-level space, so with 5 levels there is one more table on
 * top with one entry, and nothing else differs.
 */
#include <linux/elf.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <asm/pgtable_types.h>

#include "hvpriv.h"

#define PTE_P		_PAGE_PRESENT
#define PTE_RW		_PAGE_RW
#define PTE_AD		(_PAGE_ACCESSED | _PAGE_DIRTY)
#define PTE_PS		_PAGE_PSE
#define PTE_NX		_PAGE_NX
#define PTE_TABLE	(PTE_P | PTE_RW | _PAGE_ACCESSED)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/* Tables needed at most: one on top of all, image 3, trampoline 3, chunks 2 each. */
unsigned int hv_pagetable_pages(unsigned int nr_chunks)
{
	return 2 + 3 + 3 + 2 * nr_chunks;
}

static u64 *table_alloc(struct hv_pagetable *pt, u64 *ret_hpa)
{
	u64 *table = pt->base + pt->next;

	if (pt->end - pt->next < PAGE_SIZE)
		return NULL;
	pt->next += PAGE_SIZE;
	*ret_hpa = virt_to_phys(table);
	return table;
}

/* The entry of @va in the table at @depth (3 = PDPT .. 1 = PT), tables made on the way. */
static u64 *entry_at(struct hv_pagetable *pt, u64 va, int depth)
{
	u64 *table = pt->pml4;
	u64 *e, hpa;
	int level;

	for (level = 4;; level--) {
		e = &table[(va >> (12 + 9 * (level - 1))) & 511];
		if (level == depth)
			return e;
		if (*e & PTE_P) {
			table = phys_to_virt(*e & PTE_ADDR);
			continue;
		}
		table = table_alloc(pt, &hpa);
		if (!table)
			return NULL;
		*e = hpa | PTE_TABLE;
	}
}

static int map_page(struct hv_pagetable *pt, u64 va, u64 hpa, u64 bits)
{
	u64 *e = entry_at(pt, va, 1);

	if (!e)
		return -ENOSPC;
	*e = hpa | PTE_P | PTE_AD | bits;
	return 0;
}

static int map_image(struct hv_pagetable *pt, const struct hv_image *img)
{
	u64 hpa = virt_to_phys(pt->base);
	u32 i, off;
	u64 bits;
	int r;

	for (i = 0; i < img->nr_segments; i++) {
		const struct hv_segment *seg = &img->segment[i];

		bits = (seg->flags & PF_W ? PTE_RW : 0) | (seg->flags & PF_X ? 0 : PTE_NX);
		for (off = seg->start; off < seg->end; off += PAGE_SIZE) {
			r = map_page(pt, ZENDO_VA_IMAGE + off, hpa + off, bits);
			if (r)
				return r;
		}
	}
	return 0;
}

static int map_chunks(struct hv_pagetable *pt, struct list_head *chunks)
{
	struct hv_chunk *c;
	u64 *e;

	list_for_each_entry(c, chunks, node) {
		e = entry_at(pt, ZENDO_VA_DIRECT + hv_chunk_hpa(c), 2);
		if (!e)
			return -ENOSPC;
		*e = hv_chunk_hpa(c) | PTE_P | PTE_AD | PTE_RW | PTE_PS | PTE_NX;
	}
	return 0;
}

static int map_trampoline(struct hv_pagetable *pt, unsigned long va)
{
	struct page *page = vmalloc_to_page((void *)va);

	return page ? map_page(pt, va, page_to_phys(page), 0) : -EFAULT;
}

/**
 * hv_pagetable_build() - build it
 * @pt: base, next, end and levels given; the memory is zeroed
 * @img: image at @pt->base
 * @chunks: struct hv_chunk list, all to be mapped
 * @trampoline: address of the page both worlds share
 *
 * Return: 0, -ENOSPC when [next, end) is too small, -EFAULT.
 */
int hv_pagetable_build(struct hv_pagetable *pt, const struct hv_image *img,
		       struct list_head *chunks, unsigned long trampoline)
{
	u64 hpa, *pml5;
	int r;

	pt->pml4 = table_alloc(pt, &pt->root_hpa);
	if (!pt->pml4)
		return -ENOSPC;
	if (pt->levels == 5) {
		pml5 = table_alloc(pt, &hpa);
		if (!pml5)
			return -ENOSPC;
		pml5[511] = pt->root_hpa | PTE_TABLE;
		pt->root_hpa = hpa;
	}
	r = map_image(pt, img);
	if (!r)
		r = map_chunks(pt, chunks);
	if (!r)
		r = map_trampoline(pt, trampoline);
	return r;
}
