/* SPDX-License-Identifier: GPL-2.0-only */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/params.h>

#include "build.h"
#include "fake-kernel.h"

#define PAGE 4096ULL
#define GIB (1ULL << 30)
#define MIB (1ULL << 20)

static struct zendo_error error;

/* ---- a guest's memory -------------------------------------------------------------------- */

struct fake_guest {
	struct {
		uint64_t gfn, nr;
		uint32_t flags;
		uint8_t *host;
	} range[8];
	unsigned nr;
	unsigned fail_at;	/* add_memory() number that fails, from 1; 0 = none */
};

static int add_memory(void *userdata, uint64_t gfn, uint64_t nr_pages, uint32_t flags)
{
	struct fake_guest *g = userdata;
	void *p;

	assert_true(nr_pages > 0);
	assert_in_range(g->nr, 0, 7);
	if (g->fail_at == g->nr + 1)
		return -ENOMEM;
	for (unsigned i = 0; i < g->nr; i++)
		assert_true(gfn + nr_pages <= g->range[i].gfn || gfn >= g->range[i].gfn + g->range[i].nr);
	p = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	g->range[g->nr].gfn = gfn;
	g->range[g->nr].nr = nr_pages;
	g->range[g->nr].flags = flags;
	g->range[g->nr++].host = p;
	return 0;
}

static void *guest_ptr(void *userdata, uint64_t gpa, uint64_t len)
{
	const struct fake_guest *g = userdata;

	for (unsigned i = 0; i < g->nr; i++) {
		const uint64_t start = g->range[i].gfn * PAGE, size = g->range[i].nr * PAGE;

		if (gpa >= start && len <= size && gpa - start <= size - len)
			return g->range[i].host + (gpa - start);
	}
	return NULL;
}

static void guest_done(struct fake_guest *g)
{
	for (unsigned i = 0; i < g->nr; i++)
		munmap(g->range[i].host, g->range[i].nr * PAGE);
}

static const void *look(struct fake_guest *g, uint64_t gpa, uint64_t len)
{
	const void *p = guest_ptr(g, gpa, len);

	if (!p)
		fail_msg("0x%lx is not there", gpa);
	return p;
}

/* ---- things to build from ------------------------------------------------------------------ */

static struct zendo_image *fake_image(uint64_t paddr, uint64_t memsz, uint8_t **ret_elf)
{
	struct zendo_image *image = NULL;
	size_t size;

	*ret_elf = fake_kernel_elf(&(struct fake_kernel){ .paddr = paddr, .memsz = memsz }, &size);
	assert_int_equal(zendo_image_parse(*ret_elf, size, NULL, &image, &error), 0);
	return image;
}

/* A file of @size bytes, byte i being i * 13. */
static int fake_ramdisk(size_t size)
{
	_cleanup_free_ uint8_t *data = malloc(size);
	int fd = memfd_create("ramdisk", MFD_CLOEXEC);

	assert_true(fd >= 0 && data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 13);
	assert_int_equal(write(fd, data, size), size);
	return fd;
}

/* ---- the guest as Linux finds it ------------------------------------------------------------ */

static uint32_t type_at(const struct hvm_memmap_table_entry *map, unsigned nr, uint64_t addr)
{
	for (unsigned i = 0; i < nr; i++)
		if (addr >= map[i].addr && addr - map[i].addr < map[i].size)
			return map[i].type;
	return 0;
}

static void check_memmap(struct fake_guest *g, const struct hvm_memmap_table_entry *map, unsigned nr, uint64_t ram)
{
	uint64_t end = 0, sum = 0;

	assert_in_range(nr, 1, 126);
	for (unsigned i = 0; i < nr; i++) {
		assert_true(map[i].addr >= end && map[i].size > 0);
		assert_int_equal((map[i].addr | map[i].size) % PAGE, 0);
		assert_int_equal(map[i].reserved, 0);
		end = map[i].addr + map[i].size;
		if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM) {
			assert_int_equal(map[i].addr % (2 * MIB), 0);
			sum += map[i].size;
		}
	}
	assert_int_equal(sum, ram);
	assert_int_equal(map[0].addr, 0);
	for (unsigned i = 0; i < g->nr; i++) {
		const bool special = g->range[i].flags == HVPRIV_MEM_SPECIAL;
		const uint32_t first = type_at(map, nr, g->range[i].gfn * PAGE);

		assert_true(first != 0);
		assert_int_equal(first != XEN_HVM_MEMMAP_TYPE_RAM, special);
		assert_int_equal(type_at(map, nr, (g->range[i].gfn + g->range[i].nr) * PAGE - 1), first);
	}
}

