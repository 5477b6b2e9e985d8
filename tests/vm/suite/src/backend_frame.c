// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend_frame TEST [N]: what the frame does for devices besides requests: vCPUs' threads that help, turns, the log of what dom0 wrote. As
 * backend.c.
 */
#include "backend_guest.h"

/* ---- vCPUs' threads that help ---- */

/* Under requests: the device goes, comes, loses its module; what was taken is answered, and no grant stays in use. */
static void helped(void)
{
	unsigned long long pieces = 0;
	struct guest g;

	vcpus_help();
	guest_start(&g, "helped", 1, 2);
	for (unsigned long i = 0; i < rounds; i++) {
		MUST(dev_add(&g, 1, -1) == 0);
		open_and_connect(&g, 1);
		tell(&g, GO, 0);
		traffic(&g, 100 + rnd() % 200);
		if (i % 4 == 1) {
			must_run("rmmod hvnullback && modprobe hvnullback");
			traffic(&g, 200);
		}
		if (i % 4 == 2) {
			MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0 && tell(&g, IN_USE, 0) == 0);
			MUST(dev_connect(&g, 1, NULL) == 0);
			traffic(&g, 200);
		}
		pieces += dev_info(&g, 1).by_vcpu;
		MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
		MUST(tell(&g, IN_USE, 0) == 0 && nr_devices() == 0);
		nothing_wrong(&g);
	}
	printf("%llu pieces by the vCPU's thread, %llu requests\n", pieces, (unsigned long long)g.box->answered);
	MUST(pieces > rounds);
	guest_end(&g);
}

/* ---- turns ---- */

static int connect_one(const struct guest *g, uint32_t devid, unsigned queue)
{
	struct hvback_queue q = { .nr_refs = { 1 }, .ref = { { g->box->queue[queue].ref } }, .port = { g->box->queue[queue].port } };
	struct hvback_connect c = { .id = id_of(g, devid), .nr_queues = 1, .queues = (uintptr_t)&q };

	return ioctl(hvback, HVBACK_CONNECT, &c);
}

/* Two devices, whose rings the guest keeps full, and one thread for both: neither waits for the other one. */
static void turns(void)
{
	uint64_t first, second;
	struct guest g;

	guest_start(&g, "turns", 1, 1);
	MUST(dev_add(&g, 1, -1) == 0 && dev_add(&g, 2, -1) == 0);
	tell(&g, OPEN, 0);
	MUST(connect_one(&g, 1, 0) == 0 && connect_one(&g, 2, 1) == 0);
	tell(&g, GO, 0);
	traffic(&g, 2000 * rounds);
	first = dev_info(&g, 1).requests;
	second = dev_info(&g, 2).requests;
	nothing_wrong(&g);
	printf("%llu and %llu requests\n", (unsigned long long)first, (unsigned long long)second);
	MUST(first >= second / 2 && second >= first / 2);
	guest_end(&g);
}

/* ---- what dom0 wrote ---- */

#define FRAMES	1024U		/* the guest has 4 MiB */

static int dirty(const struct guest *g, uint32_t op, uint64_t first, uint32_t nr, void *bits)
{
	struct hvpriv_dirty d = { .op = op, .nr = nr, .first = first, .bits = (uintptr_t)bits };

	return ioctl(g->dom, HVPRIV_DOM_DIRTY, &d);
}

/* @wanted and no other frame, or none (0) */
static void only(const struct guest *g, uint64_t wanted)
{
	uint64_t bits[FRAMES / 64];

	memset(bits, 0xa5, sizeof(bits));
	MUST(dirty(g, HVPRIV_DIRTY_TAKE, 0, FRAMES, bits) == 0);
	for (uint64_t i = 0; i < FRAMES; i++)
		if ((bits[i / 64] >> i % 64 & 1) != (wanted && i == wanted))
			errx(1, "frame %#llx is %smarked, wanted is %#llx", (unsigned long long)i, bits[i / 64] >> i % 64 & 1 ? "" : "not ",
			     (unsigned long long)wanted);
}

static void request(struct guest *g, uint32_t op, uint32_t from, uint32_t to, uint16_t offset, int status)
{
	g->box->req = (struct hvnull_request) { .op = op, .ref = { from, to }, .offset = offset, .len = 100 };
	tell(g, TRY, 0);
	MUST(g->box->rsp.status == status);
}

static void bad_looks(const struct guest *g)
{
	uint64_t bits[FRAMES / 64];

	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 1, 64, bits), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 0, 63, bits), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 0, 0, bits), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 0, 32768 + 64, bits), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 1ULL << 40, 64, bits), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_BEGIN, 0, 64, NULL), EINVAL);
	FAILS(dirty(g, HVPRIV_DIRTY_END, 64, 0, NULL), EINVAL);
	FAILS(dirty(g, 3, 0, 0, NULL), EINVAL);
	/* what nobody got is told the next time */
	FAILS(dirty(g, HVPRIV_DIRTY_TAKE, 0, FRAMES, (void *)8), EFAULT);
}

static void wrote(void)
{
	const uint64_t spare = SPARE_GPA / 4096;
	struct guest g;
	uint64_t bits[FRAMES / 64], n = 0;

	guest_start(&g, "wrote", 1, 1);
	MUST(dev_add(&g, 1, -1) == 0);
	open_and_connect(&g, 1);
	g.box->flags = 1;
	g.box->domid = 0;
	g.box->gfn = spare;
	tell(&g, GRANT, SPARE_REF);
	FAILS(dirty(&g, HVPRIV_DIRTY_TAKE, 0, FRAMES, bits), ENOENT);
	FAILS(dirty(&g, HVPRIV_DIRTY_END, 0, 0, NULL), ENOENT);
	request(&g, HVNULL_FILL, SPARE_REF, 0, 0, 0);
	MUST(dirty(&g, HVPRIV_DIRTY_BEGIN, 0, 0, NULL) == 0);
	only(&g, 0);
	request(&g, HVNULL_SUM, SPARE_REF, 0, 0, 0);
	request(&g, HVNULL_FILL, SPARE_REF, 0, 4000, -EINVAL);
	only(&g, 0);
	request(&g, HVNULL_FILL, SPARE_REF, 0, 0, 0);
	bad_looks(&g);
	only(&g, spare);
	only(&g, 0);
	request(&g, HVNULL_COPY, SOURCE_REF(0), SPARE_REF, 0, 0);
	only(&g, spare);
	request(&g, HVNULL_LATER, SPARE_REF, 0, 0, 0);
	only(&g, spare);
	/* begun anew it is empty; rings are written until they are let go */
	request(&g, HVNULL_FILL, SPARE_REF, 0, 0, 0);
	MUST(dirty(&g, HVPRIV_DIRTY_BEGIN, 0, 0, NULL) == 0);
	only(&g, 0);
	MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
	MUST(dirty(&g, HVPRIV_DIRTY_TAKE, 0, FRAMES, bits) == 0);
	for (unsigned i = 0; i < FRAMES / 64; i++)
		n += (unsigned)__builtin_popcountll(bits[i]);
	MUST(n == FRONT_QUEUES);
	MUST(dirty(&g, HVPRIV_DIRTY_END, 0, 0, NULL) == 0);
	FAILS(dirty(&g, HVPRIV_DIRTY_TAKE, 0, FRAMES, bits), ENOENT);
	/* it goes with its domain */
	MUST(dirty(&g, HVPRIV_DIRTY_BEGIN, 0, 0, NULL) == 0);
	guest_end(&g);
}

static const struct test tests[] = {
	{ "helped", helped }, { "turns", turns }, { "wrote", wrote },
	{}
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
