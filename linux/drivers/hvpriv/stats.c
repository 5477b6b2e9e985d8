// SPDX-License-Identifier: GPL-2.0-only
/* What the hypervisor tells about itself: counters, log, trace. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "domain.h"
#include "hv_call.h"
#include "hvpriv.h"

static void info_from_stats(struct hvpriv_info *info, const struct zendo_stats *st)
{
	BUILD_BUG_ON(sizeof(info->exits_by_kind) != sizeof(st->exits_by_kind));
	info->pool_pages = st->pool_pages;
	info->pool_free = st->pool_free;
	info->dom0_exits = st->dom0_exits;
	info->guest_exits = st->guest_exits;
	info->dom0_hidden_writes = st->dom0_hidden_writes;
	info->max_hold_ns = mul_u64_u32_div(st->max_gif0_tsc, 1000000, tsc_khz);
	info->check_failures = st->check_failures;
	memcpy(info->exits_by_kind, st->exits_by_kind, sizeof(info->exits_by_kind));
}

static void info_running(struct hvpriv_info *info)
{
	struct zendo_stats *st = (void *)get_zeroed_page(GFP_KERNEL);

	mutex_lock(&hv.lock);
	if (hv.state == HV_RUNNING) {
		info->flags |= HVPRIV_INFO_RUNNING;
		if (hv.image.flags & ZENDO_IMAGE_CHECK)
			info->flags |= HVPRIV_INFO_CHECK;
		info->nr_cpus_under = hv_nr_cpus_under();
		info->nr_domains = hv.nr_domains;
		info->hypervisor_bytes = READ_ONCE(hv.nr_chunks) * ZENDO_CHUNK_SIZE;
		memcpy(info->build, hv.image.build, sizeof(info->build));
		strscpy(info->vendor, hv.vendor == ZENDO_VENDOR_SVM ? "svm" : "vmx",
			sizeof(info->vendor));
		if (st && !hv_call1(ZCALL_STATS, virt_to_phys(st)))
			info_from_stats(info, st);
	}
	mutex_unlock(&hv.lock);
	free_page((unsigned long)st);
}

int hv_ioctl_info(struct hvpriv_info __user *arg)
{
	struct hvpriv_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	int r = 0;

	if (!info)
		return -ENOMEM;
	info->api_version = HVPRIV_API_VERSION;
	info->abi_version = ZENDO_ABI_VERSION;
	info->tsc_khz = tsc_khz;
	hv_pages_out_look();
	info->pages_out = hv_pages_out();
	info_running(info);
	if (copy_to_user(arg, info, sizeof(*info)))
		r = -EFAULT;
	kfree(info);
	return r;
}

/* One bounce page; a caller with more room comes back with the position it got. */
int hv_ioctl_log(struct hvpriv_log __user *arg)
{
	struct hvpriv_log l;
	struct zendo_log *page;
	long r;

	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	if (l.reserved)
		return -EINVAL;
	if (!hv_running())
		return -ENODEV;
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	r = hv_call3(ZCALL_LOG_READ, l.pos, virt_to_phys(page),
		     min_t(u64, PAGE_SIZE, sizeof(*page) + (u64)l.len));
	if (r >= 0) {
		l.len = min_t(u64, max_t(long, r - (long)sizeof(*page), 0),
			      min_t(u64, l.len, PAGE_SIZE - sizeof(*page)));
		l.start = page->start;
		l.pos = page->next;
		r = 0;
		if (copy_to_user(u64_to_user_ptr(l.buf), page + 1, l.len) ||
		    copy_to_user(arg, &l, sizeof(l)))
			r = -EFAULT;
	}
	free_page((unsigned long)page);
	return r;
}

int hv_ioctl_trace(struct hvpriv_trace_read __user *arg)
{
	struct hvpriv_trace_read t;
	struct hvpriv_trace *page;
	long r;

	BUILD_BUG_ON(sizeof(struct hvpriv_trace) != sizeof(struct zendo_trace));
	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	if (t.reserved)
		return -EINVAL;
	if (!hv_running())
		return -ENODEV;
	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	t.nr = min_t(u32, t.nr, PAGE_SIZE / sizeof(*page));
	r = hv_call4(ZCALL_TRACE_READ, t.cpu, t.pos, virt_to_phys(page), t.nr);
	if (r >= 0) {
		t.nr = min_t(u64, ZENDO_TRACE_NR(r), t.nr);
		t.start = ZENDO_TRACE_POS(r);
		t.pos = t.start + t.nr;
		r = 0;
		if (copy_to_user(u64_to_user_ptr(t.buf), page, t.nr * sizeof(*page)) ||
		    copy_to_user(arg, &t, sizeof(t)))
			r = -EFAULT;
	}
	free_page((unsigned long)page);
	return r;
}
