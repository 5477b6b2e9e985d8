// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/ops.h"
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/dom0.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/log.h"
#include "core/map.h"
#include "core/pool.h"
#include "core/spec.h"
#include "core/start.h"
#include "guest/guest.h"

struct zendo_launch boot;
const struct vendor_ops *ops;
void time_init(void);

/* Filled by hvpriv before the first entry; see struct zendo_image_header. */
__attribute__((section(".launch"), used)) struct zendo_launch launch_record;

extern const struct zendo_image_header image_header;	/* arch/x86/entry.S */

static bool started;	/* hvpriv brings CPUs in one at a time */

struct cpu *cpu_by_id(uint32_t id)
{
	struct cpu *c;

	if (id >= boot.nr_cpus)
		return NULL;
	c = pool_va(hpa(boot.percpu_hpa[id]));
	return c->area.v ? c : NULL;
}

static bool in_chunk(uint64_t h, uint64_t size)
{
	for (uint32_t i = 0; i < boot.nr_chunks; i++)
		if (h >= boot.chunk[i] && h + size <= boot.chunk[i] + ZENDO_CHUNK_SIZE)
			return true;
	return false;
}

static int check_launch(void)
{
	if (boot.abi_version != ZENDO_ABI_VERSION || boot.vendor != ZENDO_VENDOR_SVM)
		return -XEN_EINVAL;
	if (!boot.nr_cpus || boot.nr_cpus > ZENDO_MAX_CPUS || (boot.levels != 4 && boot.levels != 5))
		return -XEN_EINVAL;
	if (!boot.nr_chunks || boot.nr_chunks > ZENDO_MAX_CHUNKS || boot.nr_ram > ZENDO_MAX_RAM_RANGES)
		return -XEN_EINVAL;
	if (boot.max_hpa > ZENDO_MAX_HPA || !boot.tsc_khz || boot.used_offset % PAGE_SIZE || boot.used_offset > ZENDO_CHUNK_SIZE)
		return -XEN_EINVAL;
	for (uint32_t i = 0; i < boot.nr_chunks; i++)
		if (boot.chunk[i] % ZENDO_CHUNK_SIZE || boot.chunk[i] >= ZENDO_MAX_HPA)
			return -XEN_EINVAL;
	for (uint32_t i = 0; i < boot.nr_cpus; i++)
		if (boot.percpu_hpa[i] % ZENDO_PERCPU_SIZE || !in_chunk(boot.percpu_hpa[i], ZENDO_PERCPU_SIZE))
			return -XEN_EINVAL;
	return 0;
}

static int start_once(void)
{
	int rc;

	map_init();
	time_init();
	log_init((uint16_t)boot.serial_port);
	pool_init();
	arch_features_init();
	ops = &svm_ops;
	rc = frame_init(boot.ram, boot.nr_ram);
	if (!rc)
		rc = dom0_map_init();
	if (rc) {
		hv_log("launch: %d while mapping dom0; %lu pool pages free", rc, pool_nr_free());
		return rc;
	}
	hv_log("zendo %s: %s, %u possible CPUs, %lu MiB of RAM, TSC %lu kHz, %d-level tables",
	       image_header.build, ops->name, boot.nr_cpus, frame_total() >> 8, boot.tsc_khz, (int)boot.levels);
	started = true;
	return 0;
}

/* A CPU's record, read through a window: it lies in dom0's memory. */
static int read_record(struct cpu *c, uint64_t record_hpa)
{
	if (record_hpa % PAGE_SIZE || record_hpa >= ZENDO_MAX_HPA)
		return -XEN_EINVAL;
	memcpy(&c->launch, map_window(WINDOW_DOM0, hpa_to_mfn(hpa(record_hpa))), sizeof(c->launch));
	return c->launch.cpu == c->id ? 0 : -XEN_EINVAL;
}

static void dom0_loop(struct cpu *c) __attribute__((noreturn));
static void dom0_loop(struct cpu *c)
{
	for (;;) {
		bool call;

		__atomic_store_n(&c->in_guest, true, __ATOMIC_SEQ_CST);
		call = ops->dom0_run(c, &c->dom0);
		__atomic_store_n(&c->in_guest, false, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&c->exits, 1, __ATOMIC_SEQ_CST);
		c->dom0_exits++;
		map_sync(c);
		if (call)
			dom0_call(c, &c->dom0);
		CHECK(!c->lock_ranks);
	}
}

static int bring_under(struct cpu *c)
{
	int rc = started ? 0 : check_launch();

	if (!rc && !started)
		rc = start_once();
	if (rc)
		return rc;
	c->apic_id = c->launch.apic_id;
	c->epoch = dom0_epoch();
	return ops->launch(c, &c->launch);
}

void cpu_enter(uint64_t record_hpa, uint32_t cpu)
{
	struct cpu *c = this_cpu();
	uint32_t gen;
	int rc;

	if (!started) {
		boot = launch_record;
		map_init();
	}
	/*
	 * The window needs the CPU's number; the area is this CPU's own and unused. Generations of ASIDs go on over a hotplug: a vCPU that
	 * ran here before must not take its old ASID for a present one. (The area was zeroed at launch.)
	 */
	gen = c->asid_gen;
	memset(c, 0, sizeof(*c));
	c->asid_gen = gen;
	c->id = cpu;
	if (cpu >= ZENDO_MAX_CPUS || read_record(c, record_hpa))
		machine_halt();		/* nowhere to go back to: hvpriv and image are not of one build */
	rc = bring_under(c);
	if (rc) {
		hv_log("CPU %u: refuses: %d", cpu, rc);
		arch_jump_out(&c->launch, (uint64_t)(int64_t)rc);
	}
	c->area = hpa(boot.percpu_hpa[cpu]);
	c->hold_what = 0;
	cpu_hold_begin(c);
	__atomic_store_n(&c->under, true, __ATOMIC_SEQ_CST);
	hv_log("CPU %u (APIC %u): under", cpu, c->apic_id);
	dom0_loop(c);
}

void cpu_leave(struct cpu *c, uint64_t ret)
{
	__atomic_store_n(&c->under, false, __ATOMIC_SEQ_CST);
	ops->leave(c, ret);
}