static uint8_t sum_bytes(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *p++;
	return s;
}

static const uint8_t *check_table(struct fake_guest *g, uint64_t gpa, const char *signature)
{
	const uint8_t *p = look(g, gpa, 36);
	uint32_t len;

	assert_memory_equal(p, signature, 4);
	memcpy(&len, p + 4, 4);
	p = look(g, gpa, len);
	assert_int_equal(sum_bytes(p, len), 0);
	return p;
}

/* One with a store is told of all vCPUs that it can have. */
static void check_acpi(struct fake_guest *g, uint64_t rsdp, unsigned enabled, unsigned maxvcpus)
{
	const uint8_t *p = look(g, rsdp, 36), *madt;
	uint64_t xsdt, at;
	uint32_t len;

	assert_memory_equal(p, "RSD PTR ", 8);
	assert_int_equal(sum_bytes(p, 36), 0);
	memcpy(&xsdt, p + 24, 8);
	p = check_table(g, xsdt, "XSDT");
	memcpy(&at, p + 36, 8);
	(void)check_table(g, at, "FACP");
	memcpy(&at, p + 44, 8);
	madt = check_table(g, at, "APIC");
	memcpy(&len, madt + 4, 4);
	assert_int_equal(len, 44 + 8 * maxvcpus);
	for (unsigned i = 0; i < maxvcpus; i++)
		assert_int_equal(madt[44 + 8 * i + 4], i < enabled);
}

static bool apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a + a_len <= b || b + b_len <= a;
}

static void check_ramdisk(struct fake_guest *g, const struct zendo_build_plan *plan,
			  const struct hvm_modlist_entry *module, size_t size)
{
	const struct zendo_image *image = plan->in.image;
	const uint8_t *data = look(g, module->paddr, module->size);

	assert_int_equal(module->size, size);
	assert_int_equal(module->paddr % PAGE, 0);
	assert_true(module->paddr + size <= 1ULL << 32);
	assert_true(apart(module->paddr, size, image->lowest, image->highest - image->lowest));
	assert_true(apart(module->paddr, size, plan->start_info, plan->start_info_size));
	assert_string_equal(look(g, module->cmdline_paddr, 1), "");
	for (size_t i = 0; i < size; i += 977)
		assert_int_equal(data[i], (uint8_t)(i * 13));
}

