// SPDX-License-Identifier: GPL-2.0-only
/* Text for the domain's log: console_io writes and the debug port. It goes to dom0 through run->io. */
#include "guest/hypercall.h"

static void to_run_page(struct vcpu *v, uint32_t len)
{
	v->run->hyp.io_kind = ZIO_TEXT;
	v->run->hyp.io_len = len;
	v->reason = ZRUN_IO;
}

bool text_flush(struct vcpu *v)
{
	if (!v->g.text_len)
		return false;
	memcpy(v->run->io, v->g.text, v->g.text_len);
	to_run_page(v, v->g.text_len);
	v->g.text_len = 0;
	return true;
}

bool text_put(struct vcpu *v, char c)
{
	v->g.text[v->g.text_len++] = c;
	if (c != '\n' && v->g.text_len < TEXT_LINE)
		return false;
	return text_flush(v);
}

static int64_t write_text(struct hcall *h)
{
	uint32_t count = (uint32_t)h->arg[1];
	uint32_t n = MIN(count, (uint32_t)ZENDO_RUN_IO_SIZE);

	if (!n)
		return 0;
	if (text_flush(h->v)) {
		/* What the debug port holds was said first. */
		h->restart = true;
		hcall_to_dom0(h, ZRUN_IO);
		return 0;
	}
	if (hcall_get(h, h->arg[2], h->v->run->io, n))
		return -XEN_EFAULT;
	to_run_page(h->v, n);
	hcall_to_dom0(h, ZRUN_IO);
	h->arg[1] = count - n;
	h->arg[2] += n;
	h->restart = count > n;
	return 0;
}

int64_t hcall_console_io(struct hcall *h)
{
	switch ((uint32_t)h->arg[0]) {
	case CONSOLEIO_write:
		return write_text(h);
	case CONSOLEIO_read:
		/* A count that would not fit the result; else the bytes read: there is no input. */
		return (uint32_t)h->arg[1] > INT32_MAX ? -XEN_E2BIG : 0;
	default:
		return -XEN_ENOSYS;
	}
}