/* All that Linux does with a PVH start, rule by rule. */
static void check_guest(struct fake_guest *g, const struct zendo_build_plan *plan, size_t ramdisk_size)
{
	const struct zendo_image *image = plan->in.image;
	const struct hvpriv_vcpu_state *s = &plan->vcpu0;
	const struct hvm_start_info *info = look(g, s->rbx, sizeof(*info));
	const uint8_t *data;

	assert_int_equal(s->rip, image->entry);
	assert_int_equal(s->cr0, 0x11);
	assert_int_equal(s->cr3 | s->cr4 | s->efer, 0);
	assert_int_equal(s->rflags, 2);
	assert_int_equal(s->cs.attr, 0xc9b);
	assert_int_equal(s->ss.attr, 0xc93);
	assert_int_equal(s->tr.attr, 0x8b);
	assert_int_equal(s->up, 1);

	assert_int_equal(info->magic, 0x336ec578);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->flags, 0);
	assert_true(s->rbx < 1ULL << 32);
	assert_true(apart(plan->start_info, plan->start_info_size, image->lowest, image->highest - image->lowest));
	assert_true(info->memmap_paddr + info->memmap_entries * 24 <= GIB);
	check_memmap(g, look(g, info->memmap_paddr, info->memmap_entries * 24), info->memmap_entries,
		     plan->in.memory_mib * MIB);
	assert_int_equal(type_at(look(g, info->memmap_paddr, 24), info->memmap_entries, s->rbx), XEN_HVM_MEMMAP_TYPE_RAM);
	assert_string_equal(look(g, info->cmdline_paddr, 1), plan->in.cmdline ? plan->in.cmdline : "");
	assert_true(info->cmdline_paddr < 1ULL << 32);
	check_acpi(g, info->rsdp_paddr, plan->in.store ? plan->max_vcpus : plan->in.vcpus, plan->max_vcpus);

	assert_int_equal(info->nr_modules, ramdisk_size ? 1 : 0);
	if (ramdisk_size)
		check_ramdisk(g, plan, look(g, info->modlist_paddr, 32), ramdisk_size);
	else
		assert_int_equal(info->modlist_paddr, 0);

	for (unsigned i = 0; i < image->nr_segments; i++) {
		data = look(g, image->segments[i].paddr, image->segments[i].memsz);
		assert_memory_equal(data, image->segments[i].data, image->segments[i].filesz);
	}
}

/* Plan, fill, check and hand the plan out. */
static void build_and_check(const struct zendo_build_params *p, size_t ramdisk_size, struct zendo_build_plan *plan)
{
	_cleanup_(guest_done) struct fake_guest g = { .nr = 0 };
	const struct zendo_guest_mem mem = { &g, add_memory, guest_ptr };
	uint64_t pages = 0;

	memset(&error, 0, sizeof(error));
	if (zendo_build_plan(p, plan, &error) < 0 || zendo_build_fill(plan, &mem, &error) < 0)
		fail_msg("%s", error.text);
	check_guest(&g, plan, ramdisk_size);
	for (unsigned i = 0; i < g.nr; i++)
		pages += g.range[i].nr;
	assert_int_equal(pages, plan->max_pages - (plan->in.maxmem_mib - plan->in.memory_mib) * 256);
	/* rings are zero and reachable */
	assert_int_equal(*(const uint64_t *)look(&g, plan->console_gfn * PAGE, PAGE), 0);
	assert_int_equal(*(const uint64_t *)look(&g, plan->store_gfn * PAGE, PAGE), 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_small_guest_is_as_linux_wants_it(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	_cleanup_close_ int ramdisk = fake_ramdisk(3 * 1000 * 1000);
	struct zendo_build_plan plan;

	(void)state;
	build_and_check(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk, .memory_mib = 64,
						      .cmdline = "console=hvc0", .vcpus = 1 }, 3 * 1000 * 1000, &plan);
	assert_int_equal(plan.nr_memmap, 3);
	assert_int_equal(plan.max_pages, 64 * 256 + 3);
	/* the ring is there, the guest is not told */
	assert_int_equal(plan.store_gfn, 0xfeffc);
	assert_int_equal(plan.nr_params, 2);
	assert_int_equal(plan.params[0].index, HVM_PARAM_CONSOLE_PFN);
	assert_int_equal(plan.params[0].value, 0xfefff);
	assert_int_equal(plan.params[1].index, HVM_PARAM_STORE_PFN);
	assert_int_equal(plan.params[1].value, 0);
}

static void without_ramdisk_there_is_no_module_list(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0x100000, 0, &elf);
	struct zendo_build_plan plan;

	(void)state;
	build_and_check(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .memory_mib = 3, .vcpus = 1 },
			0, &plan);
}

static void ram_goes_on_above_4_gib(void **state)
{
	static const struct { uint64_t mib, low, high; unsigned nr_memmap; } cases[] = {
		{ 4031, 4031, 0, 3 }, { 4032, 4032, 0, 3 }, { 4033, 4032, 1, 4 }, { 16384, 4032, 12352, 4 },
	};
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	struct zendo_build_plan plan;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build_and_check(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .vcpus = 128,
							      .memory_mib = cases[i].mib }, 0, &plan);
		assert_int_equal(plan.nr_low_pages, cases[i].low * 256);
		assert_int_equal(plan.nr_high_pages, cases[i].high * 256);
		assert_int_equal(plan.nr_memmap, cases[i].nr_memmap);
	}
}

static void a_store_ring_and_spare_room_are_counted(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	struct zendo_build_plan plan;

	(void)state;
	build_and_check(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .memory_mib = 32,
						      .maxmem_mib = 64, .vcpus = 1, .maxvcpus = 4, .store = true }, 0, &plan);
	assert_int_equal(plan.max_pages, 64 * 256 + 3);
	assert_int_equal(plan.max_vcpus, 4);
	assert_int_equal(plan.flags, image->elf_class == 32 ? HVPRIV_CREATE_XAPIC : 0);
	assert_int_equal(plan.store_gfn, 0xfeffc);
	assert_int_equal(plan.params[1].value, 0xfeffc);
}

static void tables_stay_low_and_out_of_the_kernels_way(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL, *high_elf = NULL;
	/* covers 16 MiB to just above 1 GiB */
	_cleanup_(zendo_image_freep) struct zendo_image *large = fake_image(16 * MIB, GIB, &elf);
	_cleanup_(zendo_image_freep) struct zendo_image *high = fake_image(2 * GIB, 0, &high_elf);
	_cleanup_close_ int ramdisk = fake_ramdisk(100000);
	struct zendo_build_plan plan;

	(void)state;
	build_and_check(&(struct zendo_build_params){ .image = large, .ramdisk_fd = ramdisk, .memory_mib = 2048,
						      .vcpus = 1 }, 100000, &plan);
	assert_int_equal(plan.start_info, MIB);
	assert_true(plan.ramdisk > GIB);
	build_and_check(&(struct zendo_build_params){ .image = high, .ramdisk_fd = ramdisk, .memory_mib = 2050,
						      .vcpus = 1 }, 100000, &plan);
	assert_int_equal(plan.start_info, MIB);
}

static void refuse(const struct zendo_build_params *p, int r, const char *words)
{
	struct zendo_build_plan plan = { .nr_memmap = 42 };

	assert_int_equal(zendo_build_plan(p, &plan, &error), r);
	assert_int_equal(plan.nr_memmap, 42);
	if (!strstr(error.text, words))
		fail_msg("'%s' not in '%s'", words, error.text);
}

static void what_does_not_fit_is_refused_with_numbers(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	uint8_t *low_elf = NULL;
	struct zendo_image *low;

	(void)state;
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .memory_mib = 16, .vcpus = 1 },
	       -ENOSPC, "kernel occupies memory up to 18 MiB, the domain has 16 MiB");
	/* from 1 MiB to the very end of memory: not a page is left for start_info */
	low = fake_image(MIB, 2 * MIB, &low_elf);
	refuse(&(struct zendo_build_params){ .image = low, .ramdisk_fd = -1, .memory_mib = 4, .vcpus = 1 },
	       -ENOSPC, "no room for the start information");
	zendo_image_free(low);
	free(low_elf);
}

static void a_ramdisk_too_large_is_refused(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	_cleanup_close_ int ramdisk = fake_ramdisk(1), directory = -1;

	(void)state;
	assert_int_equal(ftruncate(ramdisk, 20 * MIB), 0);
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk, .memory_mib = 24, .vcpus = 1 },
	       -ENOSPC, "kernel (up to 18 MiB) and ramdisk (20 MiB) do not fit into the domain's 24 MiB");
	assert_int_equal(ftruncate(ramdisk, INT64_MAX), 0);
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk, .memory_mib = 24, .vcpus = 1 },
	       -ENOSPC, "do not fit");
	assert_int_equal(ftruncate(ramdisk, 0), 0);
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk, .memory_mib = 24, .vcpus = 1 },
	       -EINVAL, "empty");
	directory = open("/", O_RDONLY);
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = directory, .memory_mib = 24, .vcpus = 1 },
	       -EINVAL, "regular");
}

static void nonsense_is_refused(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	char cmdline[2049];

	(void)state;
	memset(cmdline, 'x', sizeof(cmdline));
	cmdline[2048] = '\0';
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .memory_mib = 64 }, -EINVAL, "vCPUs");
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .memory_mib = 64, .vcpus = 129 },
	       -EINVAL, "vCPUs");
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .vcpus = 1 }, -EINVAL, "MiB");
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .vcpus = 1, .memory_mib = 1ULL << 52 },
	       -EINVAL, "MiB");
	refuse(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .vcpus = 1, .memory_mib = 64,
					     .cmdline = cmdline }, -EINVAL, "2047");
}

static void memory_that_is_not_given_is_an_error(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	struct zendo_build_plan plan;

	(void)state;
	assert_int_equal(zendo_build_plan(&(struct zendo_build_params){ .image = image, .ramdisk_fd = -1, .vcpus = 1,
									.memory_mib = 8192 }, &plan, &error), 0);
	for (unsigned i = 1; i <= 4; i++) {
		_cleanup_(guest_done) struct fake_guest g = { .fail_at = i };

		assert_int_equal(zendo_build_fill(&plan, &(struct zendo_guest_mem){ &g, add_memory, guest_ptr },
						  &error), -ENOMEM);
		assert_non_null(strstr(error.text, "cannot give the domain"));
	}
}

static void a_ramdisk_that_became_shorter_is_an_error(void **state)
{
	_cleanup_free_ uint8_t *elf = NULL;
	_cleanup_(zendo_image_freep) struct zendo_image *image = fake_image(0, 0, &elf);
	_cleanup_close_ int ramdisk = fake_ramdisk(10000);
	_cleanup_(guest_done) struct fake_guest g = { .nr = 0 };
	struct zendo_build_plan plan;

	(void)state;
	assert_int_equal(zendo_build_plan(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk,
									.vcpus = 1, .memory_mib = 64 }, &plan, &error), 0);
	assert_int_equal(ftruncate(ramdisk, 9999), 0);
	assert_int_equal(zendo_build_fill(&plan, &(struct zendo_guest_mem){ &g, add_memory, guest_ptr }, &error), -EIO);
}

/* The first kernel of Debian's that can be read here, with its real ramdisk's size. */
static void a_debian_kernel_becomes_a_guest(void **state)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	_cleanup_close_ int ramdisk = fake_ramdisk(40 * 1000 * 1000);
	struct zendo_build_plan plan;
	struct dirent *d;
	DIR *boot = opendir("/boot");

	(void)state;
	while (boot && !image && (d = readdir(boot))) {
		char path[512];

		(void)snprintf(path, sizeof(path), "/boot/%s", d->d_name);
		if (strncmp(d->d_name, "vmlinuz-", 8) == 0)
			(void)zendo_image_open(path, NULL, &image, &error);
	}
	if (boot)
		closedir(boot);
	if (!image) {
		print_message("no readable /boot/vmlinuz-*\n");
		skip();
	}
	build_and_check(&(struct zendo_build_params){ .image = image, .ramdisk_fd = ramdisk, .memory_mib = 256,
						      .vcpus = 2, .cmdline = "console=hvc0" }, 40 * 1000 * 1000, &plan);
	print_message("start_info 0x%lx, ramdisk 0x%lx\n", plan.start_info, plan.ramdisk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_guest_is_as_linux_wants_it),
		cmocka_unit_test(without_ramdisk_there_is_no_module_list),
		cmocka_unit_test(ram_goes_on_above_4_gib),
		cmocka_unit_test(a_store_ring_and_spare_room_are_counted),
		cmocka_unit_test(tables_stay_low_and_out_of_the_kernels_way),
		cmocka_unit_test(what_does_not_fit_is_refused_with_numbers),
		cmocka_unit_test(a_ramdisk_too_large_is_refused),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(memory_that_is_not_given_is_an_error),
		cmocka_unit_test(a_ramdisk_that_became_shorter_is_an_error),
		cmocka_unit_test(a_debian_kernel_becomes_a_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
